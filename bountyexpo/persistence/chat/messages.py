"""Messages: what is sent and what is stored, pages of a conversation's log, and system messages.

What people send goes through the journal; see there for how a message gets its number.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.domain.ids import new_id

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries
    from bountyexpo.persistence.statement import Row

COLUMNS = """
    id, conversation_id, seq, sender_id, client_message_id, body, kind, media_url, reply_to,
    is_encrypted, created_at
"""

SHOWN = """
    m.id, m.conversation_id, m.seq, m.sender_id, m.client_message_id, m.body, m.kind, m.media_url,
    m.reply_to, m.is_encrypted, m.created_at, m.edited_at, m.deleted_at,
    (select username from users where id = m.sender_id) as sender_handle,
    (select jsonb_agg(jsonb_build_object('emoji', r.emoji, 'users', r.users) order by r.since)
     from (select emoji, array_agg(user_id order by created_at, user_id) as users,
                  min(created_at) as since
           from message_reactions where message_id = m.id group by emoji) r) as reactions
"""

NEWEST = f"""
    select {SHOWN} from messages m
    where conversation_id = %s and (%s::bigint is null or seq < %s)
    order by seq desc limit %s offset %s
"""

AFTER = f"""
    select {SHOWN} from messages m where conversation_id = %s and seq > %s order by seq limit %s
"""

COUNT = "select count(*) as total from messages where conversation_id = %s"

# Takes the next number under the conversation's row lock, like the journal does.
INSERT_SYSTEM = f"""
    with head as (
        update conversations set last_seq = last_seq + 1,
            last_message_at = greatest(last_message_at, clock_timestamp()),
            updated_at = clock_timestamp()
        where id = %(conversation_id)s and not exists (
            select 1 from messages where sender_id = %(sender_id)s
                and client_message_id = %(client_message_id)s)
        returning id, last_seq, last_message_at
    )
    insert into messages (id, conversation_id, seq, sender_id, client_message_id, body, kind,
                          created_at)
    select %(id)s, head.id, head.last_seq, %(sender_id)s, %(client_message_id)s, %(body)s,
           'system', head.last_message_at
    from head returning {COLUMNS}
"""


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message that its conversation has accepted; ``participants`` get it live."""

    id: str
    conversation_id: str
    expected_version: int
    sender_id: str
    client_message_id: str | None = None
    text: str | None = None
    kind: str = "text"
    media_url: str | None = None
    reply_to: str | None = None
    is_encrypted: bool = False
    participants: tuple[str, ...] = ()


class CommittedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Where the message is, now for ever.

    A ``duplicate`` is the message of the first time; without ``same_content`` the client id was
    used for something else.
    """

    message_id: str
    conversation_id: str
    seq: int
    epoch: str
    created_at: datetime
    duplicate: bool
    same_content: bool


class StoredMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message as it is stored."""

    id: str
    conversation_id: str
    seq: int
    sender_id: str
    client_message_id: str | None
    body: str | None
    kind: str
    media_url: str | None
    reply_to: str | None
    is_encrypted: bool
    created_at: datetime
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    sender_handle: str | None = None
    reactions: list[dict[str, Any]] | None = None


async def newest(
    db: Queries, conversation_id: str, *, limit: int, before: int | None = None, skipped: int = 0
) -> list[StoredMessage]:
    """Return the last messages before seq ``before``, newest first, without ``skipped`` ones."""
    rows = await db.fetch(NEWEST, (conversation_id, before, before, limit, skipped))
    return [StoredMessage(**row) for row in rows]


async def after(db: Queries, conversation_id: str, *, seq: int, limit: int) -> list[StoredMessage]:
    """Return the first messages after ``seq``, oldest first."""
    rows = await db.fetch(AFTER, (conversation_id, seq, limit))
    return [StoredMessage(**row) for row in rows]


async def count(db: Queries, conversation_id: str) -> int:
    """Return how many messages there are, tombstones included."""
    row = await db.fetch_one(COUNT, (conversation_id,))
    assert row is not None
    return int(row["total"])


async def add_system_message(
    tx: Queries, conversation_id: str, *, sender_id: str, code: str, body: str
) -> Row | None:
    """Write a system message and return its row; None if there was one with this ``code``."""
    return await tx.fetch_one(
        INSERT_SYSTEM,
        {
            "id": new_id(),
            "conversation_id": conversation_id,
            "sender_id": sender_id,
            "client_message_id": code,
            "body": body,
        },
    )
