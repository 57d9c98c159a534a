"""The search of people: their index, and who is found (rest-core §2.10, J3)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from bountyexpo.domain.search.vectors import begun
from bountyexpo.domain.users.people import vector

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.persistence.queries import Queries

# So many are looked at, counted and paged through.
CONSIDERED_MAX: Final = 1_000

OLD: Final = """
    select p.user_id, u.username, p.display_name, p.about
    from user_profiles p join users u on u.id = p.user_id
    where p.is_search_old order by p.user_id limit %s for no key update of p skip locked
"""

SET: Final = """
    update user_profiles p set search = new.vector::tsvector, is_search_old = false
    from unnest(%s::uuid[], %s::text[]) as new(user_id, vector) where p.user_id = new.user_id
"""

# With ``BEST`` for no other order.
BEST: Final = "score desc, p.username, p.id"
ORDERS: Final[Mapping[str, str]] = {
    "date_desc": "p.created_at desc, p.id desc",
    "date_asc": "p.created_at, p.id",
    "username": "p.username, p.id",
}

FIND: Final = """
    with found as materialized (
        select u.id, u.username, p.display_name, p.avatar_url, p.about, u.created_at, p.search
        from user_profiles p join users u on u.id = p.user_id
        where p.search @@ %(query)s::tsquery and u.account_status = 'active'
          and u.id not in (select blocked_id from user_blocks where blocker_id = %(viewer)s::uuid)
          and u.id not in (select blocker_id from user_blocks where blocked_id = %(viewer)s::uuid)
        limit %(considered_max)s
    )
    select p.id, p.username, p.display_name, p.avatar_url, p.about, p.created_at,
           ts_rank(p.search, %(query)s::tsquery) as score,
           (select count(*) from found) as total
    from found p order by {order} limit %(limit)s offset %(offset)s
"""


class FoundPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody as everybody sees them."""

    id: str
    username: str
    display_name: str | None
    avatar_url: str | None
    about: str | None
    created_at: datetime


class PeopleSearch(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to find, for whom, and which of them to show; ``sort`` is one of ``ORDERS``."""

    terms: tuple[str, ...]
    viewer_id: str
    sort: str | None = None
    limit: int = 20
    offset: int = 0


async def renew(tx: Queries, limit: int) -> int:
    """Index people who are new or have changed; return how many there were."""
    rows = await tx.fetch(OLD, (limit,))
    if rows:
        vectors = [vector(row["username"], row["display_name"], row["about"]) for row in rows]
        await tx.execute(SET, ([row["user_id"] for row in rows], vectors))
    return len(rows)


async def search(db: Queries, wanted: PeopleSearch) -> tuple[list[FoundPerson], int]:
    """Return one page in a total order, and how many there are, ``CONSIDERED_MAX`` at most."""
    if not wanted.terms:
        return [], 0
    sql = FIND.format(order=ORDERS.get(wanted.sort or "", BEST))
    values = {
        "query": " & ".join(begun(term) for term in wanted.terms),
        "viewer": wanted.viewer_id,
        "considered_max": CONSIDERED_MAX,
        "limit": wanted.limit,
        "offset": wanted.offset,
    }
    rows = await db.fetch(sql, values)
    total = int(rows[0]["total"]) if rows else 0
    fields = FoundPerson.__struct_fields__
    return [FoundPerson(**{name: row[name] for name in fields}) for row in rows], total
