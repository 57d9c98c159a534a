"""One person's part in a conversation: joining, leaving, hiding, muting, receipts.

Receipts are two markers per participant that only grow. A marker stands on a message of somebody
else: one's own messages are never received (contract realtime §1.4, §5 G7).
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - fields of structs
from typing import TYPE_CHECKING

import msgspec

from bountyexpo.persistence.statement import Json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bountyexpo.persistence.queries import Queries

ROLES = """
    select user_id, role, joined_at from conversation_participants
    where conversation_id = %s and left_at is null
"""

# Who comes back begins anew; what is there already is not unread for them.
ADD = """
    insert into conversation_participants as p
        (conversation_id, user_id, last_read_seq, last_delivered_seq)
    select c.id, unnest(%(users)s::uuid[]), c.last_seq, c.last_seq
    from conversations c where c.id = %(id)s
    on conflict (conversation_id, user_id) do update
        set left_at = null, hidden_at = null, role = 'member', joined_at = clock_timestamp(),
            last_read_seq = greatest(p.last_read_seq, excluded.last_read_seq),
            last_delivered_seq = greatest(p.last_delivered_seq, excluded.last_delivered_seq)
        where p.left_at is not null
    returning user_id
"""

REMOVE = """
    update conversation_participants set left_at = clock_timestamp(), role = 'member'
    where conversation_id = %s and user_id = %s and left_at is null
"""

PROMOTE = """
    update conversation_participants set role = %s
    where conversation_id = %s and user_id = %s and left_at is null
"""

BUMP = (
    "update conversations set version = version + 1, updated_at = clock_timestamp() where id = %s"
)

HIDE = """
    update conversation_participants p
    set hidden_at = greatest(clock_timestamp(), c.last_message_at)
    from conversations c
    where c.id = p.conversation_id and p.conversation_id = %s and p.user_id = %s
      and p.left_at is null
"""

SHOW = """
    update conversation_participants set hidden_at = null
    where conversation_id = %s and user_id = %s and left_at is null and hidden_at is not null
"""

MUTE = """
    update conversation_participants set muted_until = %s
    where conversation_id = %s and user_id = %s and left_at is null
"""

MARK = """
    with wanted as (
        select w.user_id,
            (select m.seq from messages m where m.conversation_id = %(id)s
                and m.seq <= w.read_seq and m.sender_id <> w.user_id
             order by m.seq desc limit 1) as read_seq,
            (select m.seq from messages m where m.conversation_id = %(id)s
                and m.seq <= w.delivered_seq and m.sender_id <> w.user_id
             order by m.seq desc limit 1) as delivered_seq
        from jsonb_to_recordset(%(wanted)s)
            as w(user_id uuid, read_seq bigint, delivered_seq bigint)
    ), before as (
        select p.user_id, p.last_read_seq, p.last_delivered_seq, w.read_seq, w.delivered_seq
        from conversation_participants p join wanted w using (user_id)
        where p.conversation_id = %(id)s and p.left_at is null
        order by p.user_id for update of p
    ), moved as (
        update conversation_participants p
        set last_read_seq = greatest(p.last_read_seq, b.read_seq),
            last_delivered_seq = greatest(p.last_delivered_seq, b.delivered_seq, b.read_seq)
        from before b
        where p.conversation_id = %(id)s and p.user_id = b.user_id
          and (b.read_seq > b.last_read_seq
               or greatest(b.delivered_seq, b.read_seq) > b.last_delivered_seq)
        returning p.user_id, p.last_read_seq as read_seq, p.last_delivered_seq as delivered_seq,
                  b.last_read_seq as old_read_seq, b.last_delivered_seq as old_delivered_seq
    )
    select v.user_id, t.is_read, t.seq, t.message_ids
    from moved v cross join lateral (
        select k.is_read, k.seq, array(
            select id from (
                select m.id, m.seq from messages m where m.conversation_id = %(id)s
                    and m.seq > k.after and m.seq <= k.seq and m.sender_id <> v.user_id
                order by m.seq desc limit %(most)s) as newest
            order by seq) as message_ids
        from (values
            -- What has been read is not told as received as well.
            (false, greatest(v.old_delivered_seq, v.read_seq), v.delivered_seq),
            (true, v.old_read_seq, v.read_seq)) as k(is_read, after, seq)
        where k.seq > k.after) as t
    order by v.user_id, t.is_read
