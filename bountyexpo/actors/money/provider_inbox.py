"""Webhooks of the payment provider as they come in (money §4).

Receiving verifies and stores, so that the answer is quick and nothing is lost. What was stored is
routed to its owner by a job (``provider_events``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.observability import metrics
from bountyexpo.observability.logs import get_logger
from bountyexpo.persistence import inbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.integrations.stripe import StripePayments
    from bountyexpo.persistence.pool import Pool
    from bountyexpo.runtime.clock import Clock

PROVIDER = "stripe"

log = get_logger(__name__)


class ProviderInbox:
    """Takes deliveries; ``on_received`` wakes the job that routes them."""

    def __init__(
        self, db: Pool, stripe: StripePayments, clock: Clock, on_received: Callable[[], None]
    ) -> None:
        self._db = db
        self._stripe = stripe
        self._clock = clock
        self._on_received = on_received

    async def receive(self, raw: bytes, signature: str) -> dict[str, Any]:
        """Verify and store one delivery; the reply means that it will be processed.

        Raises:
            InvalidRequest: the signature or the time is not right; nothing is stored.
        """
        stripe = self._stripe
        event = stripe.verify_event(raw, signature, now=self._clock.now())
        if event.livemode is not stripe.livemode:
            log.error("a webhook of the other mode", event_id=event.id, livemode=event.livemode)
            return {"received": True, "ignored": True}
        is_new = await inbox.receive(
            self._db,
            PROVIDER,
            event.id,
            event.type,
            {"object": event.object},
            livemode=event.livemode,
            api_version=event.api_version,
        )
        result = "received" if is_new else "duplicate"
        metrics.WEBHOOK_EVENTS.labels(type=event.type, result=result).inc()
        self._on_received()
        return {"received": True} if is_new else {"received": True, "duplicate": True}
