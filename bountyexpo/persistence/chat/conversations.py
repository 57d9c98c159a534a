"""Conversations and who takes part in them (contract realtime §1, §3.6).

Two people have one direct thread, and one more for each bounty they share. The pair is the key
of a unique index, so that two requests at the same moment end in the same conversation. Whatever
changes who takes part, or who may write to whom, changes ``version``: a writer who was checked
against the old set is refused by the journal and by ``lock``.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.domain.ids import new_id
from bountyexpo.errors import StaleVersion

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bountyexpo.persistence.queries import Queries
    from bountyexpo.persistence.statement import Row

COLUMNS = """
    c.id, c.kind, c.bounty_id, c.created_by, c.name, c.avatar_url, c.last_seq, c.epoch,
    c.last_message_at, c.pinned_message_id, c.version, c.created_at, c.updated_at,
    array(select user_id from conversation_participants p
          where p.conversation_id = c.id and p.left_at is null order by user_id) as participants
"""

BY_ID = f"select {COLUMNS} from conversations c where c.id = %s"

# With each pair of participants between whom there is a block, for the conversation's owner.
BY_ID_WITH_BLOCKS = f"""
    select {COLUMNS}, array(
        select b.blocker_id || ':' || b.blocked_id
        from conversation_participants one
        join user_blocks b on b.blocker_id = one.user_id
        join conversation_participants two
            on two.conversation_id = one.conversation_id and two.user_id = b.blocked_id
        where one.conversation_id = c.id) as blocks
    from conversations c where c.id = %s
"""

BY_PAIR = f"""
    select {COLUMNS} from conversations c
    where c.pair_key = %(pair_key)s and c.bounty_id is not distinct from %(bounty_id)s
"""

INSERT = """
    insert into conversations (id, kind, bounty_id, pair_key, created_by)
    values (%(id)s, %(kind)s, %(bounty_id)s, %(pair_key)s, %(created_by)s)
    on conflict do nothing
"""

INSERT_GROUP = """
    insert into conversations (id, kind, created_by, name, avatar_url)
    values (%(id)s, 'group', %(created_by)s, %(name)s, %(avatar_url)s)
"""

JOIN = """
    insert into conversation_participants (conversation_id, user_id)
    select %s, unnest(%s::uuid[]) on conflict do nothing
"""

SET_OWNER = """
    update conversation_participants set role = 'owner' where conversation_id = %s and user_id = %s
"""

LOCK = """
    select last_seq, pinned_message_id from conversations
    where id = %s and version = %s for no key update
"""

RENAME = """
    update conversations set name = coalesce(%(name)s, name),
        avatar_url = case when %(avatar_url)s::text is null then avatar_url
                          else nullif(%(avatar_url)s, '') end,
        updated_at = clock_timestamp()
    where id = %(id)s
"""

# It makes every owner of a shared conversation read the blocks anew before it writes.
BUMP_SHARED = """
    update conversations c set version = version + 1
    where id in (
        select mine.conversation_id from conversation_participants mine
        join conversation_participants theirs using (conversation_id)
        where mine.user_id = %s and theirs.user_id = %s)
    returning id
"""

MEMBERSHIPS = """
    select conversation_id from conversation_participants
    where user_id = %s and left_at is null and conversation_id = any(%s::uuid[])
"""

HAS_STRANGERS = """
    select 1 from unnest(%s::uuid[]) as other(id) where not exists (
        select 1 from conversation_participants mine
        join conversation_participants theirs using (conversation_id)
        where mine.user_id = %s and theirs.user_id = other.id) limit 1
"""

PEOPLE = """
    select p.user_id as id, u.username as handle, p.role
    from conversation_participants p join users u on u.id = p.user_id
    where p.conversation_id = %s and p.left_at is null order by p.user_id
"""


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation with its present participants."""

    id: str
    kind: str
    bounty_id: str | None
    created_by: str | None
    name: str | None
    avatar_url: str | None
    last_seq: int
    epoch: str
    last_message_at: datetime | None
    pinned_message_id: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    participants: list[str]


async def get(db: Queries, conversation_id: str) -> Conversation | None:
    """Return the conversation, or None."""
    row = await db.fetch_one(BY_ID, (conversation_id,))
    return Conversation(**row) if row else None


async def get_with_blocks(
    db: Queries, conversation_id: str
) -> tuple[Conversation, frozenset[frozenset[str]]] | None:
    """Return the conversation and the blocked pairs in it, or None."""
    row = await db.fetch_one(BY_ID_WITH_BLOCKS, (conversation_id,))
    if row is None:
        return None
    blocks = frozenset(frozenset(pair.split(":")) for pair in row.pop("blocks"))
    return Conversation(**row), blocks


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


async def open_group(
    db: Queries, owner_id: str, others: Sequence[str], *, name: str | None, avatar_url: str | None
) -> Conversation:
    """Make a group of the owner and others."""
    conversation_id = new_id()
    fields = {"created_by": owner_id, "name": name, "avatar_url": avatar_url}
    await db.execute(INSERT_GROUP, {"id": conversation_id, **fields})
    await db.execute(JOIN, (conversation_id, [owner_id, *others]))
    await db.execute(SET_OWNER, (conversation_id, owner_id))
    found = await get(db, conversation_id)
    assert found is not None
    return found


async def lock(tx: Queries, conversation: Conversation) -> dict[str, Any]:
    """Hold the conversation until the end of the transaction; returns head and pin.

    Raises:
        StaleVersion: who takes part, or who may write, has changed since it was read.
    """
    row = await tx.fetch_one(LOCK, (conversation.id, conversation.version))
    if row is None:
        raise StaleVersion
    return row


async def rename(
    db: Queries, conversation_id: str, *, name: str | None, avatar_url: str | None
) -> None:
    """Change name and picture; None leaves one as it is, an empty picture takes it away."""
    await db.execute(RENAME, {"id": conversation_id, "name": name, "avatar_url": avatar_url})


async def bump_shared(db: Queries, user_id: str, other_id: str) -> list[str]:
    """Give the conversations of two people a new version; returns their ids."""
    return [row["id"] for row in await db.fetch(BUMP_SHARED, (user_id, other_id))]


async def memberships(db: Queries, user_id: str, conversation_ids: Collection[str]) -> set[str]:
    """Return in which of these conversations the user takes part now."""
    rows = await db.fetch(MEMBERSHIPS, (user_id, list(conversation_ids)))
    return {row["conversation_id"] for row in rows}


async def has_strangers(db: Queries, user_id: str, others: Sequence[str]) -> bool:
    """Tell whether the user has never been in a conversation with one of the others."""
    return await db.fetch_one(HAS_STRANGERS, (list(others), user_id)) is not None


async def people(db: Queries, conversation_id: str) -> list[Row]:
    """Return who takes part now: ``id``, ``handle`` and ``role``."""
    return await db.fetch(PEOPLE, (conversation_id,))


def _pair_key(users: Sequence[str]) -> str:
    assert len(set(users)) == 2
    return ":".join(sorted(users))
