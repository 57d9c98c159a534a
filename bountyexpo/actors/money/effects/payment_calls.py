"""The effects of a deposit's machine that ask the provider something, after the commit.

Every call that changes something has a key made of the payment's id and version, which are stored
before it. The version stands still until an answer is kept: a repetition after a lost answer has
the same key and does nothing twice, and another attempt has another one (contract money §3.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from bountyexpo.domain.money.payment import PURPOSES, Effect
from bountyexpo.errors import Conflict
from bountyexpo.persistence.money import payments
from bountyexpo.persistence.money.payments import Payment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.integrations.stripe import Intent


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: of which payment, and what only the asker knows."""

    payment: Payment
    email: str | None = None
    payment_method: str | None = None
    # The intent of a webhook that has overtaken the answer to our own call.
    told_intent_id: str | None = None

    @property
    def intent_id(self) -> str:
        """The intent that is asked about."""
        found = self.told_intent_id or self.payment.stripe_payment_intent_id
        assert found is not None
        return found

    def key(self, word: str) -> str:
        """Return the key of a call at this version."""
        return f"{word}_{self.payment.id}_{self.payment.version}"


async def _make_intent(ports: ActorDependencies, question: Question) -> Intent:
    payment = question.payment
    metadata = {
        "user_id": payment.user_id,
        "payment_id": payment.id,
        "purpose": PURPOSES[payment.kind],
    }
    if payment.description:
        metadata["description"] = payment.description
    return await ports.stripe.create_payment_intent(
        amount_cents=payment.amount_cents,
        currency=payment.currency.lower(),
        customer_id=await _customer_of(ports, question),
        metadata=metadata,
        idempotency_key=question.key("intent"),
    )


async def _customer_of(ports: ActorDependencies, question: Question) -> str:
    user_id = question.payment.user_id
    known = await payments.customer_of(ports.db, user_id)
    if known is not None:
        return known
    customer_id = await ports.stripe.create_customer(
        user_id=user_id, email=question.email, idempotency_key=f"customer_{user_id}"
    )
    await payments.keep_customer(ports.db, user_id, customer_id)
    return customer_id


async def _confirm_intent(ports: ActorDependencies, question: Question) -> Intent:
    """Try to take the money; without a card there is only the state of the intent to learn."""
    if question.payment_method is None:
        return await _retrieve_intent(ports, question)
    return await ports.stripe.confirm_payment_intent(
        question.intent_id,
        payment_method=question.payment_method,
        idempotency_key=question.key("confirm"),
    )


async def _cancel_intent(ports: ActorDependencies, question: Question) -> Intent:
    """Cancel the intent, or learn what it was that came first."""
    try:
        return await ports.stripe.cancel_payment_intent(
            question.intent_id, idempotency_key=question.key("cancel")
        )
    except Conflict:
        return await _retrieve_intent(ports, question)


async def _retrieve_intent(ports: ActorDependencies, question: Question) -> Intent:
    return await ports.stripe.retrieve_payment_intent(question.intent_id)


CALLS: Final[Mapping[Any, Callable[[ActorDependencies, Question], Awaitable[Intent]]]] = {
    Effect.MAKE_INTENT: _make_intent,
    Effect.CONFIRM_INTENT: _confirm_intent,
    Effect.CANCEL_INTENT: _cancel_intent,
    Effect.RETRIEVE_INTENT: _retrieve_intent,
}
