"""Counters of people, which can be made anew from the rows they count (data-model B.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries

COUNT_CANCELLATION = """
    insert into user_stats as s (user_id, cancellation_count, withdrawal_count)
    values (%(user_id)s, %(posted)s::int, 1 - %(posted)s::int)
    on conflict (user_id) do update
        set cancellation_count = s.cancellation_count + excluded.cancellation_count,
            withdrawal_count = s.withdrawal_count + excluded.withdrawal_count
"""

COUNT_RATING = """
    insert into user_stats as s (user_id, rating_sum_tenths, rating_count) values (%s, %s, 1)
    on conflict (user_id) do update
        set rating_sum_tenths = s.rating_sum_tenths + excluded.rating_sum_tenths,
            rating_count = s.rating_count + 1
"""


async def count_cancellation(db: Queries, user_id: str, *, is_poster: bool) -> None:
    """Count that this user has cancelled a bounty: their own, or one that they worked on."""
    await db.execute(COUNT_CANCELLATION, {"user_id": user_id, "posted": int(is_poster)})


async def count_rating(db: Queries, user_id: str, tenths: int) -> None:
    """Count a rating that this user has got."""
    await db.execute(COUNT_RATING, (user_id, tenths))
