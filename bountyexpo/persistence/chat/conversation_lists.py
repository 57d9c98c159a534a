"""A user's conversations as that user sees them: unread, muted, hidden (contract realtime §3.5).

A hidden conversation comes back with the first message that is newer than the hiding, so nothing
has to be written per message. What is unread is counted, never stored: the others' messages
beyond the user's own read marker.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from bountyexpo.persistence.chat.conversations import COLUMNS, Conversation

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bountyexpo.persistence.queries import Queries
    from bountyexpo.persistence.statement import Row

NOT_HIDDEN = "(mine.hidden_at is null or c.last_message_at > mine.hidden_at)"

# No block stands between the participant ``p`` and the one who looks, ``mine``.
NO_BLOCK = """
    not exists (select 1 from user_blocks b
                where (b.blocker_id = p.user_id and b.blocked_id = mine.user_id)
                   or (b.blocker_id = mine.user_id and b.blocked_id = p.user_id))
"""

LISTED = f"""
    select {COLUMNS}, mine.last_read_seq, mine.muted_until,
        (select count(*) from messages m where m.conversation_id = c.id
            and m.seq > mine.last_read_seq and m.sender_id <> mine.user_id
            and m.deleted_at is null) as unread,
        (select jsonb_build_object('id', m.id, 'text', m.body, 'sender_id', m.sender_id,
                                   'created_at', m.created_at, 'seq', m.seq, 'kind', m.kind)
         from messages m where m.conversation_id = c.id order by m.seq desc limit 1)
            as last_message,
        (select coalesce(min(p.last_read_seq), 0) from conversation_participants p
         where p.conversation_id = c.id and p.left_at is null and p.user_id <> mine.user_id
           and {NO_BLOCK}) as peer_read_seq,
        (select jsonb_agg(jsonb_build_object(
                    'id', u.id, 'handle', u.username, 'display_name', f.display_name,
                    'avatar', f.avatar_url, 'role', p.role) order by u.id)
         from conversation_participants p join users u on u.id = p.user_id
         join user_profiles f on f.user_id = p.user_id
         where p.conversation_id = c.id and p.left_at is null) as people
    from conversation_participants mine join conversations c on c.id = mine.conversation_id
    where mine.user_id = %(user_id)s and mine.left_at is null
"""

PAGE = f"""
    {LISTED} and {NOT_HIDDEN}
      and (%(at)s::timestamptz is null
           or (coalesce(c.last_message_at, c.created_at), c.id) < (%(at)s, %(id)s::uuid))
    order by coalesce(c.last_message_at, c.created_at) desc, c.id desc limit %(limit)s
"""

ONE = f"{LISTED} and c.id = %(id)s"

UNREAD = f"""
    select mine.user_id, mine.conversation_id, count(*) as unread
    from conversation_participants mine
    join conversations c on c.id = mine.conversation_id
    join messages m on m.conversation_id = mine.conversation_id
        and m.seq > mine.last_read_seq and m.sender_id <> mine.user_id
        and m.deleted_at is null
    where mine.user_id = any(%s::uuid[]) and mine.left_at is null and {NOT_HIDDEN}
    group by mine.user_id, mine.conversation_id
"""

MARKERS = f"""
    select w.nth, p.conversation_id, p.user_id, p.last_delivered_seq, p.last_read_seq
    from unnest(%(nths)s::int[], %(viewers)s::uuid[], %(ids)s::uuid[]) as w(nth, viewer_id, id)
    join conversation_participants mine on mine.conversation_id = w.id
        and mine.user_id = w.viewer_id and mine.left_at is null
    join conversation_participants p on p.conversation_id = w.id
    where p.left_at is null and {NO_BLOCK}
    order by w.nth, p.conversation_id, p.user_id
"""


class LastMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The newest message of a conversation; its time is text, as the database writes it."""

    id: str
    seq: int
    kind: str
    text: str | None
    sender_id: str
    created_at: datetime


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who takes part now."""

    id: str
    handle: str
    display_name: str | None
    avatar: str | None
    role: str


class Listed(Conversation, frozen=True, kw_only=True):
    """A conversation as one participant sees it in the list."""

    last_read_seq: int
    muted_until: datetime | None
    unread: int
    last_message: LastMessage | None
    peer_read_seq: int
    people: list[Person]


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """How far a participant has got."""

    user_id: str
    delivered_seq: int
    read_seq: int


async def page(
    db: Queries, user_id: str, *, limit: int, after: tuple[datetime, str] | None = None
) -> list[Listed]:
    """Return a user's conversations, the most recently active first, from behind ``after`` on."""
    at, row_id = after or (None, None)
    rows = await db.fetch(PAGE, {"user_id": user_id, "at": at, "id": row_id, "limit": limit})
    return [_listed(row) for row in rows]


async def one(db: Queries, user_id: str, conversation_id: str) -> Listed | None:
    """Return the conversation as the user sees it; None when they do not take part."""
    row = await db.fetch_one(ONE, {"user_id": user_id, "id": conversation_id})
    return _listed(row) if row else None


async def unread_of(db: Queries, users: Collection[str]) -> dict[str, dict[str, int]]:
    """Return how many messages of others each user has not read, by conversation with any."""
    found: dict[str, dict[str, int]] = {user_id: {} for user_id in users}
    for row in await db.fetch(UNREAD, (list(users),)):
        found[row["user_id"]][row["conversation_id"]] = row["unread"]
    return found


async def markers(
    db: Queries, viewer_id: str, conversation_ids: Sequence[str]
) -> dict[str, list[Marker]]:
    """Return the markers that the viewer may see, by conversation that they take part in."""
    [found] = await markers_of(db, [(viewer_id, conversation_ids)])
    return found


async def markers_of(
    db: Queries, wanted: Sequence[tuple[str, Sequence[str]]]
) -> list[dict[str, list[Marker]]]:
    """Return what ``markers`` would for each viewer with their conversations, in their order."""
    asked = [(nth, viewer, each) for nth, (viewer, ids) in enumerate(wanted) for each in ids]
    params = {
        "nths": [nth for nth, _, _ in asked],
        "viewers": [viewer for _, viewer, _ in asked],
        "ids": [each for _, _, each in asked],
    }
    found: list[dict[str, list[Marker]]] = [{} for _ in wanted]
    for row in await db.fetch(MARKERS, params):
        marker = Marker(
            user_id=row["user_id"],
            delivered_seq=row["last_delivered_seq"],
            read_seq=row["last_read_seq"],
        )
        found[row["nth"]].setdefault(row["conversation_id"], []).append(marker)
    return found


def _listed(row: Row) -> Listed:
    return Listed(
        **row
        | {
            "last_message": msgspec.convert(row["last_message"], LastMessage | None),
            "people": msgspec.convert(row["people"], list[Person]),
        }
    )
