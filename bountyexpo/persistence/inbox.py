"""Webhook events as they came in: stored before they are answered, worked off afterwards.

``receive`` takes each event once, whatever the provider repeats. ``due`` hands out what is to be
processed, under a lease; the state change that an event causes and its mark share a transaction.
No event is ever final but one that did its work: what nobody can use yet is ``deferred`` until a
version knows its type, what failed for a day is ``dead`` until somebody replays it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from bountyexpo.persistence.statement import Json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.persistence.queries import Queries

Ending = Literal["processed", "deferred", "dead"]

# What nobody works on: it waits for a version that knows its type, or for a replay.
WAITING: Final[tuple[Ending, ...]] = ("deferred", "dead")

# A worker that has not marked its event by then has died.
LEASE_S = 60

# An event that fails is tried again after 2, 4, 8 … seconds, at most an hour apart, for a day;
# then it is dead (contract money §4).
PAUSE_MAX_S = 3_600
RETRY_S = 86_400

_RECEIVE = """
    insert into webhook_events (provider, event_id, type, payload, livemode, api_version, account,
                                previous_attributes, created_at, retry_until)
    values (%(provider)s, %(event_id)s, %(type)s, %(payload)s, %(livemode)s, %(api_version)s,
            %(account)s, %(previous_attributes)s, %(created_at)s,
            clock_timestamp() + make_interval(secs => %(retry_s)s))
    on conflict (provider, event_id) do nothing
"""

# A worker may have died of this very event: the more attempts, the longer until the next one.
_DUE = """
    with due as (
        select id from webhook_events
        where status in ('received', 'processing', 'failed')
            and next_attempt_at <= clock_timestamp()
        order by next_attempt_at limit %(limit)s for update skip locked
    )
    update webhook_events e set status = 'processing', attempts = attempts + 1,
        next_attempt_at = clock_timestamp() + make_interval(
            secs => greatest(%(lease_s)s, least(%(pause_max_s)s, 2 ^ least(attempts + 1, 30))))
    from due where e.id = due.id
    returning e.id, e.provider, e.event_id, e.type, e.payload, e.livemode, e.account, e.attempts,
        e.retry_until <= clock_timestamp() as is_last
"""

# What nobody works on any more: at once where it was tried once, else after its usual pause.
_FREE = """
    update webhook_events set next_attempt_at = least(next_attempt_at, clock_timestamp()
        + make_interval(secs => case when attempts > 1
            then least(%s::double precision, 2 ^ least(attempts, 30)) else 0 end))
    where status = 'processing'
"""

_MARK = """
    update webhook_events set status = %s, last_error = %s, processed_at = clock_timestamp()
    where id = %s and status = 'processing'
"""

_RETRY = """
    update webhook_events set last_error = %s, status = 'failed',
        next_attempt_at = clock_timestamp()
            + make_interval(secs => least(%s, 2 ^ least(attempts, 30)))
    where id = %s and status = 'processing'
"""

_TAKE_UP = """
    update webhook_events set status = 'received', attempts = 0,
        next_attempt_at = clock_timestamp(),
        retry_until = clock_timestamp() + make_interval(secs => %s)
    where status = 'deferred' and type = any(%s)
"""

_REPLAY = """
    update webhook_events set status = 'received', attempts = 0,
        next_attempt_at = clock_timestamp(),
        retry_until = clock_timestamp() + make_interval(secs => %s)
    where event_id = %s and status in ('dead', 'failed', 'deferred') returning id
"""

_STATUS = "select status from webhook_events where event_id = %s"

_WAITING = """
    select status, count(*) as events from webhook_events
    where status in ('deferred', 'dead') group by status
"""

_PRUNE = """
    delete from webhook_events
    where status = 'processed' and processed_at < now() - make_interval(days => %s)
"""


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook event before it is stored; nothing in it is personal or secret."""

    provider: str
    event_id: str
    type: str
    payload: dict[str, Any]
    livemode: bool | None = False
    api_version: str | None = None
    account: str | None = None
    previous_attributes: dict[str, Any] | None = None
    created_at: datetime | None = None


class InboxEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One stored webhook event."""

    id: int
    provider: str
    event_id: str
    type: str
    payload: dict[str, Any]
    livemode: bool | None
    account: str | None
    attempts: int
    # Its day is over: a failure of this attempt is the last one.
    is_last: bool


async def receive(db: Queries, event: NewEvent) -> bool:
    """Store an event; tell whether it is new."""
    values = msgspec.structs.asdict(event)
    values |= {
        "payload": Json(event.payload),
        "previous_attributes": Json(event.previous_attributes or {}),
        "retry_s": RETRY_S,
    }
    return await db.execute(_RECEIVE, values) > 0


async def due(db: Queries, limit: int = 20, *, lease_s: int = LEASE_S) -> list[InboxEvent]:
    """Take events to process; nobody else gets them before the lease has run out."""
    wanted = {"limit": limit, "lease_s": lease_s, "pause_max_s": PAUSE_MAX_S}
    return [InboxEvent(**row) for row in await db.fetch(_DUE, wanted)]


async def free(db: Queries) -> int:
    """Give back what workers that are no more had taken; return how many events there were."""
    return await db.execute(_FREE, (PAUSE_MAX_S,))


async def mark(db: Queries, inbox_id: int, status: Ending, *, error: str | None = None) -> bool:
    """Finish an event that is being processed; False when somebody else has finished it."""
    return await db.execute(_MARK, (status, error and error[:500], inbox_id)) > 0


async def mark_processed(db: Queries, inbox_id: int) -> bool:
    """Finish an event well; in the transaction of what it changed."""
    return await mark(db, inbox_id, "processed")


async def retry_later(db: Queries, inbox_id: int, error: str) -> bool:
    """Give an event back for another attempt, after a longer time for each that it had."""
    return await db.execute(_RETRY, (error[:500], PAUSE_MAX_S, inbox_id)) > 0


async def take_up(db: Queries, types: Sequence[str]) -> int:
    """Let the deferred events of these types be processed; return how many there were."""
    return await db.execute(_TAKE_UP, (RETRY_S, list(types)))


async def replay(db: Queries, event_id: str) -> bool:
    """Let an event that did not do its work be tried for another day; tell whether there is one."""
    return await db.fetch_one(_REPLAY, (RETRY_S, event_id)) is not None


async def status_of(db: Queries, event_id: str) -> str | None:
    """Return what has become of an event, or None when it was never received."""
    row = await db.fetch_one(_STATUS, (event_id,))
    return str(row["status"]) if row else None


async def waiting(db: Queries) -> dict[str, int]:
    """Return how many events are deferred and how many dead."""
    return {row["status"]: int(row["events"]) for row in await db.fetch(_WAITING)}


async def prune(db: Queries, days: int) -> int:
    """Forget events that did their work longer ago than this; return how many."""
    return await db.execute(_PRUNE, (days,))
