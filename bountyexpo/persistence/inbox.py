"""Webhook events as they came in: stored before they are answered, worked off afterwards.

``receive`` takes each event once, whatever the provider repeats. ``due`` hands out what is to be
processed, under a lease; the state change that an event causes and ``mark`` share a transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from bountyexpo.persistence.statement import Json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.persistence.queries import Queries

Status = Literal["processed", "ignored", "failed", "dead"]

# A worker that has not marked its event by then has died.
LEASE_S = 60

# After this many attempts an event is dead and waits for an operator.
ATTEMPTS_MAX = 10

_RECEIVE = """
    insert into webhook_events (provider, event_id, type, payload, livemode, api_version)
    values (%s, %s, %s, %s, %s, %s) on conflict (provider, event_id) do nothing
"""

_DUE = """
    with due as (
        select id from webhook_events
        where status in ('received', 'processing', 'failed')
            and next_attempt_at <= clock_timestamp()
        order by next_attempt_at limit %s for update skip locked
    )
    update webhook_events e set status = 'processing', attempts = attempts + 1,
        next_attempt_at = clock_timestamp() + make_interval(secs => %s::int)
    from due where e.id = due.id
    returning e.id, e.provider, e.event_id, e.type, e.payload, e.livemode, e.attempts
"""

_MARK = """
    update webhook_events set status = %s, last_error = %s, processed_at = clock_timestamp()
    where id = %s and status = 'processing'
"""

_RETRY = """
    update webhook_events set last_error = %s,
        status = case when attempts >= %s then 'dead' else 'failed' end,
        next_attempt_at = clock_timestamp() + make_interval(secs => %s::double precision)
    where id = %s and status = 'processing' returning status
"""


class InboxEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One stored webhook event."""

    id: int
    provider: str
    event_id: str
    type: str
    payload: dict[str, Any]
    livemode: bool
    attempts: int


async def receive(
    db: Queries,
    provider: str,
    event_id: str,
    type: str,  # noqa: A002 - the provider's own name
    payload: Mapping[str, Any],
    *,
    livemode: bool = False,
    api_version: str | None = None,
) -> bool:
    """Store an event; tell whether it is new."""
    params = (provider, event_id, type, Json(payload), livemode, api_version)
    return await db.execute(_RECEIVE, params) > 0


async def due(db: Queries, limit: int = 20, *, lease_s: int = LEASE_S) -> list[InboxEvent]:
    """Take events to process; nobody else gets them before the lease has run out."""
    return [InboxEvent(**row) for row in await db.fetch(_DUE, (limit, lease_s))]


async def mark(db: Queries, inbox_id: int, status: Status, *, error: str | None = None) -> bool:
    """Finish an event that is being processed; False when somebody else has finished it."""
    return await db.execute(_MARK, (status, error, inbox_id)) > 0


async def mark_processed(db: Queries, inbox_id: int) -> bool:
    """Finish an event well; in the transaction of what it changed."""
    return await mark(db, inbox_id, "processed")


async def retry_later(db: Queries, inbox_id: int, error: str, delay_s: float) -> str | None:
    """Give an event back for another attempt; return its status, ``dead`` after the last one."""
    row = await db.fetch_one(_RETRY, (error[:500], ATTEMPTS_MAX, delay_s, inbox_id))
    return str(row["status"]) if row else None
