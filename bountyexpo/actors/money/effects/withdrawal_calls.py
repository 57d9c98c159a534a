"""What the provider is asked on behalf of a withdrawal: rows of the outbox, never a call.

Each is left in the transaction of its decision, with the key that makes a repetition harmless, and
is kept in the row, so that it is asked again word for word until its outcome is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.domain.ids import new_id
from bountyexpo.domain.money.withdrawal import Effect
from bountyexpo.persistence.money.escrows import Call

if TYPE_CHECKING:
    from bountyexpo.actors.money.effects.withdrawal_step import Step
    from bountyexpo.persistence.transaction import Transaction


async def make_transfer(tx: Transaction, step: Step) -> None:
    """Ask that the money is moved to the connected account."""
    _begin(tx, step, Effect.MAKE_TRANSFER, f"transfer_{step.withdrawal.id}")


async def make_payout(tx: Transaction, step: Step) -> None:
    """Ask that the connected account pays it out to the bank, or to a card at once."""
    _begin(tx, step, Effect.MAKE_PAYOUT, f"payout_{step.withdrawal.id}")


async def make_standard_payout(tx: Transaction, step: Step) -> None:
    """Ask for the payout that takes days, where the one at once was refused."""
    _begin(tx, step, Effect.MAKE_STANDARD_PAYOUT, f"standard_payout_{step.withdrawal.id}")


async def make_reversal(tx: Transaction, step: Step) -> None:
    """Ask for the transfer back."""
    transfer_id = step.withdrawal.transfer_id
    assert transfer_id is not None
    _begin(tx, step, Effect.MAKE_REVERSAL, f"reverse_{transfer_id}")


async def replay(tx: Transaction, step: Step) -> None:
    """Ask once more what has no known outcome."""
    call = step.withdrawal.call
    assert call is not None
    _leave(tx, step, call.effect, msgspec.to_builtins(call))


async def look(tx: Transaction, step: Step) -> None:
    """Ask what has become of the payout, whose end may have been told to nobody."""
    _leave(tx, step, Effect.LOOK_AT_PAYOUT.value, {})


async def start_retry(tx: Transaction, step: Step) -> None:
    """Let a new withdrawal be asked for that names this one; its id is settled here."""
    withdrawal = step.withdrawal
    retry = {
        "id": step.about.retry_id or new_id(),
        "retryOf": withdrawal.id,
        "userId": withdrawal.user_id,
        "amountCents": withdrawal.amount_cents,
        "retries": withdrawal.retries,
    }
    _leave(tx, step, Effect.START_RETRY.value, retry)


def _begin(tx: Transaction, step: Step, effect: Effect, key: str) -> None:
    """Leave a call whose outcome moves the withdrawal on."""
    withdrawal = step.withdrawal
    call = Call(
        effect=effect.value,
        key=key,
        amount_cents=withdrawal.rest_cents,
        withdrawal_id=withdrawal.id,
        account_id=withdrawal.stripe_account_id,
        destination_id=withdrawal.destination_id,
        transfer_id=withdrawal.transfer_id,
    )
    step.change(call=call)
    _leave(tx, step, effect.value, msgspec.to_builtins(call))


def _leave(tx: Transaction, step: Step, effect: str, payload: dict[str, Any]) -> None:
    withdrawal = step.withdrawal
    about = ("withdrawal", withdrawal.id)
    tx.effect(f"withdrawal.{effect}", about, withdrawal.version, payload)
