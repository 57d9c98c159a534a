"""When people were last seen, written for many of them at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.ids import is_id

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from bountyexpo.persistence.queries import Queries

# A moment never goes back: another process may have seen the user since. The order keeps two of
# them from waiting for each other.
SAVE = """
    with seen as (
        select u.id, v.at from users u
        join unnest(%s::uuid[], %s::timestamptz[]) as v(id, at) on v.id = u.id
        where u.last_seen_at is null or u.last_seen_at < v.at
        order by u.id for no key update of u
    )
    update users u set last_seen_at = seen.at from seen where u.id = seen.id
"""

READ = "select id, last_seen_at from users where id = any(%s::uuid[]) and last_seen_at is not null"


async def save(db: Queries, moments: Mapping[str, datetime]) -> None:
    """Store when each of these users was last seen."""
    await db.execute(SAVE, (list(moments), list(moments.values())))


async def read(db: Queries, users: Collection[str]) -> dict[str, datetime]:
    """Return when these users were last seen, of those who ever were."""
    known = [each for each in users if is_id(each)]
    if not known:
        return {}
    rows = await db.fetch(READ, (known,))
    return {row["id"]: row["last_seen_at"] for row in rows}
