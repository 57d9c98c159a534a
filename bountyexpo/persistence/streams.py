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

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bountyexpo.persistence.queries import Queries

CONVERSATION = "conv:"

# What a stream is at before its first event.
_BEGINNING = (0, "e1")

_HEADS = """
    select stream, last_seq, epoch from streams where stream = any(%(streams)s::text[])
    union all
    select 'conv:' || id, last_seq, epoch from conversations where id = any(%(ids)s::uuid[])
"""

# Several streams at a time; what each has is found by its index.
_WANTED = """
    unnest(%(streams)s::text[], %(ids)s::uuid[], %(seqs)s::bigint[], %(limits)s::int[])
        with ordinality as w(stream, conversation_id, seq, most, nth)
"""

_EVENTS_AFTER = f"""
    select w.nth, w.stream, e.seq, e.type, e.payload, e.users, e.private, e.created_at,
           coalesce((select epoch from streams s where s.stream = w.stream),
                    (select epoch from conversations c where c.id = w.conversation_id),
                    'e1') as epoch
    from {_WANTED} cross join lateral (
        select * from stream_events where stream = w.stream and seq > w.seq
        order by seq limit w.most) e
"""

_MESSAGES_AFTER = f"""
    select w.nth, m.id, m.conversation_id, m.seq, m.sender_id, m.client_message_id, m.body, m.kind,
           m.media_url, m.reply_to, m.is_encrypted, m.created_at, m.edited_at, m.deleted_at,
           c.epoch
    from {_WANTED} join conversations c on c.id = w.conversation_id cross join lateral (
        select * from messages where conversation_id = w.conversation_id and seq > w.seq
        order by seq limit w.most) m
"""

# Streams of users are kept for a time, up to a length; a client that is further behind refetches.
_PRUNE_BY_AGE = """
    delete from stream_events where created_at < now() - make_interval(days => %s)
        and stream like 'user:%%'
"""

_PRUNE_BY_LENGTH = """
    delete from stream_events e using streams s
    where s.stream like 'user:%%' and s.last_seq > %(most)s
        and e.stream = s.stream and e.seq <= s.last_seq - %(most)s
"""


# What a step of a bounty is called once it is done.
_DONE = {
    "accept": "accepted",
    "cancel": "cancelled",
    "complete": "completed",
    "dispute": "disputed",
    "refund": "refunded",
}


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


def message_payload(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``message.new`` payload of a row of ``messages`` (realtime §4.6).

    A message that was changed since is told as it is now: with the present text and ``editedAt``,
    or as a tombstone with ``deletedAt`` and no content. The event of the change follows later in
    the stream, and says the same again.
    """
    payload = {
        "conversationId": row["conversation_id"],
        "messageId": row["id"],
        "clientMsgId": row["client_message_id"],
        "senderId": row["sender_id"],
        "text": row["body"],
        "kind": row["kind"],
        "mediaUrl": row["media_url"],
        "replyTo": row["reply_to"],
        "isEncrypted": row["is_encrypted"],
        "createdAt": row["created_at"],
        "status": "sent",
    }
    if (system := system_of(row["kind"], row["client_message_id"])) is not None:
        payload["system"] = system
    if row.get("edited_at") is not None:
        payload["editedAt"] = row["edited_at"]
    if row.get("deleted_at") is not None:
        payload["deletedAt"] = row["deleted_at"]
    return payload


def system_of(kind: str, client_message_id: str | None) -> dict[str, str] | None:
    """Return what a message of the service is about, for clients that show it in words of theirs.

    Its client id is ``sys:<step>:<bounty>``, which also makes it happen once.
    """
    if kind != "system":
        return None
    step, _, bounty_id = (client_message_id or "").removeprefix("sys:").partition(":")
    return {"code": f"bounty.{_DONE.get(step, step)}", "bountyId": bounty_id}


async def heads(db: Queries, streams: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Return the last number and the epoch of each stream; a stream without events is at 0."""
    ids = [each for name in streams if (each := _conversation_id(name)) is not None]
    rows = await db.fetch(_HEADS, {"streams": list(streams), "ids": ids})
    found = {row["stream"]: (row["last_seq"], row["epoch"]) for row in rows}
    return {name: found.get(name, _BEGINNING) for name in streams}


async def read_after(db: Queries, stream: str, seq: int, limit: int) -> list[StreamEvent]:
    """Return the events after a number, oldest first, at most ``limit``.

    The caller filters private events by their ``users``.
    """
    [events] = await read_all_after(db, [After(stream=stream, seq=seq, limit=limit)])
    return events


async def read_all_after(db: Queries, wanted: Sequence[After]) -> list[list[StreamEvent]]:
    """Return what ``read_after`` would for each of these, in their order."""
    params: dict[str, list[Any]] = {
        "streams": [each.stream for each in wanted],
        "ids": [_conversation_id(each.stream) for each in wanted],
        "seqs": [each.seq for each in wanted],
        "limits": [each.limit for each in wanted],
    }
    found: list[list[StreamEvent]] = [[] for _ in wanted]
    if any(params["ids"]):
        for row in await db.fetch(_MESSAGES_AFTER, params):
            found[row["nth"] - 1].append(message_event(row, row["epoch"]))
    for row in await db.fetch(_EVENTS_AFTER, params):
        found[row["nth"] - 1].append(_event(row))
    for events in found:
        events.sort(key=lambda event: event.seq)
    return [_without_hole(events)[: each.limit] for each, events in zip(wanted, found, strict=True)]


async def prune(db: Queries, *, days: int, most: int) -> int:
    """Forget events of user streams: older ones, and more than so many; return how many."""
    old = await db.execute(_PRUNE_BY_AGE, (days,))
    return old + await db.execute(_PRUNE_BY_LENGTH, {"most": most})


def _conversation_id(stream: str) -> str | None:
    return stream.removeprefix(CONVERSATION) if stream.startswith(CONVERSATION) else None


def message_event(row: Mapping[str, Any], epoch: str, users: tuple[str, ...] = ()) -> StreamEvent:
    """Return the ``message.new`` event of a row of ``messages``."""
    return StreamEvent(
        stream=f"{CONVERSATION}{row['conversation_id']}",
        seq=row["seq"],
        epoch=epoch,
        type="message.new",
        payload=message_payload(row),
        users=users,
        created_at=row["created_at"],
    )


def _event(row: Mapping[str, Any]) -> StreamEvent:
    return StreamEvent(
        stream=row["stream"],
        seq=row["seq"],
        epoch=row["epoch"],
        type=row["type"],
        payload=row["payload"],
        users=tuple(row["users"]),
        private=row["private"],
        created_at=row["created_at"],
    )


def _without_hole(events: list[StreamEvent]) -> list[StreamEvent]:
    """Cut at the first hole: the two reads are two snapshots, a commit may lie between them."""
    for index, event in enumerate(events):
        if index and event.seq != events[index - 1].seq + 1:
            return events[:index]
    return events
