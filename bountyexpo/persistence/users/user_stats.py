"""Counters of people, which can be made anew from the rows they count (data-model B.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

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

RATED = "select rating_sum_tenths, rating_count from user_stats where user_id = %s"


class Rated(msgspec.Struct, frozen=True):
    """How somebody is rated."""

    sum_tenths: int = 0
    count: int = 0

    @property
    def average(self) -> float:
        """The average in stars, as lists show it; 0 where nobody has rated."""
        return round(self.sum_tenths / 10 / self.count, 2) if self.count else 0.0


OF = """
    select user_id, cancellation_count, withdrawal_count, rating_sum_tenths, rating_count
    from user_stats where user_id = any(%s::uuid[])
"""


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted of one person."""

    user_id: str
    cancellation_count: int
    withdrawal_count: int
    rating_sum_tenths: int
    rating_count: int


async def of(db: Queries, user_ids: Sequence[str]) -> dict[str, Stats]:
    """Return what is counted of these people; those of whom nothing is are not there."""
    rows = await db.fetch(OF, (list(user_ids),))
    return {row["user_id"]: Stats(**row) for row in rows}


async def count_cancellation(db: Queries, user_id: str, *, is_poster: bool) -> None:
    """Count that this user has cancelled a bounty: their own, or one that they worked on."""
    await db.execute(COUNT_CANCELLATION, {"user_id": user_id, "posted": int(is_poster)})


async def count_rating(db: Queries, user_id: str, tenths: int) -> None:
    """Count a rating that this user has got."""
    await db.execute(COUNT_RATING, (user_id, tenths))


async def rated(db: Queries, user_id: str) -> Rated:
    """Return how this user is rated."""
    row = await db.fetch_one(RATED, (user_id,))
    return Rated(row["rating_sum_tenths"], row["rating_count"]) if row else Rated()
