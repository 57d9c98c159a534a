"""Bounties whose end date has passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.actors.market.bounty_messages import TakeStep
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.bounty import Event
from bountyexpo.domain.market.bounty_rules import MACHINE
from bountyexpo.errors import BountyExpoError
from bountyexpo.jobs.periodic import Periodic
from bountyexpo.observability.logs import get_logger
from bountyexpo.persistence.market import bounties
from bountyexpo.supervisors import Every

if TYPE_CHECKING:
    from bountyexpo.jobs.periodic import JobRun

# They are looked for this often, and so many at once.
EVERY_S = 60.0
BATCH = 100

log = get_logger(__name__)


async def tell_expired(run: JobRun) -> None:
    """Tell the posters of bounties whose end date has passed."""
    tick = TakeStep(event=Event.EXPIRY_TICK, actor_id=None, role=Role.TIMER)
    for bounty_id in await bounties.expired(run.db, MACHINE.moved_by(Event.EXPIRY_TICK), BATCH):
        try:
            await run.actors.bounty(bounty_id).ask(tick)
        except BountyExpoError as error:
            log.warning("an expiry was not told", bounty=bounty_id, error=error.error_code)


EXPIRY = Periodic("expiry", Every(EVERY_S), tell_expired)
