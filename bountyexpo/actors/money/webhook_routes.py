"""Which events of the payment provider are whose: a row for each type with an owner (money §4).

A later version adds rows; what it then knows is taken up from the events that were deferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from bountyexpo.actors.money.payee_messages import (
    STEP_S,
    HearOfAccount,
    HearOfPayout,
    HearOfTransfer,
)
from bountyexpo.actors.money.payment_messages import ApplyProviderEvent
from bountyexpo.domain.ids import is_id
from bountyexpo.domain.money.findings import Finding
from bountyexpo.errors import NotFound, Unavailable
from bountyexpo.integrations.stripe.intents import intent_of
from bountyexpo.persistence.money import connect_accounts, payments, withdrawals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bountyexpo.actors.system import Actors
    from bountyexpo.integrations.stripe.intents import Intent
    from bountyexpo.persistence.inbox import InboxEvent
    from bountyexpo.persistence.money.payments import Payment
    from bountyexpo.persistence.money.withdrawals import Withdrawal
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


async def to_account(db: Pool, actors: Actors, event: InboxEvent) -> None:
    """Let the owner of a connected account look at it, or part from it.

    Raises:
        NotOurs: nobody has stored the account.
    """
    account_id = event.account or ""
    user_id = await connect_accounts.owner(db, account_id)
    if user_id is None:
        raise NotOurs(
            Finding.WEBHOOK_FOREIGN_ACCOUNT,
            ("connect_account", account_id),
            {"eventId": event.event_id, "type": event.type},
        )
    message = HearOfAccount(
        account_id=account_id, is_gone=event.type == DEAUTHORIZED, inbox_id=event.id
    )
    await actors.payee(user_id).ask(message, timeout_s=STEP_S)


async def to_transfer(db: Pool, actors: Actors, event: InboxEvent) -> None:
    """Hand the event of a transfer to the withdrawal that it is of.

    Raises:
        Unavailable: none is known, or not yet.
    """
    transfer_id, named = _object(event)
    found = await withdrawals.of_transfer(db, transfer_id) or await _withdrawal(db, named)
    if found is None:
        raise Unavailable("This transfer is of no withdrawal that is known.")
    message = HearOfTransfer(withdrawal_id=found.id, transfer_id=transfer_id, inbox_id=event.id)
    await actors.payee(found.user_id).ask(message, timeout_s=STEP_S)


async def to_payout(db: Pool, actors: Actors, event: InboxEvent) -> None:
    """Hand the event of a payout to the withdrawal that it is of.

    Raises:
        NotOurs: no withdrawal has asked for it.
    """
    payout_id, named = _object(event)
    found = await withdrawals.of_payout(db, payout_id) or await _withdrawal(db, named)
    if found is None or found.stripe_account_id != event.account:
        details = {"eventId": event.event_id, "type": event.type, "account": event.account}
        raise NotOurs(Finding.UNMATCHED_PAYOUT, ("payout", payout_id), details)
    message = HearOfPayout(withdrawal_id=found.id, payout_id=payout_id, inbox_id=event.id)
    await actors.payee(found.user_id).ask(message, timeout_s=STEP_S)


DEAUTHORIZED: Final = "account.application.deauthorized"

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
) | {
    **dict.fromkeys(
        ("account.updated", DEAUTHORIZED, "capability.updated", "person.updated"),
        Route(to_account, is_platform=False),
    ),
    **dict.fromkeys(
        ("transfer.created", "transfer.reversed"), Route(to_transfer, is_platform=True)
    ),
    **dict.fromkeys(
        tuple(f"payout.{word}" for word in ("canceled", "created", "failed", "paid", "updated")),
        Route(to_payout, is_platform=False),
    ),
}


def _object(event: InboxEvent) -> tuple[str, str | None]:
    """Return the id of what an event is about, and of which withdrawal it says to be."""
    found = event.payload.get("object") or {}
    object_id, metadata = found.get("id"), found.get("metadata")
    if not isinstance(object_id, str):
        raise Unreadable("this has no id")
    named = metadata.get("withdrawal_id") if isinstance(metadata, dict) else None
    return object_id, named


async def _withdrawal(db: Pool, named: str | None) -> Withdrawal | None:
    return await withdrawals.get(db, named) if named and is_id(named) else None


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
