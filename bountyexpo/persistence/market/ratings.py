"""Ratings: what one side of a completed bounty thinks of the other, said once (data-model B.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.ids import new_id

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries

ADD = """
    insert into ratings (id, bounty_id, from_user_id, to_user_id, rating_tenths, comment)
    values (%s, %s, %s, %s, %s, %s) on conflict (bounty_id, from_user_id, to_user_id) do nothing
"""


async def add(
    db: Queries, bounty_id: str, *, rater: str, rated: str, tenths: int, comment: str | None
) -> bool:
    """Record a rating; return False where there was one."""
    row = (new_id(), bounty_id, rater, rated, tenths, comment)
    return bool(await db.execute(ADD, row))
