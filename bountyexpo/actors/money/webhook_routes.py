"""Which events of the payment provider are whose: a row for each type with an owner (money §4).

A later version adds rows; what it then knows is taken up from the events that were deferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from bountyexpo.actors.money.payment_messages import ApplyProviderEvent
from bountyexpo.domain.ids import is_id
from bountyexpo.domain.money.findings import Finding
from bountyexpo.errors import NotFound
from bountyexpo.integrations.stripe.intents import intent_of
from bountyexpo.persistence.money import payments

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bountyexpo.actors.system import Actors
    from bountyexpo.integrations.stripe.intents import Intent
    from bountyexpo.persistence.inbox import InboxEvent
    from bountyexpo.persistence.money.payments import Payment
    from bountyexpo.persistence.pool import Pool


class NotOurs(Exception):
    """An event about something that is not of our making: nothing follows, people look at it."""

    def __init__(self, finding: Finding, subject: tuple[str, str], details: dict[str, Any]) -> None:
        super().__init__(finding.value)
        self.finding = finding
        self.subject = subject
        self.details = details


class Unreadable(Exception):
    """An event whose object has not the shape that its type promises."""


class Route(NamedTuple):
    """Who hears an event, and whether it is about the platform's own account only."""

    deliver: Callable[[Pool, Actors, InboxEvent], Awaitable[None]]
    is_platform: bool


async def to_payment(db: Pool, actors: Actors, event: InboxEvent) -> None:
    """Hand the event of an intent to the payment for which it was made.

    Raises:
        NotOurs: there is none, or our account knows of no such intent.
        Unreadable: this is no intent.
        BountyExpoError: what the payment says of it.
    """
    intent = _intent(event.payload.get("object"))
    payment = await _payment_of(db, intent)
    if payment is None:
        raise _unknown(event, intent)
    message = ApplyProviderEvent(intent=intent, inbox_id=event.id)
    try:
        await actors.payment(payment.id).ask(message)
    except NotFound as error:
        raise _unknown(event, intent) from error


ROUTES: Final[Mapping[str, Route]] = dict.fromkeys(
    (
        "payment_intent.amount_capturable_updated",
        "payment_intent.canceled",
        "payment_intent.created",
        "payment_intent.partially_funded",
        "payment_intent.payment_failed",
        "payment_intent.processing",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
    ),
    Route(to_payment, is_platform=True),
)


def _intent(found: Any) -> Intent:
    try:
        return intent_of(found)
    except msgspec.ValidationError as error:
        raise Unreadable(f"this is no intent: {error}") from error


async def _payment_of(db: Pool, intent: Intent) -> Payment | None:
    """Find the payment by its intent, or by the id that it gave the intent when made."""
    known = await payments.of_intent(db, intent.id)
    if known is not None:
        return known
    named = intent.metadata.get("payment_id")
    return await payments.get(db, named) if named and is_id(named) else None


def _unknown(event: InboxEvent, intent: Intent) -> NotOurs:
    details = {
        "eventId": event.event_id,
        "type": event.type,
        "amountCents": intent.amount_cents,
        "receivedCents": intent.amount_received_cents,
        "currency": intent.currency,
    }
    return NotOurs(Finding.UNKNOWN_INTENT, ("payment_intent", intent.id), details)
