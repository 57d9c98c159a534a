"""Applications: a hunter's wish to take a bounty, called bounty requests on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from bountyexpo.persistence.users.user_stats import Rated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.market.application import Status
    from bountyexpo.persistence.queries import Queries

COLUMNS = """
    r.id, r.bounty_id, r.poster_id, r.hunter_id, r.status, r.message, r.proposed_completion_at,
    r.estimated_duration, r.decided_at, r.decided_by, r.created_at, r.updated_at, u.username,
    p.avatar_url, coalesce(s.rating_sum_tenths, 0) as hunter_rating_tenths,
    coalesce(s.rating_count, 0) as hunter_ratings
"""

# What stands beside ``bounty_requests r``: who applies.
BESIDE = """
    join users u on u.id = r.hunter_id join user_profiles p on p.user_id = u.id
    left join user_stats s on s.user_id = r.hunter_id
"""

SOURCE = f"from bounty_requests r {BESIDE}"

BY_ID = f"select {COLUMNS} {SOURCE} where r.id = %s"
OF_HUNTER = f"select {COLUMNS} {SOURCE} where r.bounty_id = %s and r.hunter_id = %s"
WAITING = f"""
    select {COLUMNS} {SOURCE} where r.bounty_id = %s and r.status = 'pending'
    order by r.created_at, r.id limit %s
"""
HAS_WAITING = "select 1 from bounty_requests where bounty_id = %s and status = 'pending' limit 1"

INSERT = f"""
    with r as (
        insert into bounty_requests (id, bounty_id, hunter_id, status, message,
                                     proposed_completion_at, estimated_duration)
        values (%s, %s, %s, %s, %s, %s, %s)
        on conflict (bounty_id, hunter_id) do update set status = excluded.status,
            decided_at = null, decided_by = null, message = excluded.message,
            proposed_completion_at = excluded.proposed_completion_at,
            estimated_duration = excluded.estimated_duration, updated_at = now()
        returning *
    )
    select {COLUMNS} from r {BESIDE}
"""

DECIDE = """
    update bounty_requests r set status = decided.status, decided_at = now(), decided_by = %s,
        updated_at = now()
    from unnest(%s::uuid[], %s::text[]) as decided (id, status) where r.id = decided.id
    returning r.id, r.decided_at
"""

COUNT_OF_HUNTER = """
    select count(*) as found from bounty_requests where hunter_id = %s and status = %s
"""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a hunter says with an application; each part may be left out."""

    message: str | None = None
    proposed_completion_at: datetime | None = None
    estimated_duration: str | None = None


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """One application with its hunter's public name.

    ``decided_by`` is None where another decision has closed it.
    """

    id: str
    bounty_id: str
    poster_id: str
    hunter_id: str
    status: str
    message: str | None
    proposed_completion_at: datetime | None
    estimated_duration: str | None
    decided_at: datetime | None
    decided_by: str | None
    created_at: datetime
    updated_at: datetime
    username: str
    avatar_url: str | None
    hunter_rating_tenths: int
    hunter_ratings: int

    @property
    def hunter_rated(self) -> Rated:
        """How the hunter is rated."""
        return Rated(self.hunter_rating_tenths, self.hunter_ratings)


async def get(db: Queries, request_id: str) -> Application | None:
    """Return the application, or None."""
    row = await db.fetch_one(BY_ID, (request_id,))
    return Application(**row) if row else None


async def of_hunter(db: Queries, bounty_id: str, hunter_id: str) -> Application | None:
    """Return the one application of a hunter to a bounty, or None."""
    row = await db.fetch_one(OF_HUNTER, (bounty_id, hunter_id))
    return Application(**row) if row else None


async def waiting(db: Queries, bounty_id: str, limit: int) -> list[Application]:
    """Return the first applications to a bounty that nobody has answered, oldest first."""
    return [Application(**row) for row in await db.fetch(WAITING, (bounty_id, limit))]


async def has_waiting(db: Queries, bounty_id: str) -> bool:
    """Tell whether there is an application to a bounty that nobody has answered."""
    return await db.fetch_one(HAS_WAITING, (bounty_id,)) is not None


async def insert(
    db: Queries,
    request_id: str,
    bounty_id: str,
    hunter_id: str,
    *,
    status: Status,
    wish: Wish,
) -> Application:
    """Insert an application, or write a later one of the same hunter over the first."""
    said = msgspec.structs.astuple(wish)
    row = await db.fetch_one(INSERT, (request_id, bounty_id, hunter_id, status.value, *said))
    assert row is not None
    return Application(**row)


async def decide(
    db: Queries, outcomes: Mapping[str, Status], *, decided_by: str | None = None
) -> dict[str, datetime]:
    """Give each of these applications, named by their ids, its new status; return when."""
    ids, statuses = list(outcomes), [status.value for status in outcomes.values()]
    rows = await db.fetch(DECIDE, (decided_by, ids, statuses))
    return {row["id"]: row["decided_at"] for row in rows}


async def count_of(db: Queries, hunter_id: str, status: Status) -> int:
    """Return how many applications of this hunter are in ``status``."""
    row = await db.fetch_one(COUNT_OF_HUNTER, (hunter_id, status.value))
    assert row is not None
    return int(row["found"])
