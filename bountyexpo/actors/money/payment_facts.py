"""What the rules of a deposit need to know of its row and of the provider's intent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from bountyexpo.domain.machine import Decision, Role, Timer
from bountyexpo.domain.money.payment import (
    MACHINE,
    PURPOSES,
    Effect,
    Event,
    Facts,
    PaymentStatus,
    event_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from bountyexpo.integrations.stripe.intents import Intent
    from bountyexpo.persistence.money.payments import Payment

# What a bank debit is called; one that has failed is not tried again.
BANK_ONLY: Final = ("us_bank_account",)

# The provider's word for an intent that has brought its money.
SUCCEEDED: Final = "succeeded"


class Move(msgspec.Struct, frozen=True):
    """One event with what was decided on it."""

    event: Event
    decision: Decision[PaymentStatus, Facts]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider's word makes of a payment: where it leads, and the moves on the way."""

    status: PaymentStatus
    moves: tuple[Move, ...]

    @property
    def timers(self) -> tuple[Timer, ...]:
        """The timers that begin on the way."""
        return tuple(timer for move in self.moves for timer in move.decision.timers)

    def has(self, effect: Effect) -> bool:
        """Tell whether this follows on the way."""
        return any(effect in move.decision.effects for move in self.moves)

    def is_news_to(self, payment: Payment, intent: Intent) -> bool:
        """Tell whether there is anything to write."""
        return (
            self.status != payment.status
            or self.has(Effect.POST_DEPOSIT)
            or (self.has(Effect.KEEP_FAILURE) and payment.failure_code != intent.error_code)
        )


def differences(payment: Payment, intent: Intent) -> tuple[str, ...]:
    """Return in what the intent is not the one that we made for this payment; empty when it is.

    A signature only proves that the provider speaks. What it speaks of may be anybody's: another
    account's, another product's, another deposit's. The owner and the amount are ours to say.
    """
    metadata, received_cents = intent.metadata, intent.amount_received_cents
    own = {payment.stripe_payment_intent_id, *payment.replaced_intent_ids}
    has_arrived = intent.status == SUCCEEDED
    checks = {
        # Until the answer to our own call is kept, what it made is known by its metadata.
        "intent": intent.id in own or payment.stripe_payment_intent_id is None,
        "payment": metadata.get("payment_id") == payment.id,
        "owner": metadata.get("user_id") == payment.user_id,
        "purpose": metadata.get("purpose") == PURPOSES[payment.kind],
        "currency": intent.currency.upper() == payment.currency,
        "amount": intent.amount_cents == payment.amount_cents,
        "received": not has_arrived or 0 < received_cents <= payment.amount_cents,
    }
    return tuple(what for what, is_same in checks.items() if not is_same)


def facts_of(payment: Payment, intent: Intent) -> Facts:
    """Return what the rules look at."""
    return Facts(
        is_ours=not differences(payment, intent),
        is_current=is_current(payment, intent),
        is_bank=intent.method_types == BANK_ONLY,
    )


def is_current(payment: Payment, intent: Intent) -> bool:
    """Tell whether it is the payment's intent, and not one that a newer has replaced."""
    return payment.stripe_payment_intent_id in {None, intent.id}


def told_by(payment: Payment, intent: Intent) -> Told:
    """Fold what the intent says into the status; a new intent is kept before it speaks."""
    facts = facts_of(payment, intent)
    status, moves = PaymentStatus(payment.status), list[Move]()
    for event in (Event.CREATED, event_of(intent.status, has_error=intent.error_code is not None)):
        if event is not None:
            decision = MACHINE.decide(status, event, Role.PROVIDER, facts)
            status = decision.state
            if decision.is_move:
                moves.append(Move(event, decision))
    return Told(status=status, moves=tuple(moves))


def due_at(event: Event, before: datetime | None, told: Told, now: datetime) -> datetime | None:
    """Return when ``event`` is due after this: anew, as ``before``, or never."""
    if told.status not in MACHINE.moved_by(event):
        return None
    after_s = seconds(told.timers, event)
    return before if after_s is None else now + timedelta(seconds=after_s)


def seconds(timers: Iterable[Timer], event: Event) -> int | None:
    """Return after which time ``event`` is due, if a timer of it has begun."""
    return next((timer.after_s for timer in timers if timer.event is event), None)
