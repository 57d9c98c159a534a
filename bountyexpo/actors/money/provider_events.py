"""Stored webhooks of the payment provider, routed to their owner (money §4).

This runs as a job: it hands each event to the payment it names. The payment marks the event in the
transaction of what it changed; an event of an unknown payment waits for it and is given up in the
end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.actors.money.payment_messages import ApplyProviderEvent
from bountyexpo.domain.ids import is_id
from bountyexpo.errors import BountyExpoError, Conflict, NotFound, StaleVersion, Unavailable
from bountyexpo.integrations.stripe import intent_of
from bountyexpo.observability import metrics
from bountyexpo.observability.logs import get_logger
from bountyexpo.persistence import inbox
from bountyexpo.persistence.money import payments

if TYPE_CHECKING:
    from bountyexpo.actors.system import Actors
    from bountyexpo.integrations.stripe import Intent
    from bountyexpo.persistence.inbox import InboxEvent
    from bountyexpo.persistence.pool import Pool

# Only these are about something we own; all others are stored and let be.
ROUTED_PREFIX = "payment_intent."

BATCH = 50

# An event that came before its payment is tried again after 2, 4, 8 … seconds, at most this long.
RETRY_MAX_S = 3_600.0

log = get_logger(__name__)


class ProviderEvents:
    """The way of a stored webhook to the payment actor."""

    def __init__(self, db: Pool, actors: Actors) -> None:
        self._db = db
        self._actors = actors

    async def process_due(self) -> None:
        """Route every event that is due; one that fails does not hold up the others."""
        while events := await inbox.due(self._db, BATCH):
            for event in events:
                await self._process(event)

    async def _process(self, event: InboxEvent) -> None:
        db = self._db
        if not event.type.startswith(ROUTED_PREFIX):
            await inbox.mark(db, event.id, "ignored")
            result = "ignored"
        else:
            result = await self._route(event)
        metrics.WEBHOOK_EVENTS.labels(type=event.type, result=result).inc()

    async def _route(self, event: InboxEvent) -> str:
        try:
            await self._deliver(event)
        except Conflict as error:
            if isinstance(error, StaleVersion):
                return await self._retry(event, error)
            await inbox.mark(self._db, event.id, "dead", error=error.message)
            return "dead"
        except Exception as error:  # noqa: BLE001 - kept to this event, which is tried again
            return await self._retry(event, error)
        return "processed"

    async def _deliver(self, event: InboxEvent) -> None:
        intent = intent_of(event.payload["object"])
        payment_id = await self._payment_of(intent)
        if payment_id is None:
            raise NotFound("no payment with this intent")
        message = ApplyProviderEvent(intent=intent, inbox_id=event.id)
        await self._actors.payment(payment_id).ask(message)

    async def _retry(self, event: InboxEvent, error: Exception) -> str:
        """Put an event off, for longer each time, until it has been tried often enough."""
        if not isinstance(error, NotFound | Unavailable):
            log.error("a webhook failed", event_id=event.event_id, exc_info=error)
        reason = error.message if isinstance(error, BountyExpoError) else type(error).__name__
        pause_s = min(2.0**event.attempts, RETRY_MAX_S)
        status = await inbox.retry_later(self._db, event.id, reason, pause_s)
        if status == "dead":
            log.error("a webhook was given up", event_id=event.event_id, type=event.type)
        return status or "failed"

    async def _payment_of(self, intent: Intent) -> str | None:
        """Find the payment by its intent, or by the id that it gave the intent when made."""
        known = await payments.by_intent(self._db, intent.id)
        if known is not None:
            return known.id
        named = intent.metadata.get("payment_id")
        if not is_id(named):
            return None
        found = await payments.get(self._db, str(named))
        return found.id if found else None
