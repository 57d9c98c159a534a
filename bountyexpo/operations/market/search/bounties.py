"""The search of bounties (contract rest-core §2.10, J1 and J2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from bountyexpo.domain import amounts
from bountyexpo.domain.field_types import Cursor, Dollars, Latitude, Longitude, clamped, shown, text
from bountyexpo.domain.market import bounty_limits
from bountyexpo.domain.market.search import filters as search_filters
from bountyexpo.domain.market.search.filters import Filters
from bountyexpo.domain.search.questions import QUERY_CHARS_MAX, terms_of
from bountyexpo.domain.search.words import fold
from bountyexpo.errors import InvalidRequest
from bountyexpo.operations.catalogue import SEARCH, operation
from bountyexpo.operations.cursor import decode_offset, encode_offset
from bountyexpo.operations.market.bounty_views import BountyView, bounty_view
from bountyexpo.persistence.market.search import finding
from bountyexpo.persistence.market.search.finding import CONSIDERED_MAX, Near, Search

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call

LIMIT_MAX: Final = 100

RADIUS_KM: Final = 50.0
RADIUS_KM_MAX: Final = 500.0
KM_OF: Final = {"km": 1.0, "mi": 1.609344}

SortBy = Literal["date_desc", "date_asc", "amount_desc", "amount_asc", "distance_asc"]
Query = Annotated[str, text(0, QUERY_CHARS_MAX)]


class BountyFilters(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a bounty must be like: all that is said, and of the skills any."""

    location: Annotated[str, text(0, 200)] | None = None
    minAmount: Dollars | None = None
    maxAmount: Dollars | None = None
    status: Annotated[str, text(1, 200)] | None = None
    isForHonor: bool | None = None
    workType: bounty_limits.WorkType | None = None
    category: bounty_limits.Category | None = None
    skills: Annotated[str, text(0, 1_000)] | None = None


class WantedBounties(BountyFilters, kw_only=True, omit_defaults=True):
    """The same with words to find."""

    keywords: Query | None = None


class SearchBounties(WantedBounties, kw_only=True):
    """Which bounties to find, where, and in which order."""

    search: Query | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    radius: Annotated[float, shown(minimum=0, maximum=RADIUS_KM_MAX)] | None = None
    unit: Literal["km", "mi"] = "km"
    sortBy: SortBy | None = None
    limit: Annotated[int, clamped(1, LIMIT_MAX)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    cursor: Cursor | None = None


class FoundBounty(BountyView, kw_only=True):
    """A bounty, and how far away it is."""

    distance: float | None


class FoundBounties(msgspec.Struct, kw_only=True):
    """One page of what was found; ``total`` is capped at 1,000."""

    results: list[FoundBounty]
    bounties: list[FoundBounty]
    total: int
    page: int
    pageSize: int
    limit: int
    offset: int
    hasMore: bool
    nextCursor: str | None


ALIASED_FIELDS: Final = {
    "q": "keywords",
    "min_amount": "minAmount",
    "max_amount": "maxAmount",
    "is_for_honor": "isForHonor",
    "work_type": "workType",
}


@operation(
    "bounty.search",
    http="GET /api/bounties/search",
    rate=SEARCH,
    aliases=("GET /search/bounties",),
    aliased_fields={**ALIASED_FIELDS, "lat": "latitude", "lng": "longitude"},
)
async def search_bounties(call: Call, request: SearchBounties) -> FoundBounties | list[FoundBounty]:
    """Find open bounties, or those in other statuses, by words and filters.

    Each word is found as the beginning of one in title, skills, description or place, or with one
    mistake from five letters on and two from nine. The best come first where ``sortBy`` is not
    given. With a position, only those within ``radius`` are found. The reply is a bare array when
    the words are in ``search``.
    """
    is_array = request.search is not None and request.keywords is None
    if is_array:
        request.keywords = request.search
    limit, now = max(1, min(request.limit, LIMIT_MAX)), call.services.clock.now()
    until, offset = decode_offset(request.cursor) if request.cursor else (None, request.offset)
    asked = Search(
        filters=filters_of(request),
        viewer_id=call.identity.user_id if call.identity else None,
        now=until or now,
        until=until,
        near=_near(request),
        sort=request.sortBy,
        limit=limit,
        offset=offset,
    )
    found = await finding.search(call.services.db, asked)
    views = [
        FoundBounty(
            **msgspec.structs.asdict(bounty_view(bounty, asked.viewer_id)),
            distance=None if distance is None else round(distance, 3),
        )
        for bounty, distance in zip(found.bounties, found.distances, strict=True)
    ]
    if is_array:
        return views
    beyond = offset + limit
    has_more = beyond < found.total
    return FoundBounties(
        results=views,
        bounties=views,
        total=found.total,
        page=offset // limit + 1,
        pageSize=limit,
        limit=limit,
        offset=offset,
        hasMore=has_more,
        nextCursor=encode_offset(until or now, beyond) if has_more else None,
    )


def wanted(query: str, filters: BountyFilters) -> WantedBounties:
    """Return filters with words to find, if there are any."""
    return WantedBounties(keywords=query or None, **msgspec.structs.asdict(filters))


def filters_of(request: WantedBounties) -> Filters:
    """Return what is asked for.

    Raises:
        InvalidRequest: a field is not as it must be.
    """
    query = (request.keywords or "").strip()
    return Filters(
        terms=terms_of(query) if query else (),
        has_query=bool(query),
        statuses=search_filters.statuses_of(request.status),
        cents_min=_cents(request.minAmount, "minAmount"),
        cents_max=_cents(request.maxAmount, "maxAmount"),
        is_for_honor=request.isForHonor,
        work_type=request.workType,
        category=request.category,
        place=fold(request.location or "").strip(),
        skills=search_filters.skills_of(request.skills or ""),
    )


def _cents(dollars: float | str | None, field: str) -> int | None:
    return None if dollars is None else amounts.cents_from_dollars(dollars, field=field)


def _near(request: SearchBounties) -> Near | None:
    """Return the circle that is asked for; a radius without a position says nothing."""
    where = bounty_limits.position(latitude=request.latitude, longitude=request.longitude)
    if where["latitude"] is None or where["longitude"] is None:
        return None
    radius_km = RADIUS_KM if request.radius is None else request.radius * KM_OF[request.unit]
    if radius_km < 0:
        message = "radius must not be negative."
        raise InvalidRequest(message, issues=[{"path": "radius", "message": message}])
    return Near(
        latitude=where["latitude"],
        longitude=where["longitude"],
        radius_km=min(radius_km, RADIUS_KM_MAX),
    )


assert CONSIDERED_MAX >= LIMIT_MAX, "a page holds no more than is looked at"
