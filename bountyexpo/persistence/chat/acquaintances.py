"""Who knows whom: people of one conversation, and the two parties of a running bounty.

Only they see each other come and go (contract realtime §4.5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.ids import is_id

if TYPE_CHECKING:
    from collections.abc import Collection

    from bountyexpo.persistence.queries import Queries

# Whoever has blocked the other, or was, is a stranger again.
_ACQUAINTED = """
    select user_id from (
        select other.user_id from conversation_participants mine
        join conversation_participants other on other.conversation_id = mine.conversation_id
        where mine.user_id = %(me)s and mine.left_at is null and other.left_at is null
            and other.user_id = any(%(others)s::uuid[])
        union
        select case when poster_id = %(me)s then hunter_id else poster_id end from running_bounties
        where (poster_id = %(me)s and hunter_id = any(%(others)s::uuid[]))
            or (hunter_id = %(me)s and poster_id = any(%(others)s::uuid[]))
    ) as known
    where not exists (select 1 from user_blocks
        where (blocker_id = %(me)s and blocked_id = known.user_id)
            or (blocker_id = known.user_id and blocked_id = %(me)s))
"""

_PARTNERS = """
    select other.user_id, array_agg(other.conversation_id order by other.conversation_id) as shared
    from conversation_participants mine
    join conversation_participants other on other.conversation_id = mine.conversation_id
        and other.user_id <> mine.user_id and other.left_at is null
    where mine.user_id = %s and mine.left_at is null
        and not exists (select 1 from user_blocks
            where (blocker_id = mine.user_id and blocked_id = other.user_id)
                or (blocker_id = other.user_id and blocked_id = mine.user_id))
    group by other.user_id order by max(other.joined_at) desc limit %s
"""


async def acquainted(db: Queries, user_id: str, others: Collection[str]) -> set[str]:
    """Return who of ``others`` shares a conversation or a running bounty with the user."""
    known = [each for each in others if is_id(each)]
    if not known:
        return set()
    rows = await db.fetch(_ACQUAINTED, {"me": user_id, "others": known})
    return {row["user_id"] for row in rows}


async def partners(db: Queries, user_id: str, limit: int) -> dict[str, list[str]]:
    """Return with whom the user shares conversations, and which, the latest partners first."""
    rows = await db.fetch(_PARTNERS, (user_id, limit))
    return {row["user_id"]: row["shared"] for row in rows}
