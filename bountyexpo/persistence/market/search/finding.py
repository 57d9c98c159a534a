"""The search of bounties (rest-core §2.10, data-model B.12).

However many bounties there are, one search looks at a bounded part of them. Where what is asked for
is rare, the index of words gives all that there are. Where a stretch of ``WALKED_MAX`` should have
enough of it, the bounties are walked in the order that is asked for until they are found; when it
had not, the index is asked after all. The first ``CONSIDERED_MAX`` in that order, by age where
the best are asked for, are counted, ranked and paged through.
"""

from __future__ import annotations

from datetime import datetime
from math import asin, cos, degrees, radians, sin
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bountyexpo.domain.market.search.filters import Filters
from bountyexpo.persistence.market.bounties import (
    LISTED,
    LISTED_ATTACHMENTS_BYTES_MAX,
    SOURCE,
    Bounty,
    bounty_of,
)
from bountyexpo.persistence.market.search.terms import Lookup, lookup
from bountyexpo.persistence.market.visibility import VISIBLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bountyexpo.persistence.queries import Queries

CONSIDERED_MAX: Final = 1_000
WALKED_MAX: Final = 20_000
# Up to so many bounties the index gives quickly.
RARE_MAX: Final = 10_000

EARTH_RADIUS_KM: Final = 6_371.0088

# A word as it was asked for counts most, then one that begins so, then one with mistakes; after
# a month as much of it is left as half.
SCORE: Final = """
    (4 * coalesce(ts_rank(b.search, %(exact)s::tsquery), 0)
     + 2 * coalesce(ts_rank(b.search, %(begun)s::tsquery), 0)
     + coalesce(ts_rank(b.search, %(near_one)s::tsquery), 0)
     + 0.5 * coalesce(ts_rank(b.search, %(near_two)s::tsquery), 0))
    / (1 + greatest(0, extract(epoch from %(now)s::timestamptz - b.created_at)::float8) / 2592000)
"""

DISTANCE: Final = f"""
    {2 * EARTH_RADIUS_KM} * asin(least(1, sqrt(
        power(sin(radians(b.latitude - %(latitude)s::float8) / 2), 2)
        + cos(radians(%(latitude)s::float8)) * cos(radians(b.latitude))
        * power(sin(radians(b.longitude - %(longitude)s::float8) / 2), 2))))
"""

# By the field of the filters that asks for it.
CONDITIONS: Final[Mapping[str, str]] = {
    "cents_min": "b.amount_cents >= %(cents_min)s",
    "cents_max": "b.amount_cents <= %(cents_max)s",
    "is_for_honor": "b.is_for_honor = %(is_for_honor)s",
    "work_type": "b.work_type = %(work_type)s",
    "category": "b.category = %(category)s",
    "place": "position(%(place)s in b.search_place) > 0",
    "skills": "exists (select 1 from unnest(%(skills)s::text[]) as skill"
    " where position(skill in b.search_skills) > 0)",
}

NEAR: Final = f"""
    b.latitude between %(south)s and %(north)s
    and (b.longitude between %(west)s and %(east)s
         or b.longitude between %(west_too)s and %(east_too)s)
    and {DISTANCE} <= %(radius_km)s
"""

AGE: Final = "b.created_at desc, b.id desc"
ORDERS: Final[Mapping[str, str]] = {
    "date_desc": AGE,
    "date_asc": "b.created_at, b.id",
    "amount_desc": "b.amount_cents desc, b.created_at desc, b.id desc",
    "amount_asc": "b.amount_cents, b.created_at, b.id",
}

# The index of words answers this; in the other form, nothing but a walk does.
INDEXED: Final = "b.search @@ %(query)s::tsquery"
WALKED: Final = "(b.search @@ %(query)s::tsquery) is true"

