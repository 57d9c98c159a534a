"""Lists of bounties: filtered, in one of three total orders, page by page (rest-core §2.3, §4.3).

Each status that is asked for is walked in the order of an index and only as far as the page
reaches; the walks are merged. Where few bounties have the words that are asked for, the index of
words gives them all, and they are sorted. What a list does not ask for does not stand in its
statement, because a condition that is switched off by a parameter keeps the database from using an
index.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from bountyexpo.persistence.market.bounties import (
    BESIDE,
    LISTED,
    LISTED_ATTACHMENTS_BYTES_MAX,
    Bounty,
    bounty_of,
)
from bountyexpo.persistence.market.search import finding
from bountyexpo.persistence.market.visibility import (
    IN_GOOD_STANDING,
    NOT_BLOCKED,
    NOT_HIDDEN,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.persistence.queries import Queries

# Totals are counted up to here; beyond these rows only a cursor leads.
COUNTED_MAX: Final = 1_000
OFFSET_MAX: Final = 10_000

# Where what has no end date is sorted, which no index can do of nothing.
NO_END: Final = datetime(9999, 1, 1, tzinfo=UTC)
_DUE: Final = "coalesce(b.end_date, '9999-01-01T00:00:00Z'::timestamptz)"


class Key(NamedTuple):
    """What bounties are sorted by before age and id: an expression and its type."""

    expression: str
    type: str


# By the name of a sort; None where age itself is the key.
KEYS: Final[Mapping[str, Key | None]] = {
    "created_at": None,
    "amount": Key("b.amount_cents", "bigint"),
    "due_date": Key(_DUE, "timestamptz"),
}

# By the field that asks for it.
CONDITIONS: Final[Mapping[str, str]] = {
    "poster_id": "b.poster_id = %(poster_id)s::uuid",
    "hunter_id": "b.hunter_id = %(hunter_id)s::uuid",
    **finding.CONDITIONS,
}

# All that the index of words gives, where that is little; nothing makes the database walk instead.
PICKED: Final = f"""
    select id, status, created_at, amount_cents, end_date, poster_id, hunter_id, category,
        work_type, is_for_honor, search_place, search_skills
    from bounties b where {finding.INDEXED}
"""


class After(NamedTuple):
    """The last row that was shown: its value by the sort key, its age, its id."""

    value: int | datetime | None
    created_at: datetime
    id: str


class Wanted(msgspec.Struct, kw_only=True):
    """Which bounties to list, for whom, and in which order."""

    statuses: list[str]
    poster_id: str | None = None
    hunter_id: str | None = None
    category: str | None = None
    work_type: str | None = None
    cents_min: int | None = None
    cents_max: int | None = None
    is_for_honor: bool | None = None
    # Folded; of the skills any is enough.
    place: str | None = None
    skills: list[str] | None = None
    # What the index of words is asked; what is in many bounties, a walk finds sooner.
    query: str | None = None
    is_frequent: bool = False
    viewer_id: str | None = None
    # The viewer is the poster or hunter that is named: they see what they have made of it.
    is_own: bool = False
    sort: str = "created_at"
    is_ascending: bool = False
    after: After | None = None
    limit: int = 20
    offset: int = 0


async def page(db: Queries, wanted: Wanted) -> list[Bounty]:
    """Return one page in a total order; large attachments are left out."""
    if wanted.offset >= OFFSET_MAX or not wanted.statuses:
        return []
    statement = f"""
        select {LISTED} from ({_walk(wanted)}) listed join bounties b using (id) {BESIDE}
        order by {_order(wanted)}
    """
    return [bounty_of(row) for row in await db.fetch(statement, _values(wanted))]


async def count(db: Queries, wanted: Wanted) -> int:
    """Return how many there are, at most ``COUNTED_MAX``; the place of the page says nothing."""
    if not wanted.statuses:
        return 0
    whole = msgspec.structs.replace(wanted, after=None, offset=0, limit=COUNTED_MAX)
    statement = f"select count(*) as total from ({_walk(whole)}) counted"
    row = await db.fetch_one(statement, _values(whole))
    assert row is not None
    return int(row["total"])


def after_of(bounty: Bounty, sort: str) -> After:
    """Return where a list goes on after this bounty."""
    value: int | datetime | None = None
    if sort == "amount":
        value = bounty.amount_cents
    elif sort == "due_date":
        value = bounty.end_date or NO_END
    return After(value, bounty.created_at, bounty.id)


def _walk(wanted: Wanted) -> str:
    """Return the statement that finds the ids of one page."""
    order, conditions = _order(wanted), _conditions(wanted)
    if wanted.query is not None and not wanted.is_frequent:
        return f"""
            with b as materialized ({PICKED})
            select b.id from b where b.status = any(%(statuses)s) and {" and ".join(conditions)}
            order by {order} limit %(limit)s offset %(offset)s
        """
    return f"""
        select b.id from unnest(%(statuses)s::text[]) as asked(status) cross join lateral (
            select b.id, b.created_at, b.amount_cents, b.end_date from bounties b
            where b.status = asked.status and {" and ".join(conditions)}
            order by {order} limit %(reach)s) b
        order by {order} limit %(limit)s offset %(offset)s
    """


def _order(wanted: Wanted) -> str:
    turn = "" if wanted.is_ascending else " desc"
    return ", ".join(f"{name}{turn}" for name in _names(KEYS[wanted.sort]))


def _names(key: Key | None) -> list[str]:
    return [*([key.expression] if key is not None else []), "b.created_at", "b.id"]


def _conditions(wanted: Wanted) -> list[str]:
    conditions = [
        condition for field, condition in CONDITIONS.items() if getattr(wanted, field) is not None
    ]
    if wanted.query is not None and wanted.is_frequent:
        conditions.append(finding.WALKED)
    # Of their own history they find all but what they have hidden.
    if not wanted.is_own:
        conditions.append(IN_GOOD_STANDING)
    if wanted.viewer_id is not None:
        conditions.append(NOT_HIDDEN)
        if not wanted.is_own:
            conditions.append(NOT_BLOCKED)
    if wanted.after is not None:
        key = KEYS[wanted.sort]
        value = f"%(value)s::{key.type}, " if key is not None else ""
        comparison = ">" if wanted.is_ascending else "<"
        conditions.append(
            f"({', '.join(_names(key))}) {comparison} ({value}%(at)s::timestamptz, %(after)s::uuid)"
        )
    return conditions or ["true"]


def _values(wanted: Wanted) -> dict[str, Any]:
    value, at, after = wanted.after or (None, None, None)
    return {
        **msgspec.structs.asdict(wanted),
        "value": value,
        "at": at,
        "after": after,
        "reach": wanted.offset + wanted.limit,
        "attachments_max": LISTED_ATTACHMENTS_BYTES_MAX,
    }