"""

# Older clients are told of each message; of a longer stretch, of its end (realtime §4.6).
MESSAGES_NAMED_MAX = 50

FOUND = """
    select coalesce(max(m.seq), 0) as seq,
        count(*) filter (where m.seq > case when %(is_read)s then p.last_read_seq
                                            else p.last_delivered_seq end) as count
    from messages m
    join conversation_participants p
        on p.conversation_id = m.conversation_id and p.user_id = %(user_id)s
    where m.conversation_id = %(id)s and m.id = any(%(ids)s::uuid[])
      and m.sender_id <> %(user_id)s
"""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A marker that went on to ``seq``; ``message_ids`` are the newest it went over, in order."""

    user_id: str
    is_read: bool
    seq: int
    message_ids: list[str]


async def roles(db: Queries, conversation_id: str) -> dict[str, tuple[str, datetime]]:
    """Return the role of each participant, and since when they are one."""
    rows = await db.fetch(ROLES, (conversation_id,))
    return {row["user_id"]: (row["role"], row["joined_at"]) for row in rows}


async def add(db: Queries, conversation_id: str, users: Sequence[str]) -> list[str]:
    """Let users join; returns those who were not there."""
    rows = await db.fetch(ADD, {"id": conversation_id, "users": list(users)})
    await db.execute(BUMP, (conversation_id,))
    return sorted(row["user_id"] for row in rows)


async def remove(db: Queries, conversation_id: str, user_id: str) -> None:
    """End a user's part."""
    await db.execute(REMOVE, (conversation_id, user_id))
    await db.execute(BUMP, (conversation_id,))


async def promote(db: Queries, conversation_id: str, user_id: str, role: str) -> None:
    """Give a participant another role."""
    await db.execute(PROMOTE, (role, conversation_id, user_id))


async def hide(db: Queries, conversation_id: str, user_id: str) -> None:
    """Take the conversation out of a user's list until the next message."""
    await db.execute(HIDE, (conversation_id, user_id))


async def show(db: Queries, conversation_id: str, user_id: str) -> bool:
    """End ``hide``; returns whether it was hidden."""
    return bool(await db.execute(SHOW, (conversation_id, user_id)))


async def mute(db: Queries, conversation_id: str, user_id: str, until: datetime | None) -> None:
    """Keep notices of the conversation from a user until then; None ends it."""
    await db.execute(MUTE, (until, conversation_id, user_id))


async def mark(
    db: Queries, conversation_id: str, wanted: Mapping[str, tuple[int, int]]
) -> list[Move]:
    """Move markers of (delivered, read) forward, in one statement; returns what moved.

    A marker of what was received is told only where it is ahead of the one of what was read.
    """
    records = [
        {"user_id": user_id, "delivered_seq": delivered, "read_seq": read}
        for user_id, (delivered, read) in sorted(wanted.items())
    ]
    rows = await db.fetch(
        MARK, {"id": conversation_id, "wanted": Json(records), "most": MESSAGES_NAMED_MAX}
    )
    return [Move(**row) for row in rows]


async def find_messages(
    db: Queries, conversation_id: str, user_id: str, ids: Sequence[str], *, is_read: bool
) -> tuple[int, int]:
    """Return the highest seq of these messages of others, and how many lie beyond the marker."""
    row = await db.fetch_one(
        FOUND,
        {"id": conversation_id, "user_id": user_id, "ids": list(ids), "is_read": is_read},
    )
    return (row["seq"], row["count"]) if row else (0, 0)
