"""What the rules of a deposit need to know of its row and of the provider's intent."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from bountyexpo.domain.machine import Decision, Role, Timer
from bountyexpo.domain.money.payment import MACHINE, Effect, Event, Facts, PaymentStatus, event_of
from bountyexpo.observability.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from bountyexpo.integrations.stripe import Intent
    from bountyexpo.persistence.money.payments import Payment

log = get_logger(__name__)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What an intent makes of a payment."""

    status: PaymentStatus
    effects: tuple[StrEnum, ...]
    timers: tuple[Timer, ...]

    def is_news_to(self, payment: Payment, intent: Intent) -> bool:
        """Tell whether there is anything to write."""
        return (
            self.status != payment.status
            or Effect.POST_DEPOSIT in self.effects
            or (Effect.KEEP_FAILURE in self.effects and payment.failure_code != intent.error_code)
        )


def facts_of(payment: Payment, intent: Intent) -> Facts:
    """Return what the rules look at; the owner is ours, never what the intent says."""
    is_ours = (
        intent.metadata.get("user_id") == payment.user_id
        and intent.currency.upper() == payment.currency
    )
    if not is_ours:
        log.error("an intent does not match its payment", payment=payment.id, intent=intent.id)
    known = payment.stripe_payment_intent_id
    return Facts(is_ours=is_ours, is_current=known in {None, intent.id})


def told_by(payment: Payment, intent: Intent) -> Told:
    """Fold what the intent says into the status; a new intent is kept before it speaks."""
    facts = facts_of(payment, intent)
    status, decisions = PaymentStatus(payment.status), list[Decision[PaymentStatus, Facts]]()
    for event in (Event.CREATED, event_of(intent.status, has_error=intent.error_code is not None)):
        if event is not None:
            decisions.append(MACHINE.decide(status, event, Role.PROVIDER, facts))
            status = decisions[-1].state
    return Told(
        status=status,
        effects=tuple(effect for each in decisions for effect in each.effects),
        timers=tuple(timer for each in decisions for timer in each.timers),
    )


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
