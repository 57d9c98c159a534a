"""Disputes that nobody answers, that wait too long, and decisions that nobody has appealed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from bountyexpo.actors.market.bounty_messages import TakeDisputeStep
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.dispute import Event
from bountyexpo.errors import BountyExpoError
from bountyexpo.jobs.periodic import Periodic
from bountyexpo.observability.logs import get_logger
from bountyexpo.persistence.market import dispute_answers, disputes
from bountyexpo.supervisors import Every

if TYPE_CHECKING:
    from bountyexpo.jobs.periodic import JobRun

# They are looked for this often, and so many of each kind at once.
EVERY_S: Final = 60.0
BATCH: Final = 100

TIMERS: Final = (Event.AUTO_CLOSE, Event.ESCALATE, Event.APPEAL_WINDOW_OVER)

log = get_logger(__name__)


async def tell_due(event: Event, run: JobRun) -> None:
    """Tell disputes that their time is over; whether it is, each decides."""
    now = run.dependencies.clock.now()
    for dispute_id, bounty_id in await disputes.due(run.db, event, now, BATCH):
        tick = TakeDisputeStep(dispute_id=dispute_id, event=event, actor_id=None, role=Role.TIMER)
        try:
            await run.actors.bounty(bounty_id).ask(tick)
        except BountyExpoError as error:
            log.warning(
                "a dispute was not told that it is due",
                dispute=dispute_id,
                timer=event.value,
                error=error.error_code,
            )


async def forget_staged(run: JobRun) -> None:
    """Delete evidence that was staged and not shown in time."""
    async with run.transaction() as tx:
        await dispute_answers.forget(tx)


# Each is a job of its own, so that none holds up another.
DISPUTES: Final = tuple(
    Periodic(f"dispute_{event.value}", Every(EVERY_S), partial(tell_due, event)) for event in TIMERS
)
STAGED_EVIDENCE: Final = Periodic("staged_evidence", Every(EVERY_S), forget_staged)
