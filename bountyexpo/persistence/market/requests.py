"""Applications: a hunter's wish to take a bounty, called bounty requests on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.market.application import Status
    from bountyexpo.persistence.queries import Queries

COLUMNS = """
    r.id, r.bounty_id, r.hunter_id, r.status, r.message, r.proposed_completion_at, r.created_at,
    r.updated_at, u.username, p.avatar_url
"""

SOURCE = """
    from bounty_requests r
    join users u on u.id = r.hunter_id join user_profiles p on p.user_id = u.id
"""

BY_ID = f"select {COLUMNS} {SOURCE} where r.id = %s"
OF_BOUNTY = f"select {COLUMNS} {SOURCE} where r.bounty_id = %s order by r.created_at, r.id"

# Only the poster and the applicant may see an application; visibility comes before paging.
VISIBLE = f"""
    select {COLUMNS} {SOURCE} join bounties b on b.id = r.bounty_id
    where (r.hunter_id = %(viewer)s or b.poster_id = %(viewer)s)
      and (%(bounty_id)s::uuid is null or r.bounty_id = %(bounty_id)s)
      and (%(hunter_id)s::uuid is null or r.hunter_id = %(hunter_id)s)
      and (%(status)s::text is null or r.status = %(status)s)
    order by r.created_at desc, r.id desc limit %(limit)s
"""

INSERT = f"""
    with r as (
        insert into bounty_requests (id, bounty_id, hunter_id, status, message,
                                     proposed_completion_at)
        values (%s, %s, %s, %s, %s, %s)
        on conflict (bounty_id, hunter_id) do update set status = excluded.status,
            decided_at = null, decided_by = null, message = excluded.message,
            proposed_completion_at = excluded.proposed_completion_at, updated_at = now()
        returning *
    )
    select {COLUMNS} from r
    join users u on u.id = r.hunter_id join user_profiles p on p.user_id = u.id
"""

DECIDE = """
    update bounty_requests r set status = decided.status, decided_at = now(), decided_by = %s,
        updated_at = now()
    from unnest(%s::uuid[], %s::text[]) as decided (id, status) where r.id = decided.id
    returning r.id, r.updated_at
"""

COUNT_OF_HUNTER = """
    select count(*) as found from bounty_requests where hunter_id = %s and status = %s
"""


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """One application with its hunter's public name."""

    id: str
    bounty_id: str
    hunter_id: str
    status: str
    message: str | None
    proposed_completion_at: datetime | None
    created_at: datetime
    updated_at: datetime
    username: str
    avatar_url: str | None


async def get(db: Queries, request_id: str) -> Application | None:
    """Return the application, or None."""
    row = await db.fetch_one(BY_ID, (request_id,))
    return Application(**row) if row else None


async def of_bounty(db: Queries, bounty_id: str) -> list[Application]:
    """Return every application to a bounty, oldest first."""
    return [Application(**row) for row in await db.fetch(OF_BOUNTY, (bounty_id,))]


async def visible(
    db: Queries,
    viewer: str,
    *,
    bounty_id: str | None = None,
    hunter_id: str | None = None,
    status: str | None = None,
    limit: int = 100,
) -> list[Application]:
    """Return the applications that ``viewer`` made or received, newest first."""
    wanted = {
        "viewer": viewer,
        "bounty_id": bounty_id,
        "hunter_id": hunter_id,
        "status": status,
        "limit": limit,
    }
    return [Application(**row) for row in await db.fetch(VISIBLE, wanted)]


async def insert(
    db: Queries,
    request_id: str,
    bounty_id: str,
    hunter_id: str,
    *,
    status: Status,
    message: str | None,
    proposed_completion_at: datetime | None,
) -> Application:
    """Insert an application, or write a later one of the same hunter over the first."""
    row = await db.fetch_one(
        INSERT, (request_id, bounty_id, hunter_id, status.value, message, proposed_completion_at)
    )
    assert row is not None
    return Application(**row)


async def decide(
    db: Queries, outcomes: Mapping[str, Status], *, decided_by: str | None = None
) -> dict[str, datetime]:
    """Give each of these applications, named by their ids, its new status; return when."""
    ids, statuses = list(outcomes), [status.value for status in outcomes.values()]
    rows = await db.fetch(DECIDE, (decided_by, ids, statuses))
    return {row["id"]: row["updated_at"] for row in rows}


async def count_of(db: Queries, hunter_id: str, status: Status) -> int:
    """Return how many applications of this hunter are in ``status``."""
    row = await db.fetch_one(COUNT_OF_HUNTER, (hunter_id, status.value))
    assert row is not None
    return int(row["found"])
