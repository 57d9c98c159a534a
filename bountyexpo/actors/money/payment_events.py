"""What a payer is told on their own stream about a deposit (contract realtime §4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.money.events import (
    PaymentActionRequired,
    PaymentEvent,
    PaymentFailed,
    PaymentSucceeded,
)
from bountyexpo.domain.money.payment import PaymentStatus

if TYPE_CHECKING:
    from bountyexpo.persistence.money.payments import Payment
    from bountyexpo.persistence.transaction import Transaction


def succeeded(tx: Transaction, payment: Payment, intent_id: str, amount_cents: int) -> None:
    """Tell that the money is in the wallet."""
    event = PaymentSucceeded(
        payment_id=payment.id, payment_intent_id=intent_id, amount_cents=amount_cents
    )
    _tell(tx, payment, event)


def failed(tx: Transaction, payment: Payment, reason: str | None) -> None:
    """Tell that the card was refused, and why; another one may be tried."""
    event = PaymentFailed(
        payment_id=payment.id,
        payment_intent_id=payment.stripe_payment_intent_id,
        amount_cents=payment.amount_cents,
        reason=reason,
    )
    _tell(tx, payment, event)


def moved(
    tx: Transaction, payment: Payment, status: PaymentStatus, failure_code: str | None
) -> None:
    """Tell what a step to ``status`` asks of the payer, if anything."""
    if failure_code is not None and failure_code != payment.failure_code:
        failed(tx, payment, failure_code)
    elif status is PaymentStatus.ACTION and payment.status != status.value:
        event = PaymentActionRequired(
            payment_id=payment.id,
            payment_intent_id=payment.stripe_payment_intent_id,
            amount_cents=payment.amount_cents,
        )
        _tell(tx, payment, event)


def _tell(tx: Transaction, payment: Payment, event: PaymentEvent) -> None:
    tx.event(event, of=payment.user_id, users=(payment.user_id,))
