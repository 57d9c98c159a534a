"""What the rules of a deposit need to know of its row and of the provider's intent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from bountyexpo.domain.machine import Decision, Role, Timer
from bountyexpo.domain.money.payment import MACHINE, Effect, Event, Facts, PaymentStatus, event_of
from bountyexpo.observability.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from bountyexpo.integrations.stripe import Intent
    from bountyexpo.persistence.money.payments import Payment

# What a bank debit is called; one that has failed is not tried again.
BANK_ONLY: Final = ("us_bank_account",)

log = get_logger(__name__)


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


def facts_of(payment: Payment, intent: Intent) -> Facts:
    """Return what the rules look at; the owner is ours, never what the intent says."""
    is_ours = (
        intent.metadata.get("user_id") == payment.user_id
        and intent.currency.upper() == payment.currency
    )
    if not is_ours:
        log.error("an intent does not match its payment", payment=payment.id, intent=intent.id)
    return Facts(
        is_ours=is_ours,
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


def give_up_at(
    payment: Payment, status: PaymentStatus, timers: Iterable[Timer], now: datetime
) -> datetime | None:
    """Return when to give the intent up after a step to ``status``: anew, as before, or never."""
    if status not in MACHINE.moved_by(Event.GIVE_UP):
        return None
    after_s = seconds(timers, Event.GIVE_UP)
    return payment.give_up_at if after_s is None else now + timedelta(seconds=after_s)


def seconds(timers: Iterable[Timer], event: Event) -> int | None:
    """Return after which time ``event`` is due, if a timer of it has begun."""
    return next((timer.after_s for timer in timers if timer.event is event), None)
