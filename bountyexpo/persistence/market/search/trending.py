"""What is much looked at now (rest-core §2.10, J5): new, and well paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.persistence.market.search.finding import shown
from bountyexpo.persistence.market.visibility import VISIBLE

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.persistence.market.bounties import Bounty
    from bountyexpo.persistence.queries import Queries

# Older ones are not trending; of the others, the newest are looked at.
DAYS: Final = 7
CONSIDERED_MAX: Final = 1_000

# A bounty loses its hundred points within fifty hours; its price gives one for ten dollars, fifty
# at most, and ten where there is none.
TRENDING: Final = f"""
    select b.id,
           round((greatest(0, 100 - 2 * greatest(0, b.age_h))
            + case when b.is_for_honor then 10 else least(b.amount_cents / 1000.0, 50) end
           )::numeric, 2)::float8 as score
    from (
        select b.id, b.created_at, b.amount_cents, b.is_for_honor,
               extract(epoch from %(now)s::timestamptz - b.created_at) / 3600 as age_h
        from bounties b
        where b.status = 'open' and b.hunter_id is null
          and b.created_at > %(now)s::timestamptz - make_interval(days => {DAYS})
          and {" and ".join(VISIBLE)}
        order by b.created_at desc, b.id desc limit {CONSIDERED_MAX}
    ) b order by score desc, b.created_at desc, b.id desc limit %(limit)s
"""


async def trending(
    db: Queries, viewer_id: str | None, now: datetime, limit: int
) -> list[tuple[Bounty, float]]:
    """Return open bounties with their scores, the highest first."""
    values = {"viewer_id": viewer_id, "now": now, "limit": limit}
    rows = await db.fetch(TRENDING, values)
    found = await shown(db, [row["id"] for row in rows])
    scores = {row["id"]: row["score"] for row in rows}
    return [(bounty, scores[bounty.id]) for bounty in found]
