"""Applications: a hunter's wish to take a bounty, called bounty requests on the wire."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from bountyexpo.domain.market.application import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.persistence.queries import Queries

COLUMNS = """
    r.id, r.bounty_id, r.poster_id, r.hunter_id, r.status, r.message, r.proposed_completion_at,
    r.estimated_duration, r.decided_at, r.decided_by, r.created_at, r.updated_at, u.username,
    p.avatar_url
"""

SOURCE = """
    from bounty_requests r
    join users u on u.id = r.hunter_id join user_profiles p on p.user_id = u.id
"""

BY_ID = f"select {COLUMNS} {SOURCE} where r.id = %s"
OF_HUNTER = f"select {COLUMNS} {SOURCE} where r.bounty_id = %s and r.hunter_id = %s"
WAITING = f"""
    select {COLUMNS} {SOURCE} where r.bounty_id = %s and r.status = 'pending'
    order by r.created_at, r.id
"""
HAS_WAITING = "select 1 from bounty_requests where bounty_id = %s and status = 'pending' limit 1"

# Only the poster and the applicant may see an application; visibility comes before paging. Each
# status of either side is a range of an index, of which no more is read than a page.
VISIBLE = """
    with wanted as (select unnest(%(statuses)s::text[]) as status)
    select {columns} from (
        select of.* from wanted w cross join lateral (
            select * from bounty_requests r where r.hunter_id = %(viewer)s and {conditions}
            order by r.created_at desc, r.id desc limit %(limit)s) as of
        union all
        select of.* from wanted w cross join lateral (
            select * from bounty_requests r where r.poster_id = %(viewer)s and {conditions}
            order by r.created_at desc, r.id desc limit %(limit)s) as of
    ) as r join users u on u.id = r.hunter_id join user_profiles p on p.user_id = u.id
    order by r.created_at desc, r.id desc limit %(limit)s
"""

# What else may be asked for; only what is asked for stands in the statement, for each has a plan.
CONDITIONS = {
    "bounty_id": "r.bounty_id = %(bounty_id)s",
    "hunter_id": "r.hunter_id = %(hunter_id)s",
    "before": "(r.created_at, r.id) < (%(before)s, %(before_id)s::uuid)",
}

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
    select {COLUMNS} from r
    join users u on u.id = r.hunter_id join user_profiles p on p.user_id = u.id
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


async def get(db: Queries, request_id: str) -> Application | None:
    """Return the application, or None."""
    row = await db.fetch_one(BY_ID, (request_id,))
    return Application(**row) if row else None


async def of_hunter(db: Queries, bounty_id: str, hunter_id: str) -> Application | None:
    """Return the one application of a hunter to a bounty, or None."""
    row = await db.fetch_one(OF_HUNTER, (bounty_id, hunter_id))
    return Application(**row) if row else None


async def waiting(db: Queries, bounty_id: str) -> list[Application]:
    """Return the applications to a bounty that nobody has answered, oldest first."""
    return [Application(**row) for row in await db.fetch(WAITING, (bounty_id,))]


async def has_waiting(db: Queries, bounty_id: str) -> bool:
    """Tell whether there is an application to a bounty that nobody has answered."""
    return await db.fetch_one(HAS_WAITING, (bounty_id,)) is not None


class Page(msgspec.Struct, kw_only=True):
    """Which applications to list; newest first, after the one that the cursor names."""

    bounty_id: str | None = None
    hunter_id: str | None = None
    status: str | None = None
    before: datetime | None = None
    before_id: str | None = None
    limit: int = 100


async def visible(db: Queries, viewer: str, wanted: Page) -> list[Application]:
    """Return a page of the applications that ``viewer`` made or received."""
    statuses = [wanted.status] if wanted.status is not None else list(Status)
    params = msgspec.structs.asdict(wanted) | {"viewer": viewer, "statuses": statuses}
    asked = tuple(name for name in CONDITIONS if params[name] is not None)
    return [Application(**row) for row in await db.fetch(_visible(asked), params)]


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


@cache
def _visible(asked: tuple[str, ...]) -> str:
    conditions = ["r.status = w.status", *(CONDITIONS[name] for name in asked)]
    return VISIBLE.format(columns=COLUMNS, conditions=" and ".join(conditions))
