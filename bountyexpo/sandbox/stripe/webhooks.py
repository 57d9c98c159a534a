"""Delivery of the emulator's events to the product's webhook address, signed as Stripe signs.

Events are rows, written with the change they tell of; this relay sends those that are due until
the answer is a success. So each event arrives at least once, in no promised order, and survives a
restart of either side.
"""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import trio

from bountyexpo.errors import BountyExpoError
from bountyexpo.integrations.tls import trusted
from bountyexpo.observability.logs import get_logger

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool
    from bountyexpo.runtime.clock import Clock
    from bountyexpo.sandbox.tables import Tables

# Events under way at the same time.
BATCH_MAX = 8

DELIVERY_DEADLINE_S = 10.0

# Waiting between attempts doubles from the first to the second figure. Stripe's own goes up to
# hours; developers who restart a server do not want to wait for that.
RETRY_FIRST_S = 0.5
RETRY_MAX_S = 30.0

# With nothing due, look again after this time at the latest.
IDLE_S = 5.0

log = get_logger(__name__)


def signature(body: bytes, secret: str, timestamp: int) -> str:
    """Return the value of the ``Stripe-Signature`` header."""
    mac = hmac.digest(secret.encode(), f"{timestamp}.".encode() + body, "sha256").hex()
    return f"t={timestamp},v1={mac}"


class WebhookRelay:
    """Sends due events to one address; those of connected accounts are signed with their secret.

    Bounds: ``BATCH_MAX`` at once; the rest wait in the table.
    """

    def __init__(
        self,
        pool: Pool,
        tables: Tables,
        clock: Clock,
        *,
        url: str,
        secret: str,
        connect_secret: str,
    ) -> None:
        self._pool = pool
        self._tables = tables
        self._clock = clock
        self._url = url
        self._secret = secret
        self._connect_secret = connect_secret
        self._woken = trio.Event()

    def wake(self) -> None:
        """Look for due events now."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        is_resumed = False
        async with httpx.AsyncClient(verify=trusted(), timeout=DELIVERY_DEADLINE_S) as http:
            while True:
                self._woken = trio.Event()
                try:
                    if not is_resumed:
                        await self._resume()
                        is_resumed = True
                    pause_s = await self._deliver_due(http)
                except BountyExpoError:
                    # The database is away; its events are not lost.
                    pause_s = RETRY_FIRST_S
                with trio.move_on_after(pause_s):
                    await self._woken.wait()

    async def resend(self, event_id: str) -> bool:
        """Deliver an event again, as Stripe sometimes does; tell whether it exists."""
        await self._tables.ensure()
        found = await self._pool.execute(
            "UPDATE sandbox.stripe_events SET next_attempt_at = %s WHERE id = %s",
            (self._clock.now(), event_id),
        )
        self.wake()
        return found > 0

    async def _resume(self) -> None:
        """Make waiting events due: after a restart the other side is probably back too."""
        await self._tables.ensure()
        await self._pool.execute(
            """UPDATE sandbox.stripe_events SET next_attempt_at = %s, attempts = 0
               WHERE next_attempt_at IS NOT NULL""",
            (self._clock.now(),),
        )

    async def _deliver_due(self, http: httpx.AsyncClient) -> float:
        """Send one batch and return how long nothing will be due."""
        rows = await self._pool.fetch(
            """SELECT id, body, attempts, next_attempt_at, account FROM sandbox.stripe_events
               WHERE next_attempt_at <= %s ORDER BY number LIMIT %s""",
            (self._clock.now(), BATCH_MAX),
        )
        async with trio.open_nursery() as nursery:
            for row in rows:
                nursery.start_soon(self._deliver, http, row)
        if rows:
            return 0.0
        return await self._next_due_in()

    async def _next_due_in(self) -> float:
        row = await self._pool.fetch_one(
            "SELECT min(next_attempt_at) AS due FROM sandbox.stripe_events"
        )
        if row is None or row["due"] is None:
            return IDLE_S
        wait: timedelta = row["due"] - self._clock.now()
        return min(IDLE_S, max(0.0, wait.total_seconds()))

    async def _deliver(self, http: httpx.AsyncClient, row: dict[str, Any]) -> None:
        now = self._clock.now()
        body = row["body"].encode()
        secret = self._secret if row["account"] is None else self._connect_secret
        signed = signature(body, secret, int(now.timestamp()))
        is_delivered = await self._post(http, body, signed)
        wait_s = min(RETRY_MAX_S, RETRY_FIRST_S * 2 ** min(row["attempts"], 10))
        next_attempt_at = None if is_delivered else self._clock.now() + timedelta(seconds=wait_s)
        try:
            # A resend that was asked for in the meantime stays due.
            await self._pool.execute(
                """UPDATE sandbox.stripe_events SET attempts = attempts + 1,
                       delivered_at = coalesce(%(delivered)s, delivered_at),
                       next_attempt_at = CASE WHEN next_attempt_at = %(seen)s
                           THEN %(next)s ELSE next_attempt_at END
                   WHERE id = %(id)s""",
                {
                    "delivered": now if is_delivered else None,
                    "seen": row["next_attempt_at"],
                    "next": next_attempt_at,
                    "id": row["id"],
                },
            )
        except BountyExpoError:
            # It stays due and is sent once more: at least once, never "maybe".
            log.info("sandbox.webhook_not_noted", event_id=row["id"])

    async def _post(self, http: httpx.AsyncClient, body: bytes, signed: str) -> bool:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signed,
        }
        try:
            with trio.fail_after(DELIVERY_DEADLINE_S):
                response = await http.post(self._url, content=body, headers=headers)
        except (httpx.HTTPError, trio.TooSlowError) as error:
            log.info("sandbox.webhook_undelivered", reason=type(error).__name__)
            return False
        return response.is_success
