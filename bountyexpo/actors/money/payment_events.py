"""What a payer is told on his own stream about a deposit (contract realtime §4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.money.payment import PaymentStatus

if TYPE_CHECKING:
    from bountyexpo.persistence.money.payments import Payment
    from bountyexpo.persistence.transaction import Transaction


async def succeeded(tx: Transaction, payment: Payment, intent_id: str, amount_cents: int) -> None:
    """Tell that the money is in the wallet."""
    await _tell(tx, payment, "succeeded", paymentIntentId=intent_id, amountCents=amount_cents)


async def failed(tx: Transaction, payment: Payment, reason: str | None) -> None:
    """Tell that the card was refused, and why; another one may be tried."""
    await _tell(tx, payment, "failed", reason=reason)


async def moved(
    tx: Transaction, payment: Payment, status: PaymentStatus, failure_code: str | None
) -> None:
    """Tell what a step to ``status`` asks of the payer, if anything."""
    if failure_code is not None and failure_code != payment.failure_code:
        await failed(tx, payment, failure_code)
    elif status is PaymentStatus.ACTION and payment.status != status.value:
        await _tell(tx, payment, "action_required")


async def _tell(tx: Transaction, payment: Payment, status: str, **fields: str | int | None) -> None:
    news = {
        "paymentId": payment.id,
        "paymentIntentId": payment.stripe_payment_intent_id,
        "amountCents": payment.amount_cents,
        "status": status,
    }
    stream = f"user:{payment.user_id}"
    await tx.event(stream, f"payment.{status}", news | fields, users=(payment.user_id,))
