"""Conversations and who takes part in them (contract realtime §1, §3.6).

Two people have one direct thread, and one more for each bounty they share. The pair is the key
of a unique index, so that two requests at the same moment end in the same conversation.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.domain.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.persistence.queries import Queries
    from bountyexpo.persistence.unit_of_work import Transaction

COLUMNS = """
    c.id, c.kind, c.bounty_id, c.created_by, c.name, c.last_seq, c.epoch, c.last_message_at,
    c.version, c.created_at, c.updated_at,
    array(select user_id from conversation_participants p
          where p.conversation_id = c.id and p.left_at is null order by user_id) as participants
"""

BY_ID = f"select {COLUMNS} from conversations c where c.id = %s"

BY_PAIR = f"""
    select {COLUMNS} from conversations c
    where c.pair_key = %(pair_key)s and c.bounty_id is not distinct from %(bounty_id)s
"""

INSERT = """
    insert into conversations (id, kind, bounty_id, pair_key, created_by)
    values (%(id)s, %(kind)s, %(bounty_id)s, %(pair_key)s, %(created_by)s)
    on conflict do nothing
"""

JOIN = """
    insert into conversation_participants (conversation_id, user_id)
    select %s, unnest(%s::uuid[]) on conflict do nothing
"""

OF_USER = f"""
    select {COLUMNS}, mine.last_read_seq,
        (select count(*) from messages m where m.conversation_id = c.id
            and m.seq > mine.last_read_seq and m.sender_id <> mine.user_id) as unread,
        (select jsonb_build_object('id', m.id, 'text', m.body, 'senderId', m.sender_id,
                                   'createdAt', m.created_at)
         from messages m where m.conversation_id = c.id order by m.seq desc limit 1)
            as last_message
    from conversation_participants mine join conversations c on c.id = mine.conversation_id
    where mine.user_id = %s and mine.left_at is null
    order by coalesce(c.last_message_at, c.created_at) desc, c.id limit %s
"""

IDS_OF_USER = """
    select p.conversation_id from conversation_participants p
    join conversations c on c.id = p.conversation_id
    where p.user_id = %s and p.left_at is null
    order by coalesce(c.last_message_at, c.created_at) desc limit %s
"""

IS_MEMBER = """
    select 1 from conversation_participants
    where conversation_id = %s and user_id = %s and left_at is null
"""

UNREAD_OF_USER = """
    select count(*) as unread from conversation_participants p
    join messages m on m.conversation_id = p.conversation_id and m.seq > p.last_read_seq
    where p.user_id = %s and p.left_at is null and m.sender_id <> p.user_id
"""


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation with its present participants."""

    id: str
    kind: str
    bounty_id: str | None
    created_by: str | None
    name: str | None
    last_seq: int
    epoch: str
    last_message_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
    participants: list[str]


class Listed(Conversation, frozen=True, kw_only=True):
    """A conversation as one participant sees it in the list."""

    last_read_seq: int
    unread: int
    last_message: dict[str, Any] | None


async def get(db: Queries, conversation_id: str) -> Conversation | None:
    """Return the conversation, or None."""
    row = await db.fetch_one(BY_ID, (conversation_id,))
    return Conversation(**row) if row else None


async def between(
    db: Queries, users: Sequence[str], *, bounty_id: str | None = None
) -> Conversation | None:
    """Return the thread of two people, direct or about a bounty, or None."""
    row = await db.fetch_one(BY_PAIR, {"pair_key": _pair_key(users), "bounty_id": bounty_id})
    return Conversation(**row) if row else None


async def open_between(
    db: Queries, users: Sequence[str], *, created_by: str, bounty_id: str | None = None
) -> tuple[Conversation, bool]:
    """Return the thread of two people and whether this call made it."""
    conversation_id = new_id()
    created = await db.execute(
        INSERT,
        {
            "id": conversation_id,
            "kind": "bounty" if bounty_id else "dm",
            "bounty_id": bounty_id,
            "pair_key": _pair_key(users),
            "created_by": created_by,
        },
    )
    if created:
        await db.execute(JOIN, (conversation_id, list(users)))
    found = await between(db, users, bounty_id=bounty_id)
    assert found is not None
    return found, bool(created)


async def of_user(db: Queries, user_id: str, limit: int) -> list[Listed]:
    """Return the conversations of a user, the most recently active first."""
    return [Listed(**row) for row in await db.fetch(OF_USER, (user_id, limit))]


async def ids_of_user(db: Queries, user_id: str, limit: int) -> list[str]:
    """Return the ids of the user's conversations, the most recently active first."""
    return [row["conversation_id"] for row in await db.fetch(IDS_OF_USER, (user_id, limit))]


async def is_member(db: Queries, conversation_id: str, user_id: str) -> bool:
    """Tell whether the user takes part in the conversation now."""
    return await db.fetch_one(IS_MEMBER, (conversation_id, user_id)) is not None


async def unread_of(db: Queries, user_id: str) -> int:
    """Return how many messages of others the user has not read."""
    row = await db.fetch_one(UNREAD_OF_USER, (user_id,))
    assert row is not None
    return int(row["unread"])


async def announce(tx: Transaction, conversation: Conversation) -> None:
    """Tell each participant, on their own stream, that they are in a new conversation."""
    payload = {
        "conversationId": conversation.id,
        "conversation": {
            "id": conversation.id,
            "kind": conversation.kind,
            "isGroup": conversation.kind == "group",
            "bountyId": conversation.bounty_id,
            "name": conversation.name,
            "participantIds": conversation.participants,
            "createdBy": conversation.created_by,
        },
    }
    for user_id in conversation.participants:
        await tx.event(f"user:{user_id}", "conversation.added", payload, users=(user_id,))


def _pair_key(users: Sequence[str]) -> str:
    assert len(set(users)) == 2
    return ":".join(sorted(users))