SHOWN: Final = f"""
    select {LISTED}
    from unnest(%(ids)s::uuid[]) with ordinality as found(id, place)
    join bounties b using (id) {SOURCE.partition(" b ")[2]} order by found.place
"""


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """A circle on the globe, in degrees and kilometres."""

    latitude: float
    longitude: float
    radius_km: float


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """Which bounties to find, for whom, and which of them to show.

    ``sort`` is one of ``ORDERS``, ``distance_asc``, or None for the best first; the age of each is
    that at ``now``, and none of those is found that were made after ``until``.
    """

    filters: Filters
    viewer_id: str | None
    now: datetime
    until: datetime | None = None
    near: Near | None = None
    sort: str | None = None
    limit: int = 20
    offset: int = 0


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One page, with the distance of each in kilometres; ``total`` has a cap."""

    bounties: list[Bounty]
    distances: list[float | None]
    total: int


async def search(db: Queries, wanted: Search) -> Found:
    """Return one page of what is looked for, in a total order."""
    if wanted.filters.finds_nothing:
        return Found(bounties=[], distances=[], total=0)
    asked = await lookup(db, wanted.filters)
    rows = await _candidates(db, wanted, asked)
    page = rows[wanted.offset : wanted.offset + wanted.limit]
    distances = {row["id"]: row["distance"] for row in page}
    bounties = await shown(db, list(distances))
    return Found(
        bounties=bounties,
        distances=[distances[bounty.id] for bounty in bounties],
        total=len(rows),
    )


async def shown(db: Queries, bounty_ids: Sequence[str]) -> list[Bounty]:
    """Return these bounties in this order; large attachments are left out."""
    if not bounty_ids:
        return []
    values = {"ids": list(bounty_ids), "attachments_max": LISTED_ATTACHMENTS_BYTES_MAX}
    return [bounty_of(row) for row in await db.fetch(SHOWN, values)]


async def _candidates(db: Queries, wanted: Search, asked: Lookup) -> list[dict[str, Any]]:
    values = _values(wanted, asked)
    is_walked = wanted.near is None and len(wanted.filters.statuses) == 1
    if is_walked and _is_frequent(asked):
        rows = await db.fetch(statement_of(wanted, asked, is_walked=True), values)
        if len(rows) == CONSIDERED_MAX:
            return rows
    return await db.fetch(statement_of(wanted, asked, is_walked=False), values)


def _is_frequent(asked: Lookup) -> bool:
    """Tell whether a walk is the shorter way."""
    if asked.query is None:
        return True
    expected = WALKED_MAX * asked.bounties_max / max(1, asked.bounties)
    return asked.bounties_max > RARE_MAX and expected >= CONSIDERED_MAX


def statement_of(wanted: Search, asked: Lookup, *, is_walked: bool) -> str:
    """Return the statement that finds the candidates in their order."""
    order = ORDERS.get(wanted.sort or "", AGE)
    conditions = [*VISIBLE, *_filtering(wanted)]
    if asked.query is not None:
        conditions.append(WALKED if is_walked else INDEXED)
    source = "bounties b"
    if is_walked:
        source = f"""(select * from bounties b where b.status = %(status)s
                      order by {order} limit {WALKED_MAX}) b"""
    else:
        conditions.append("b.status = any(%(statuses)s)")
    score = SCORE if asked.exact is not None and wanted.sort is None else "0"
    distance = DISTANCE if wanted.near is not None else "null::float8"
    first = (
        "distance" if wanted.sort == "distance_asc" and wanted.near is not None else "score desc"
    )
    nearest_first = "distance, " if first == "distance" else ""
    return f"""
        select b.id, b.distance, {score} as score from (
            select b.id, b.created_at, b.amount_cents, b.search, {distance} as distance
            from {source}
            where {" and ".join(conditions)}
            order by {nearest_first}{order} limit {CONSIDERED_MAX}
        ) b order by {first}, {order}
    """


def _filtering(wanted: Search) -> list[str]:
    said = msgspec.structs.asdict(wanted.filters)
    conditions = [
        condition for field, condition in CONDITIONS.items() if said[field] not in (None, "", ())
    ]
    if wanted.near is not None:
        conditions.append(NEAR)
    if wanted.until is not None:
        conditions.append("b.created_at <= %(until)s")
    return conditions


def _values(wanted: Search, asked: Lookup) -> dict[str, Any]:
    filters = msgspec.structs.asdict(wanted.filters)
    near_one, near_two = asked.near
    return {
        **filters,
        "skills": list(wanted.filters.skills),
        "statuses": list(wanted.filters.statuses),
        "status": wanted.filters.statuses[0],
        "viewer_id": wanted.viewer_id,
        "now": wanted.now,
        "until": wanted.until,
        "query": asked.query,
        "exact": asked.exact,
        "begun": asked.begun,
        "near_one": near_one,
        "near_two": near_two,
        **(_box(wanted.near) if wanted.near is not None else {}),
    }


def _box(near: Near) -> dict[str, float]:
    """Return the circle, and a box around it in one or, over the date line, two parts."""
    angle = near.radius_km / EARTH_RADIUS_KM
    south, north = near.latitude - degrees(angle), near.latitude + degrees(angle)
    half = 180.0
    if south > -90 and north < 90:
        half = degrees(asin(min(1.0, sin(angle) / cos(radians(near.latitude)))))
    west, east = near.longitude - half, near.longitude + half
    # What lies over one edge of the map comes in again at the other.
    shift = 360.0 if west < -180 else -360.0
    return {
        "latitude": near.latitude,
        "longitude": near.longitude,
        "radius_km": near.radius_km,
        "south": south,
        "north": north,
        "west": west,
        "east": east,
        "west_too": west + shift,
        "east_too": east + shift,
    }
