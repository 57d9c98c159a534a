"""Who has blocked whom (contract realtime §1.9); a block counts in both directions."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.persistence.queries import Queries

ADD = """
    insert into user_blocks (blocker_id, blocked_id) values (%s, %s) on conflict do nothing
"""

REMOVE = "delete from user_blocks where blocker_id = %s and blocked_id = %s"

OF_USER = """
    select b.blocked_id, u.username, p.display_name, p.avatar_url, b.created_at
    from user_blocks b join users u on u.id = b.blocked_id
    join user_profiles p on p.user_id = b.blocked_id
    where b.blocker_id = %s order by b.created_at desc, b.blocked_id limit 1000
"""

IS_THERE = "select 1 from user_blocks where blocker_id = %s and blocked_id = %s"

BETWEEN = """
    select case when blocker_id = %(user)s then blocked_id else blocker_id end as other
    from user_blocks
    where (blocker_id = %(user)s and blocked_id = any(%(others)s::uuid[]))
       or (blocked_id = %(user)s and blocker_id = any(%(others)s::uuid[]))
"""


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whom a user has blocked."""

    blocked_id: str
    username: str
    display_name: str | None
    avatar_url: str | None
    created_at: datetime


async def add(db: Queries, blocker_id: str, blocked_id: str) -> bool:
    """Block somebody; returns False when that was so already."""
    return bool(await db.execute(ADD, (blocker_id, blocked_id)))


async def remove(db: Queries, blocker_id: str, blocked_id: str) -> bool:
    """Take a block back; returns False when there was none."""
    return bool(await db.execute(REMOVE, (blocker_id, blocked_id)))


async def of_user(db: Queries, user_id: str) -> list[Block]:
    """Return whom the user has blocked, the newest first, and of very many the newest thousand."""
    return [Block(**row) for row in await db.fetch(OF_USER, (user_id,))]


async def is_there(db: Queries, blocker_id: str, blocked_id: str) -> bool:
    """Tell whether somebody has blocked somebody."""
    return await db.fetch_one(IS_THERE, (blocker_id, blocked_id)) is not None


async def between(db: Queries, user_id: str, others: Sequence[str]) -> frozenset[str]:
    """Return those of ``others`` who have blocked the user or were blocked by them."""
    if not others:
        return frozenset()
    rows = await db.fetch(BETWEEN, {"user": user_id, "others": list(others)})
    return frozenset(row["other"] for row in rows)
