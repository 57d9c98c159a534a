"""The stream of a conversation: its messages and its other events, as one row of numbers.

A message is told by one builder, whether it has just been committed or is replayed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from bountyexpo.domain.chat.events import MessageNew
from bountyexpo.domain.chat.system_messages import note_of
from bountyexpo.domain.events import Stream, payload_of
from bountyexpo.persistence import streams
from bountyexpo.persistence.streams import WANTED, After, StreamEvent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bountyexpo.persistence.queries import Queries

_MESSAGES_AFTER = f"""
    select w.nth, m.id, m.conversation_id, m.seq, m.sender_id, m.client_message_id, m.body, m.kind,
           m.media_url, m.reply_to, m.is_encrypted, m.created_at, m.edited_at, m.deleted_at,
           c.epoch
    from {WANTED} join conversations c on c.id = w.conversation_id cross join lateral (
        select * from messages where conversation_id = w.conversation_id and seq > w.seq
        order by seq limit w.most) m
"""


def message_event(row: Mapping[str, Any], epoch: str, users: tuple[str, ...] = ()) -> StreamEvent:
    """Return the event of a row of ``messages``.

    A message that was changed since is told as it is now: with the present text and ``editedAt``,
    or as a tombstone with ``deletedAt`` and no content. The event of the change follows later in
    the stream, and says the same again.
    """
    event = MessageNew(
        conversation_id=row["conversation_id"],
        message_id=row["id"],
        client_msg_id=row["client_message_id"],
        sender_id=row["sender_id"],
        text=row["body"],
        kind=row["kind"],
        media_url=row["media_url"],
        reply_to=row["reply_to"],
        is_encrypted=row["is_encrypted"],
        created_at=row["created_at"],
        system=note_of(row["kind"], row["client_message_id"]) or UNSET,
        edited_at=row.get("edited_at") or UNSET,
        deleted_at=row.get("deleted_at") or UNSET,
    )
    return StreamEvent(
        stream=Stream.CONVERSATION.of(row["conversation_id"]),
        seq=row["seq"],
        epoch=epoch,
        type=MessageNew.spec().type,
        payload=payload_of(event),
        users=users,
        created_at=row["created_at"],
    )


async def read_after(db: Queries, stream: str, seq: int, limit: int) -> list[StreamEvent]:
    """Return the events of any stream after a number, oldest first, at most ``limit``.

    The caller filters private events by their ``users``.
    """
    [events] = await read_all_after(db, [After(stream=stream, seq=seq, limit=limit)])
    return events


async def read_all_after(db: Queries, wanted: Sequence[After]) -> list[list[StreamEvent]]:
    """Return what ``read_after`` would for each of these, in their order."""
    params = streams.parameters(wanted)
    messages = await db.fetch(_MESSAGES_AFTER, params) if any(params["ids"]) else []
    found = await streams.stored_after(db, wanted)
    for row in messages:
        found[row["nth"] - 1].append(message_event(row, row["epoch"]))
    for events in found:
        events.sort(key=lambda event: event.seq)
    return [_without_hole(events)[: each.limit] for each, events in zip(wanted, found, strict=True)]


def _without_hole(events: list[StreamEvent]) -> list[StreamEvent]:
    """Cut at the first hole: the two reads are two snapshots, a commit may lie between them."""
    for index, event in enumerate(events):
        if index and event.seq != events[index - 1].seq + 1:
            return events[:index]
    return events
