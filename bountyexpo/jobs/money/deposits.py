"""Deposits: the step that was cut off, the one that nobody pays, and the one whose bank is slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.actors.money.payment_messages import GiveUpPayment, PollPayment, ResumePayment
from bountyexpo.domain.money import payment
from bountyexpo.errors import BountyExpoError
from bountyexpo.jobs.periodic import Periodic
from bountyexpo.observability.logs import get_logger
from bountyexpo.persistence.money import payments
from bountyexpo.supervisors import Every

if TYPE_CHECKING:
    from bountyexpo.actors.system import Actors
    from bountyexpo.jobs.periodic import JobRun
    from bountyexpo.persistence.outbox import Effect

# A step of a payment may wait for the provider this long.
STEP_S = 20.0

# Unpaid deposits are looked for this often, and so many at once.
EVERY_S = 60.0
BATCH = 100

# A deposit that could not be given up is tried again after an hour.
GIVE_UP_AGAIN_S = 3_600.0

log = get_logger(__name__)


async def give_up_unpaid(run: JobRun) -> None:
    """Cancel deposits that nobody has paid in time."""
    unpaid = payment.MACHINE.moved_by(payment.Event.GIVE_UP)
    for payment_id in await payments.given_up(run.db, unpaid, BATCH):
        try:
            await run.actors.payment(payment_id).ask(GiveUpPayment(), timeout_s=STEP_S)
        except BountyExpoError as error:
            log.warning("a deposit was not given up", payment=payment_id, error=error.error_code)
        # Also when the provider had nothing new to say.
        async with run.transaction() as tx:
            await payments.give_up_later(tx, payment_id, GIVE_UP_AGAIN_S)


async def poll_processing(run: JobRun) -> None:
    """Ask for deposits whose money is on its way: the webhook of its end may be lost."""
    actors = run.actors
    under_way = payment.MACHINE.moved_by(payment.Event.POLL)
    times = {"first_s": payment.POLL_FIRST_S, "most_s": payment.POLL_MAX_S}
    async with run.transaction() as tx:
        found = await payments.polled(tx, under_way, BATCH, **times)
    for payment_id in found:
        try:
            await actors.payment(payment_id).ask(PollPayment(), timeout_s=STEP_S)
        except BountyExpoError as error:
            log.warning("a deposit was not polled", payment=payment_id, error=error.error_code)


async def resume_payment(actors: Actors, effect: Effect) -> None:
    """Finish a step that was cut off; an effect of the outbox."""
    await actors.payment(effect.aggregate_id).ask(ResumePayment(), timeout_s=STEP_S)


PROCESSING = Periodic("processing", Every(EVERY_S), poll_processing)
UNPAID = Periodic("unpaid", Every(EVERY_S), give_up_unpaid)
