"""Changes of a message that was sent: edits, tombstones, the pin, reactions.

Each runs in the transaction of its decision, which holds the conversation's row, so that changes
of one conversation come one after the other on every node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.domain.chat.events import MessageEdited, MessageReaction
from bountyexpo.persistence import streams
from bountyexpo.persistence.streams import PRUNE

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.persistence.queries import Queries

BY_ID = """
    select id, seq, sender_id, kind, body, media_url, is_encrypted, created_at, edited_at,
           deleted_at
    from messages where conversation_id = %s and id = %s
"""

EDIT = """
    update messages set body = %s, edited_at = clock_timestamp()
    where conversation_id = %s and id = %s returning edited_at
"""

DELETE = """
    with reactions as (delete from message_reactions where message_id = %(id)s),
         pin as (update conversations set pinned_message_id = null
                 where id = %(conversation_id)s and pinned_message_id = %(id)s)
    update messages set body = null, media_url = null, deleted_at = clock_timestamp()
    where conversation_id = %(conversation_id)s and id = %(id)s returning deleted_at
"""

PIN = "update conversations set pinned_message_id = %s where id = %s"

REACT = """
    insert into message_reactions (conversation_id, message_id, user_id, emoji)
    values (%s, %s, %s, %s) on conflict do nothing
"""

UNREACT = "delete from message_reactions where message_id = %s and user_id = %s and emoji = %s"

EMOJI_OF = """
    select emoji, count(*) as count from message_reactions where message_id = %s group by emoji
"""


# Reactions come and go in any number. Their events are kept for a time, up to a length; a client
# that is further behind reads them with the messages.
_PRUNE_BY_AGE = PRUNE.format(f"""
    select ctid from stream_events where type = '{MessageReaction.spec().type}'
        and created_at < now() - make_interval(days => %(days)s) limit %(part)s
""")

_PRUNE_BY_LENGTH = PRUNE.format(f"""
    select e.ctid from conversations c join stream_events e
        on e.stream = 'conv:' || c.id and e.seq <= c.last_seq - %(most)s
    where e.type = '{MessageReaction.spec().type}' and c.last_seq > %(most)s limit %(part)s
""")


async def get(db: Queries, conversation_id: str, message_id: str) -> dict[str, Any] | None:
    """Return the message, if it is one of this conversation."""
    return await db.fetch_one(BY_ID, (conversation_id, message_id))


async def edit(tx: Queries, conversation_id: str, message_id: str, body: str | None) -> datetime:
    """Replace the text."""
    await _retell(tx, conversation_id, message_id, body)
    row = await tx.fetch_one(EDIT, (body, conversation_id, message_id))
    assert row is not None
    at: datetime = row["edited_at"]
    return at


async def delete(tx: Queries, conversation_id: str, message_id: str) -> datetime:
    """Leave a tombstone: number and author stay; text, media, reactions and pin go."""
    await _retell(tx, conversation_id, message_id, None)
    row = await tx.fetch_one(DELETE, {"conversation_id": conversation_id, "id": message_id})
    assert row is not None
    at: datetime = row["deleted_at"]
    return at


async def pin(tx: Queries, conversation_id: str, message_id: str | None) -> None:
    """Make this the one pinned message of the conversation, or none."""
    await tx.execute(PIN, (message_id, conversation_id))


async def react(
    tx: Queries, conversation_id: str, message_id: str, user_id: str, emoji: str
) -> bool:
    """Add a reaction; returns False when it was there."""
    return bool(await tx.execute(REACT, (conversation_id, message_id, user_id, emoji)))


async def unreact(tx: Queries, message_id: str, user_id: str, emoji: str) -> bool:
    """Take a reaction back; returns False when there was none."""
    return bool(await tx.execute(UNREACT, (message_id, user_id, emoji)))


async def emoji_of(db: Queries, message_id: str) -> dict[str, int]:
    """Return how many people reacted with each emoji."""
    return {row["emoji"]: row["count"] for row in await db.fetch(EMOJI_OF, (message_id,))}


async def prune_reactions(db: Queries, *, days: int, most: int, part: int) -> int:
    """Forget events of reactions: older ones, and those behind so many events; return how many.

    At most ``part`` for either reason; who gets 0 is done.
    """
    params = {"days": days, "most": most, "part": part}
    old = await db.execute(_PRUNE_BY_AGE, params)
    return old + await db.execute(_PRUNE_BY_LENGTH, params)


async def _retell(tx: Queries, conversation_id: str, message_id: str, body: str | None) -> None:
    """Let earlier edits say the present text, so that no replay brings back one that was taken."""
    await streams.amend(
        tx, MessageEdited, of=conversation_id, where={"message_id": message_id}, to={"text": body}
    )
