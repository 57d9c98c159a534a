"""What each effect of a deposit's machine writes, inside the transaction of the decision.

Effects that ask the provider something are in ``payment_calls``: they run after the commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from bountyexpo.actors.money import postings
from bountyexpo.actors.money.payment_facts import Told, due_at, is_current
from bountyexpo.domain.money.events import (
    PaymentActionRequired,
    PaymentEvent,
    PaymentFailed,
    PaymentSucceeded,
)
from bountyexpo.domain.money.ledger import chargebacks, wallets
from bountyexpo.domain.money.payment import Effect, Event, PaymentStatus
from bountyexpo.domain.notices import Notice
from bountyexpo.integrations.stripe.intents import Intent
from bountyexpo.persistence.money import ledger, ledger_accounts, payments
from bountyexpo.persistence.money.payments import Advance

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from bountyexpo.persistence.money.payments import Payment
    from bountyexpo.persistence.transaction import Transaction


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider says: of an intent, of our own call, or of money that went back."""

    intent: Intent | None = None
    # Why our own call was refused: an attempt that nobody has heard of yet.
    refused_as: str | None = None
    refund_id: str | None = None
    chargeback_id: str | None = None
    amount_cents: int = 0


class Step:
    """A payment on its way to its next version; its handlers fill in what the row then keeps."""

    __slots__ = ("event", "failure_code", "intent_id", "is_credited", "payment", "said")

    def __init__(self, payment: Payment, said: Said) -> None:
        self.payment = payment
        self.said = said
        self.event: Event
        self.intent_id: str | None = None
        # What the intent says of its last attempt; of another intent it says nothing.
        self.failure_code = payment.failure_code
        if said.intent is not None and is_current(payment, said.intent):
            self.failure_code = said.intent.error_code
        # This step has brought the money, which no step before it had.
        self.is_credited = False

    @property
    def intent(self) -> Intent:
        """The intent that this step is about."""
        assert self.said.intent is not None
        return self.said.intent


async def carry_out(
    tx: Transaction, payment: Payment, told: Told, said: Said, *, now: datetime
) -> Payment:
    """Do what was decided, write the row over the version decided on, and return it.

    Raises:
        StaleVersion: the row is not at that version.
    """
    step = Step(payment, said)
    for move in told.moves:
        step.event = move.event
        for effect in move.decision.effects:
            await HANDLERS[effect](tx, step)
    return await payments.advance(
        tx,
        payment,
        Advance(
            status=told.status.value,
            intent_id=step.intent_id,
            failure_code=step.failure_code,
            give_up_at=due_at(Event.GIVE_UP, payment.give_up_at, told, now),
            poll_at=due_at(Event.POLL, payment.poll_at, told, now),
        ),
    )


async def _keep_intent(_tx: Transaction, step: Step) -> None:
    step.intent_id = step.intent.id


async def _keep_failure(tx: Transaction, step: Step) -> None:
    """Keep why an attempt has failed, and tell it once; another one may follow."""
    payment, said = step.payment, step.said
    step.failure_code = said.refused_as or step.failure_code
    if said.refused_as is None and step.failure_code == payment.failure_code:
        return
    event = PaymentFailed(reason=step.failure_code, **_about(step))
    _tell(tx, step, event)
    if payment.status == PaymentStatus.PROCESSING:
        # It was going well when the payer was last told of it.
        _notify_failure(tx, step)


async def _post_deposit(tx: Transaction, step: Step) -> None:
    payment, intent = step.payment, step.intent
    amount_cents = intent.amount_received_cents
    transfer = wallets.deposit_captured(
        intent_id=intent.id, user_id=payment.user_id, amount_cents=amount_cents
    )
    step.is_credited = await postings.post(tx, transfer)
    if step.is_credited:
        tx.audit(
            category="payment",
            action="deposit",
            actor_id=payment.user_id,
            target=("payment", payment.id),
            amount_cents=amount_cents,
        )


async def _post_card_refund(tx: Transaction, step: Step) -> None:
    """Take back what went back to the card; what is spent of it is owed."""
    payment, said = step.payment, step.said
    assert said.refund_id is not None
    wallet = await ledger.wallet(tx, payment.user_id)
    await postings.post(
        tx,
        chargebacks.deposit_refunded(
            refund_id=said.refund_id,
            user_id=payment.user_id,
            amount_cents=said.amount_cents,
            available_cents=wallet.free_cents,
        ),
    )


async def _post_chargeback(tx: Transaction, step: Step) -> None:
    """Hold what is there of the disputed deposit, and let nothing else go out."""
    payment, said = step.payment, step.said
    assert said.chargeback_id is not None
    wallet = await ledger.wallet(tx, payment.user_id)
    await postings.post(
        tx,
        chargebacks.chargeback_opened(
            chargeback_id=said.chargeback_id,
            user_id=payment.user_id,
            amount_cents=said.amount_cents,
            available_cents=wallet.free_cents,
        ),
    )
    await ledger_accounts.freeze(tx, payment.user_id)


async def _notify_payer(tx: Transaction, step: Step) -> None:
    """Tell the payer what has become of the money, or what the bank wants of them."""
    said = step.said
    if step.event is Event.REQUIRES_ACTION:
        _tell(tx, step, PaymentActionRequired(**_about(step)))
    elif step.event is Event.SUCCEEDED and step.is_credited:
        cents = step.intent.amount_received_cents
        about = _about(step) | {"payment_intent_id": step.intent.id, "amount_cents": cents}
        _tell(tx, step, PaymentSucceeded(**about))
        _notify(tx, step, Notice.DEPOSIT_SUCCEEDED, f"dep:{step.intent.id}", cents)
    elif step.event is Event.PAYMENT_FAILED:
        _notify_failure(tx, step)
    elif step.event is Event.REFUNDED:
        _notify(tx, step, Notice.DEPOSIT_REFUNDED, f"ref:{said.refund_id}", said.amount_cents)
    elif step.event is Event.CHARGEBACK:
        key = f"sd:{said.chargeback_id}:opened"
        _notify(tx, step, Notice.CHARGEBACK, key, said.amount_cents)


def _notify_failure(tx: Transaction, step: Step) -> None:
    # A payment has one failure in each of its versions.
    key = f"depf:{step.payment.id}:{step.payment.version}"
    _notify(tx, step, Notice.DEPOSIT_FAILED, key, step.payment.amount_cents)


def _notify(tx: Transaction, step: Step, kind: Notice, key: str, amount_cents: int) -> None:
    payment = step.payment
    data: dict[str, Any] = {"paymentId": payment.id, "amountCents": amount_cents}
    if step.failure_code is not None:
        data["reason"] = step.failure_code
    tx.notify(kind, [payment.user_id], data, dedupe_key=key)


def _about(step: Step) -> dict[str, Any]:
    payment = step.payment
    return {
        "payment_id": payment.id,
        "payment_intent_id": step.intent_id or payment.stripe_payment_intent_id,
        "amount_cents": payment.amount_cents,
    }


def _tell(tx: Transaction, step: Step, event: PaymentEvent) -> None:
    user_id = step.payment.user_id
    tx.event(event, of=user_id, users=(user_id,))


HANDLERS: Final[Mapping[Any, Callable[[Transaction, Step], Awaitable[None]]]] = {
    Effect.KEEP_INTENT: _keep_intent,
    Effect.KEEP_FAILURE: _keep_failure,
    Effect.POST_DEPOSIT: _post_deposit,
    Effect.POST_CARD_REFUND: _post_card_refund,
    Effect.POST_CHARGEBACK: _post_chargeback,
    Effect.NOTIFY_PAYER: _notify_payer,
}
