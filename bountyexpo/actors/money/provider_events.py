"""Stored webhooks of the payment provider, routed to their owners (money §4).

This runs as a job: it hands each event to whom its type belongs (``webhook_routes``). The owner
marks the event in the transaction of what it changed. What has no owner yet is deferred to a
version that knows one; what fails is tried again for a day. Whatever does not do its work in the
end leaves a finding for people, who may have it replayed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.actors.money.webhook_routes import ROUTES, NotOurs, Unreadable
from bountyexpo.domain.money.findings import Finding
from bountyexpo.errors import BountyExpoError, Conflict, StaleVersion, Unavailable
from bountyexpo.observability import metrics
from bountyexpo.observability.logs import get_logger
from bountyexpo.persistence import inbox
from bountyexpo.persistence.money import findings

if TYPE_CHECKING:
    from bountyexpo.actors.system import Actors
    from bountyexpo.persistence.inbox import InboxEvent
    from bountyexpo.persistence.pool import Pool

BATCH = 50

# The label of types that we have no route for: a series for each of them could be without end.
OTHER_TYPE = "other"

log = get_logger(__name__)


def label_of(event_type: str) -> str:
    """Return the name under which events of this type are counted."""
    return event_type if event_type in ROUTES else OTHER_TYPE


class ProviderEvents:
    """The way of a stored webhook to its owner; ``livemode`` is that of our own key."""

    def __init__(self, db: Pool, actors: Actors, *, livemode: bool) -> None:
        self._db = db
        self._actors = actors
        self._livemode = livemode
        self._has_taken_up = False

    async def process_due(self) -> None:
        """Route every event that is due; one that fails does not hold up the others."""
        if not self._has_taken_up:
            # What earlier versions had no route for; ours are the same until we are replaced.
            await inbox.take_up(self._db, list(ROUTES))
            self._has_taken_up = True
        while events := await inbox.due(self._db, BATCH):
            for event in events:
                result = await self._process(event)
                metrics.WEBHOOK_EVENTS.labels(type=label_of(event.type), result=result).inc()

    async def _process(self, event: InboxEvent) -> str:
        """Bring one event as far as it goes, and return what became of it."""
        route = ROUTES.get(event.type)
        about: dict[str, Any] = {"type": event.type, "livemode": event.livemode}
        subject = ("webhook_event", event.event_id)
        # An event that does not say its mode says nothing of money.
        if event.livemode is not self._livemode and (route or event.livemode is not None):
            return await self._give_up(event, NotOurs(Finding.WEBHOOK_WRONG_MODE, subject, about))
        if route is None:
            await inbox.mark(self._db, event.id, "deferred")
            return "deferred"
        if route.is_platform and event.account is not None:
            about["account"] = event.account
            foreign = NotOurs(Finding.WEBHOOK_FOREIGN_ACCOUNT, subject, about)
            return await self._give_up(event, foreign)
        try:
            await route.deliver(self._db, self._actors, event)
        except NotOurs as error:
            return await self._give_up(event, error)
        except Exception as error:  # noqa: BLE001 - kept to this event, which is tried again
            return await self._failed(event, error)
        return "processed"

    async def _failed(self, event: InboxEvent, error: Exception) -> str:
        """Put an event off, for longer each time, until its day is over."""
        is_final = isinstance(error, Conflict) and not isinstance(error, StaleVersion)
        reason = _reason(error)
        if not is_final and not isinstance(error, Unavailable):
            log.warning("a webhook failed", event_id=event.event_id, reason=reason)
        if not is_final and not event.is_last:
            await inbox.retry_later(self._db, event.id, reason)
            return "failed"
        details = {"type": event.type, "attempts": event.attempts, "reason": reason}
        subject = ("webhook_event", event.event_id)
        return await self._give_up(event, NotOurs(Finding.WEBHOOK_FAILED, subject, details))

    async def _give_up(self, event: InboxEvent, why: NotOurs) -> str:
        """Leave an event to people, unless its owner has done so already."""
        async with self._db.transaction() as tx:
            if await inbox.mark(tx, event.id, "dead", error=why.finding.value):
                await findings.record(tx, why.finding, why.subject, why.details)
                log.error("a webhook was given up", event_id=event.event_id, why=why.finding.value)
        return "dead"


def _reason(error: Exception) -> str:
    if isinstance(error, BountyExpoError):
        return error.message
    return str(error) if isinstance(error, Unreadable) else type(error).__name__
