"""Webhooks of the payment provider as they come in (money §4).

Receiving verifies and stores, so that the answer is quick and nothing is lost: whatever a rightly
signed event says, and in whatever shape. What was stored is routed by a job (``provider_events``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.actors.money.provider_events import label_of
from bountyexpo.observability import metrics
from bountyexpo.persistence import inbox
from bountyexpo.persistence.inbox import NewEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.integrations.stripe.port import Stripe
    from bountyexpo.persistence.pool import Pool
    from bountyexpo.runtime.clock import Clock

PROVIDER = "stripe"


class ProviderInbox:
    """Takes deliveries; ``on_received`` wakes the job that routes them."""

    def __init__(
        self, db: Pool, stripe: Stripe, clock: Clock, on_received: Callable[[], None]
    ) -> None:
        self._db = db
        self._stripe = stripe
        self._clock = clock
        self._on_received = on_received

    async def receive(self, raw: bytes, signature: str) -> dict[str, Any]:
        """Verify and store one delivery; the reply means that it will be looked at.

        Raises:
            InvalidRequest: the signature or the time is not right; nothing is stored.
        """
        event = self._stripe.verify_event(raw, signature, now=self._clock.now())
        new = NewEvent(
            provider=PROVIDER,
            event_id=event.id,
            type=event.type,
            payload={"object": event.object},
            livemode=event.livemode,
            api_version=event.api_version,
            account=event.account,
            previous_attributes=event.previous_attributes,
            created_at=event.created_at,
        )
        is_new = await inbox.receive(self._db, new)
        result = "received" if is_new else "duplicate"
        metrics.WEBHOOK_EVENTS.labels(type=label_of(event.type), result=result).inc()
        self._on_received()
        return {"received": True} if is_new else {"received": True, "duplicate": True}
