"""Ratings: what one side of a completed bounty thinks of the other, said once (data-model B.2)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from bountyexpo.domain.ids import new_id

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries

ADD = """
    insert into ratings (id, bounty_id, from_user_id, to_user_id, rating_tenths, comment)
    values (%s, %s, %s, %s, %s, %s) on conflict (bounty_id, from_user_id, to_user_id) do nothing
"""

COLUMNS = "id, bounty_id, from_user_id, to_user_id, rating_tenths, comment, created_at"

OF_USER = f"""
    select {COLUMNS} from ratings where to_user_id = %s
    order by created_at desc, id limit %s offset %s
"""

OF_RATER = f"select {COLUMNS} from ratings where bounty_id = %s and from_user_id = %s"


class Rating(msgspec.Struct, frozen=True, kw_only=True):
    """One rating, in tenths of a star."""

    id: str
    bounty_id: str
    from_user_id: str
    to_user_id: str
    rating_tenths: int
    comment: str | None
    created_at: datetime


async def add(
    db: Queries, bounty_id: str, *, rater: str, rated: str, tenths: int, comment: str | None
) -> bool:
    """Record a rating; return False where there was one."""
    row = (new_id(), bounty_id, rater, rated, tenths, comment)
    return bool(await db.execute(ADD, row))


async def of_user(db: Queries, user_id: str, limit: int, offset: int) -> list[Rating]:
    """Return a page of the ratings that a user has got, newest first."""
    return [Rating(**row) for row in await db.fetch(OF_USER, (user_id, limit, offset))]


async def of_rater(db: Queries, bounty_id: str, rater: str) -> Rating | None:
    """Return the rating that one side of a bounty has given, or None."""
    row = await db.fetch_one(OF_RATER, (bounty_id, rater))
    return Rating(**row) if row else None
