"""The durable event streams that clients follow, and how they are read back.

A stream is named ``user:<id>``, ``bounty:<id>`` or ``conv:<id>``. Its events are numbered from 1
without a hole, in the order of their commits. The numbers of most streams are handed out by the
row of ``streams``; those of a conversation by its own row, because its ``message.new`` events are
the rows of ``messages`` themselves and only its other events lie in ``stream_events``.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.domain.event_catalogue import spec_of
from bountyexpo.domain.events import Stream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bountyexpo.domain.events import EventType
    from bountyexpo.persistence.queries import Queries

CONVERSATION = f"{Stream.CONVERSATION}:"

# What a stream is at before its first event.
_BEGINNING = (0, "e1")

_HEADS = """
    select stream, last_seq, epoch from streams where stream = any(%(streams)s::text[])
    union all
    select 'conv:' || id, last_seq, epoch from conversations where id = any(%(ids)s::uuid[])
"""

# Several streams at a time; what each has is found by its index.
WANTED = """
    unnest(%(streams)s::text[], %(ids)s::uuid[], %(seqs)s::bigint[], %(limits)s::int[])
        with ordinality as w(stream, conversation_id, seq, most, nth)
"""

_STORED_AFTER = f"""
    select w.nth, w.stream, e.seq, e.type, e.payload, e.users, e.private, e.created_at,
           coalesce((select epoch from streams s where s.stream = w.stream),
                    (select epoch from conversations c where c.id = w.conversation_id),
                    'e1') as epoch
    from {WANTED} cross join lateral (
        select * from stream_events where stream = w.stream and seq > w.seq
        order by seq limit w.most) e
"""

_AMEND = """
    update stream_events set payload = payload || %(to)s
    where stream = %(stream)s and type = %(type)s and payload @> %(where)s
"""

# Each deletes a part, so that no statement has more to do than the next. There is an index of what
# may pass (migration 16), so that all that stays is not looked at every time.
PRUNE = "delete from stream_events where ctid = any(array({}))"

# Streams of users are kept for a time, up to a length; a client that is further behind refetches.
_PRUNE_BY_AGE = PRUNE.format("""
    select ctid from stream_events where stream like 'user:%%'
        and created_at < now() - make_interval(days => %(days)s) limit %(part)s
""")

_PRUNE_BY_LENGTH = PRUNE.format("""
    select e.ctid from streams s join stream_events e
        on e.stream = s.stream and e.seq <= s.last_seq - %(most)s
    where s.stream like 'user:%%' and s.last_seq > %(most)s limit %(part)s
""")


class StreamEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that has happened, at its place in its stream.

    ``users`` are those who get it; when ``private`` nobody else may, not even on replay.
    """

    stream: str
    seq: int
    epoch: str
    type: str
    payload: dict[str, Any]
    users: tuple[str, ...] = ()
    private: bool = False
    created_at: datetime


class After(msgspec.Struct, frozen=True, kw_only=True):
    """A wish for the events of a stream after a number, at most ``limit``."""

    stream: str
    seq: int
    limit: int


async def heads(db: Queries, streams: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Return the last number and the epoch of each stream; a stream without events is at 0."""
    ids = [each for name in streams if (each := _conversation_id(name)) is not None]
    rows = await db.fetch(_HEADS, {"streams": list(streams), "ids": ids})
    found = {row["stream"]: (row["last_seq"], row["epoch"]) for row in rows}
    return {name: found.get(name, _BEGINNING) for name in streams}


async def stored_after(db: Queries, wanted: Sequence[After]) -> list[list[StreamEvent]]:
    """Return the stored events of each stream after a number, oldest first, at most ``limit``.

    Those of a conversation are not all: its messages have numbers of the same stream.
    """
    found: list[list[StreamEvent]] = [[] for _ in wanted]
    for row in await db.fetch(_STORED_AFTER, parameters(wanted)):
        found[row["nth"] - 1].append(_event(row))
    for events in found:
        events.sort(key=lambda event: event.seq)
    return found


def parameters(wanted: Sequence[After]) -> dict[str, list[Any]]:
    """Return what ``WANTED`` takes."""
    return {
        "streams": [each.stream for each in wanted],
        "ids": [_conversation_id(each.stream) for each in wanted],
        "seqs": [each.seq for each in wanted],
        "limits": [each.limit for each in wanted],
    }


async def amend(
    db: Queries, kind: EventType, *, of: str, where: Mapping[str, Any], to: Mapping[str, Any]
) -> int:
    """Change fields of those events of one kind that say the same as ``where``; return how many."""
    spec = kind.spec()
    params = {
        "stream": spec.stream.of(of),
        "type": spec.type,
        "where": spec.on_wire(where),
        "to": spec.on_wire(to),
    }
    return await db.execute(_AMEND, params)


async def prune(db: Queries, *, days: int, most: int, part: int) -> int:
    """Forget events of user streams: older ones, and those behind so many; return how many.

    At most ``part`` for either reason; who gets 0 is done.
    """
    params = {"days": days, "most": most, "part": part}
    old = await db.execute(_PRUNE_BY_AGE, params)
    return old + await db.execute(_PRUNE_BY_LENGTH, params)


def _conversation_id(stream: str) -> str | None:
    return stream.removeprefix(CONVERSATION) if stream.startswith(CONVERSATION) else None


def _event(row: Mapping[str, Any]) -> StreamEvent:
    return StreamEvent(
        stream=row["stream"],
        seq=row["seq"],
        epoch=row["epoch"],
        type=row["type"],
        payload=_in_order(row["stream"], row["type"], row["payload"]),
        users=tuple(row["users"]),
        private=row["private"],
        created_at=row["created_at"],
    )


def _in_order(stream: str, type: str, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
    """Return a stored payload with its fields as they were sent live."""
    spec = spec_of(stream, type)
    return payload if spec is None else spec.in_order(payload)
