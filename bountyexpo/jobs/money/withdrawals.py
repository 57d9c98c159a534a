"""Withdrawals: what the outbox has left to be asked, and those that have waited for too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.actors.money.payee_messages import (
    STEP_S,
    BeginRetry,
    CarryOut,
    LookAgain,
    MakeAccount,
)
from bountyexpo.domain.money.withdrawal import Effect as Asked
from bountyexpo.errors import BountyExpoError
from bountyexpo.jobs.periodic import Periodic
from bountyexpo.observability.logs import get_logger
from bountyexpo.persistence.money import withdrawals
from bountyexpo.supervisors import Every

if TYPE_CHECKING:
    from bountyexpo.actors.system import Actors
    from bountyexpo.jobs.periodic import JobRun
    from bountyexpo.persistence.outbox import Effect
    from bountyexpo.persistence.pool import Pool

# Those that wait are looked for this often, so many at once, and again after so long.
EVERY_S = 30.0
BATCH = 100
AGAIN_S = 300.0

# The effects that ask the provider something, and the one that only looks.
CALLS = tuple(
    f"withdrawal.{effect.value}"
    for effect in (
        Asked.MAKE_TRANSFER,
        Asked.MAKE_PAYOUT,
        Asked.MAKE_STANDARD_PAYOUT,
        Asked.MAKE_REVERSAL,
        Asked.LOOK_AT_PAYOUT,
    )
)
LOOK = f"withdrawal.{Asked.LOOK_AT_PAYOUT.value}"
RETRY = f"withdrawal.{Asked.START_RETRY.value}"
MAKE_ACCOUNT = "connect.create_account"

log = get_logger(__name__)


async def look_at_due(run: JobRun) -> None:
    """Go on with withdrawals whose outcome is not known, or whose bank has said nothing."""
    async with run.transaction() as tx:
        found = await withdrawals.take_due(tx, BATCH, again_s=AGAIN_S)
    for user_id, withdrawal_id in found:
        look = LookAgain(withdrawal_id=withdrawal_id)
        try:
            await run.actors.payee(user_id).ask(look, timeout_s=STEP_S)
        except BountyExpoError as error:
            log.warning("a withdrawal waits on", id=withdrawal_id, error=error.error_code)


async def carry_out(actors: Actors, db: Pool, effect: Effect) -> None:
    """Ask what a withdrawal has left to be asked; an effect of the outbox."""
    found = await withdrawals.get(db, effect.aggregate_id)
    assert found is not None, "withdrawals are kept for ever"
    message = CarryOut(withdrawal_id=found.id, is_look=effect.type == LOOK)
    await actors.payee(found.user_id).ask(message, timeout_s=STEP_S)


async def begin_retry(actors: Actors, effect: Effect) -> None:
    """Make the withdrawal that tries another one again; an effect of the outbox."""
    payload = effect.payload
    message = BeginRetry(retry_id=payload["id"], withdrawal_id=payload["retryOf"])
    await actors.payee(payload["userId"]).ask(message, timeout_s=STEP_S)


async def make_account(actors: Actors, effect: Effect) -> None:
    """Finish to make a payout account; an effect of the outbox."""
    await actors.payee(effect.payload["userId"]).ask(MakeAccount(), timeout_s=STEP_S)


DUE = Periodic("withdrawals", Every(EVERY_S), look_at_due)
