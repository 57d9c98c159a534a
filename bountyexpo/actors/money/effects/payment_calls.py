"""The effects of a deposit's machine that ask the provider something, after the commit.

Every call that changes something has a key made of the payment's id and version, which are stored
before it. The version stands still until an answer is kept: a repetition after a lost answer has
the same key and does nothing twice, and another attempt has another one (contract money §3.2).
A key belongs to what it was first used with, so whatever else is sent is stored before, too, or is
a part of the key.

The app speaks to the provider as well, with an SDK of the provider's: whatever we ask for may have
happened. Then the intent as it is, is the answer.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bountyexpo.actors.money.payers import customer_of
from bountyexpo.domain.money.payment import PURPOSES, Effect
from bountyexpo.errors import NotStorable
from bountyexpo.persistence.money.payments import Payment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.integrations.stripe.intents import Intent


# What the provider calls an intent that waits for us and not for the payer, a bank or nobody.
UNCONFIRMED: Final = frozenset({"requires_payment_method", "requires_confirmation"})


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
    return await ports.stripe.intents.create(
        amount_cents=payment.amount_cents,
        currency=payment.currency.lower(),
        customer_id=await customer_of(ports, payment.user_id, question.email),
        metadata=metadata,
        idempotency_key=question.key("intent"),
    )


async def _confirm_intent(ports: ActorDependencies, question: Question) -> Intent:
    """Try to take the money, if that is still needed and there is a card to take it from."""
    intent = await _retrieve_intent(ports, question)
    card = question.payment_method
    if card is None or intent.status not in UNCONFIRMED:
        return intent
    return await ports.stripe.intents.confirm(
        intent.id,
        payment_method=card,
        idempotency_key=f"{question.key('confirm')}_{_digest(card)}",
    )


async def _cancel_intent(ports: ActorDependencies, question: Question) -> Intent:
    return await ports.stripe.intents.cancel(
        question.intent_id, idempotency_key=question.key("cancel")
    )


async def _retrieve_intent(ports: ActorDependencies, question: Question) -> Intent:
    return await ports.stripe.intents.retrieve(question.intent_id)


CALLS: Final[Mapping[Any, Callable[[ActorDependencies, Question], Awaitable[Intent]]]] = {
    Effect.MAKE_INTENT: _make_intent,
    Effect.CONFIRM_INTENT: _confirm_intent,
    Effect.CANCEL_INTENT: _cancel_intent,
    Effect.RETRIEVE_INTENT: _retrieve_intent,
}


def _digest(card: str) -> str:
    """Return what tells one card's key from another's.

    Raises:
        NotStorable: the id holds what no text can.
    """
    try:
        return sha256(card.encode()).hexdigest()[:16]
    except UnicodeEncodeError:
        raise NotStorable from None
