"""What the provider is asked on behalf of an escrow: rows of the outbox, never a call.

Each is left in the transaction of its decision, with the key that makes a repetition harmless. A
call whose outcome moves the escrow on is kept in its row, too, so that it can be asked again word
for word until the outcome is known (contract money §3.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.domain.money import fees
from bountyexpo.domain.money.escrow import Effect
from bountyexpo.persistence.money.escrows import Call

if TYPE_CHECKING:
    from bountyexpo.actors.money.effects.escrow_step import Step
    from bountyexpo.persistence.transaction import Transaction


async def make_intent(tx: Transaction, step: Step) -> None:
    """Ask for an intent over the price."""
    amount_cents = step.escrow.amount_cents
    _begin(tx, step, Effect.MAKE_INTENT, _key(step, "bp_create"), amount_cents)


async def make_transfer(tx: Transaction, step: Step) -> None:
    """Ask for what the hunter has earned, less the fee; a split has paid it into a wallet."""
    if step.about.parts is None:
        paid = fees.release(step.escrow.amount_cents, step.fee_bps)
        key = _key(step, "bounty_release", step.escrow.settlement_round)
        _begin(tx, step, Effect.MAKE_TRANSFER, key, paid.hunter_cents)


async def make_refund(tx: Transaction, step: Step) -> None:
    """Ask for the whole price back to the card; a split has paid its part into a wallet."""
    if step.about.parts is None:
        key = _key(step, "bounty_refund", step.escrow.settlement_round)
        _begin(tx, step, Effect.MAKE_REFUND, key, step.escrow.amount_cents)


async def replay(tx: Transaction, step: Step) -> None:
    """Ask once more what has no known outcome."""
    call = step.escrow.call
    assert call is not None
    _leave(tx, step, call.effect, msgspec.to_builtins(call))


async def cancel_intent(tx: Transaction, step: Step) -> None:
    """Ask that nobody pays any more; if somebody just has, that comes back as a word."""
    _ask(tx, step, Effect.CANCEL_INTENT, key=_key(step, "bp_cancel"))


async def refund_stray_intent(tx: Transaction, step: Step) -> None:
    """Ask for money back that came for an earlier round and is in no book."""
    intent_id, cents = step.about.intent_id, step.about.received_cents
    assert intent_id is not None
    key = f"stray_refund_{intent_id}"
    _ask(tx, step, Effect.REFUND_STRAY_INTENT, key=key, intent=intent_id, amountCents=cents)


async def stop_refund(tx: Transaction, step: Step) -> None:
    """Ask that a refund stops which has not arrived: the card network takes the same money."""
    key = _key(step, "stop_refund", step.escrow.settlement_round)
    _ask(tx, step, Effect.STOP_REFUND, key=key, refundId=step.escrow.refund_id)


async def send_evidence(tx: Transaction, step: Step) -> None:
    """Show the card network that the price was given back before."""
    chargeback_id = step.chargeback_id
    key = f"evidence_{chargeback_id}"
    _ask(tx, step, Effect.SEND_EVIDENCE, key=key, chargebackId=chargeback_id)


def _begin(tx: Transaction, step: Step, effect: Effect, key: str, amount_cents: int) -> None:
    """Leave a call whose outcome moves the escrow on."""
    escrow = step.escrow
    call = Call(
        effect=effect.value,
        key=key,
        amount_cents=amount_cents,
        intent_id=escrow.intent_id,
        withdrawal_id=escrow.withdrawal_id,
    )
    step.change(call=call)
    _leave(tx, step, effect.value, msgspec.to_builtins(call))


def _ask(tx: Transaction, step: Step, effect: Effect, **payload: Any) -> None:
    known = {"intentId": step.escrow.intent_id, **payload}
    _leave(tx, step, effect.value, known)


def _leave(tx: Transaction, step: Step, effect: str, payload: dict[str, Any]) -> None:
    escrow = step.escrow
    tx.effect(
        f"escrow.{effect}",
        ("escrow", escrow.bounty_id),
        escrow.version,
        {**payload, "round": escrow.round},
    )


def _key(step: Step, word: str, number: int | None = None) -> str:
    escrow = step.escrow
    return f"{word}_{escrow.bounty_id}_{number or escrow.round}"
