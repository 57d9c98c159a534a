"""What the payment actor is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from bountyexpo.integrations.stripe.intents import Intent
from bountyexpo.runtime import Continuation, Message, Reply


class PaymentKind:
    """Marks what may be said to the owner of a payment."""


class IntentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The provider's intent, and the payment's own status after it was applied."""

    intent: Intent
    status: str


class CreateIntent(
    Message[PaymentKind, IntentAnswer], frozen=True, kw_only=True, tag="payment.create_intent"
):
    """Begin a deposit."""

    user_id: str
    email: str | None
    amount_cents: int
    description: str | None
    idempotency_key: str | None
    request_hash: str


class ConfirmIntent(
    Message[PaymentKind, IntentAnswer], frozen=True, kw_only=True, tag="payment.confirm"
):
    """Try to take the money, or find out what has become of it."""

    user_id: str
    payment_method: str | None


class CancelIntent(
    Message[PaymentKind, IntentAnswer], frozen=True, kw_only=True, tag="payment.cancel"
):
    """Give the deposit up, if no money is on its way."""

    user_id: str


class LookAtIntent(
    Message[PaymentKind, IntentAnswer], frozen=True, kw_only=True, tag="payment.look"
):
    """Find out what the provider says, and take it in."""


class ApplyProviderEvent(
    Message[PaymentKind, IntentAnswer], frozen=True, kw_only=True, tag="payment.event"
):
    """What a stored webhook said; the inbox row is marked in the same transaction."""

    intent: Intent
    inbox_id: int


class ResumePayment(
    Message[PaymentKind, IntentAnswer | None], frozen=True, kw_only=True, tag="payment.resume"
):
    """Finish a step that was cut off."""


class GiveUpPayment(
    Message[PaymentKind, IntentAnswer | None], frozen=True, kw_only=True, tag="payment.give_up"
):
    """Cancel an intent that nobody has paid in time."""


class PollPayment(
    Message[PaymentKind, IntentAnswer | None], frozen=True, kw_only=True, tag="payment.poll"
):
    """Ask the provider what has become of money that is on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAnswered(Continuation[PaymentKind]):
    """The outcome of a provider call, with the asker it belongs to."""

    intent: Intent | None
    error: Exception | None
    reply: Reply
    inbox_id: int | None = None


PaymentMessage: TypeAlias = (
    CreateIntent
    | ConfirmIntent
    | CancelIntent
    | LookAtIntent
    | ApplyProviderEvent
    | ResumePayment
    | GiveUpPayment
    | PollPayment
)
