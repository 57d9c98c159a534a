"""Bounties: list and read (contract rest-core §2.3, §4.3, §4.6)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from bountyexpo.domain import amounts, limits
from bountyexpo.domain.field_types import Cursor, Dollars, Id, Moment, clamped, text
from bountyexpo.domain.ids import is_id
from bountyexpo.domain.market import bounty_limits
from bountyexpo.domain.market.bounty import LISTED_TO_OTHERS, LISTED_TO_PARTIES, Status
from bountyexpo.domain.market.bounty_ends import GONE
from bountyexpo.domain.market.search.filters import Filters, skills_of
from bountyexpo.domain.search.questions import terms_of
from bountyexpo.domain.search.words import fold
from bountyexpo.errors import InvalidRequest
from bountyexpo.operations.catalogue import READ, operation
from bountyexpo.operations.cursor import (
    Place,
    decode_place,
    encode_place,
    refused_cursor,
)
from bountyexpo.operations.market.bounty_views import (
    BountyById,
    BountyPage,
    BountyView,
    bounty_view,
    place_of,
)
from bountyexpo.operations.require import parse_id, say_once
from bountyexpo.operations.routes import OLD_PREFIX, Route
from bountyexpo.persistence.market import bounties, bounty_lists
from bountyexpo.persistence.market.bounty_lists import After, Wanted
from bountyexpo.persistence.market.search.finding import RARE_MAX
from bountyexpo.persistence.market.search.terms import frequency, query_of

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.market.bounties import Bounty

PAGE_LIMIT_MAX: Final = 100
OWN_LIMIT_MAX: Final = 200
# Old clients cut what they asked to skip off an array themselves, so it begins with the first row.
ARRAY_MAX: Final = 1_000

# The old path is never answered by an array (§2.14).
ENVELOPE_ONLY: Final = (_OLD := Route("GET", "/bounties"), _OLD.under(OLD_PREFIX))

# The orders of the app, in the words of the others. How far away a bounty is, its device says.
ORDERS: Final = {
    "date_desc": ("created_at", "desc"),
    "date_asc": ("created_at", "asc"),
    "amount_desc": ("amount", "desc"),
    "amount_asc": ("amount", "asc"),
    "distance_asc": ("created_at", "desc"),
}

SortBy = Literal[
    "created_at",
    "amount",
    "due_date",
    "date_desc",
    "date_asc",
    "amount_desc",
    "amount_asc",
    "distance_asc",
]


class ListBounties(msgspec.Struct, kw_only=True, forbid_unknown_fields=False):
    """Which bounties to list, and in which order."""

    status: Annotated[str, text(1, 200)] | None = None
    poster_id: Id | None = None
    userId: Id | None = None
    accepted_by: Id | None = None
    category: bounty_limits.Category | None = None
    work_type: bounty_limits.WorkType | None = None
    location: Annotated[str, text(0, 200)] | None = None
    keywords: Annotated[str, text(0, 200)] | None = None
    skills: Annotated[str, text(0, 1_000)] | None = None
    minAmount: Dollars | None = None
    maxAmount: Dollars | None = None
    isForHonor: bool | None = None
    sortBy: SortBy = "created_at"
    sortOrder: Literal["asc", "desc"] | None = None
    page: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = None
    limit: Annotated[int, clamped(1, OWN_LIMIT_MAX)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | None = None
    cursor: Cursor | None = None
    cursor_created_at: Moment | None = None
    cursor_id: Id | None = None
    format: Literal["array", "page"] | None = None

    @property
    def has_cursor(self) -> bool:
        """Tell whether the place is told by a row, of one form or the other."""
        return not self.cursor == self.cursor_created_at == self.cursor_id is None


@operation(
    "bounty.list",
    http="GET /api/bounties",
    rate=READ,
    aliases=("GET /bounties",),
    aliased_fields={
        "user_id": "poster_id",
        "creator_id": "poster_id",
        "hunter_id": "accepted_by",
        "workType": "work_type",
        "q": "keywords",
        "search": "keywords",
        "min_amount": "minAmount",
        "max_amount": "maxAmount",
        "is_for_honor": "isForHonor",
        "sort_by": "sortBy",
        "sort_order": "sortOrder",
    },
)
async def list_bounties(call: Call, request: ListBounties) -> BountyPage | list[BountyView]:
    """List bounties: open ones, newest first, unless asked otherwise.

    Who lists their own gets all but archived ones, and sees no bounty that they have hidden. The
    reply is a bare array when ``offset``, ``poster_id`` or ``work_type`` is given without ``page``,
    a cursor and ``userId``, or with ``format=array``; an array that is not a page by its number or
    a cursor begins with the first row and holds ``offset`` + ``limit``. Totals are counted to
    1,000, and beyond 10,000 rows only ``nextCursor`` leads.
    """
    wants_array = _wants_array(call, request)
    wanted = await _wanted(call, request)
    limit = wanted.limit
    if wants_array:
        if request.page is None:
            wanted.offset, wanted.limit = 0, min(limit + wanted.offset, ARRAY_MAX)
        rows = await bounty_lists.page(call.services.db, wanted)
        return [bounty_view(row, wanted.viewer_id) for row in rows]
    wanted.limit += 1
    rows = await bounty_lists.page(call.services.db, wanted)
    has_more, shown = len(rows) > limit, rows[:limit]
    views = [bounty_view(row, wanted.viewer_id) for row in shown]
    place = place_of(
        len(views),
        limit=limit,
        page=request.page,
        total=await bounty_lists.count(call.services.db, wanted),
        cursor=_cursor_after(shown[-1], wanted) if has_more else None,
    )
    # Who asks by the number of a page reads the one name only.
    return BountyPage(bounties=views, data=views if request.page is None else None, **place)


@operation(
    "bounty.get",
    http="GET /api/bounties/{bounty_id}",
    rate=READ,
    aliases=("GET /bounties/{bounty_id}",),
)
async def get_bounty(call: Call, request: BountyById) -> BountyView:
    """Read one bounty."""
    bounty_id = parse_id(request.bounty_id, "bounty")
    found = await call.services.batched.ask(bounties.get_all, bounty_id)
    caller = call.identity.user_id if call.identity else None
    if found is None or not found.parties.may_see(found.status, caller):
        raise GONE.raised(None)
    return bounty_view(found, caller)


async def _wanted(call: Call, request: ListBounties) -> Wanted:
    """Return what is asked for; what names nobody finds nothing."""
    named: dict[str, str] = {}
    for owner in (request.poster_id, request.userId):
        say_once(named, "poster_id", owner)
    poster_id, hunter_id = named.get("poster_id"), request.accepted_by
    viewer_id = call.identity.user_id if call.identity else None
    is_own = viewer_id is not None and viewer_id in {_folded(poster_id), _folded(hunter_id)}
    sort, turn = _order(request)
    texts = _texts(request)
    limit = max(1, min(request.limit, OWN_LIMIT_MAX if is_own else PAGE_LIMIT_MAX))
    wanted = Wanted(
        statuses=_statuses(request.status, is_own=is_own),
        poster_id=_folded(poster_id),
        hunter_id=_folded(hunter_id),
        category=request.category,
        work_type=request.work_type,
        place=texts.place or None,
        skills=list(texts.skills) or None,
        query=query_of(texts),
        cents_min=_cents(request.minAmount, "minAmount"),
        cents_max=_cents(request.maxAmount, "maxAmount"),
        is_for_honor=request.isForHonor,
        viewer_id=viewer_id,
        is_own=is_own,
        sort=sort,
        is_ascending=turn == "asc",
        limit=limit,
        offset=_offset(request, limit),
    )
    is_known = all(each is None or is_id(each) for each in (poster_id, hunter_id))
    if texts.finds_nothing or not is_known:
        wanted.statuses = []
    elif wanted.query is not None:
        wanted.is_frequent = await frequency(call.services.db, texts) > RARE_MAX
    if request.has_cursor:
        wanted.after, wanted.offset = await _after(call, request, wanted), 0
    return wanted


def _wants_array(call: Call, request: ListBounties) -> bool:
    if call.route in ENVELOPE_ONLY:
        return False
    if request.format is not None:
        return request.format == "array"
    is_old_form = request.offset is not None or request.poster_id or request.work_type
    is_new_form = request.page is not None or request.has_cursor or request.userId
    return bool(is_old_form) and not is_new_form


def _order(request: ListBounties) -> tuple[str, str]:
    """Return what is sorted by, and in which direction.

    Raises:
        InvalidRequest: the two fields say different directions.
    """
    if request.sortBy not in ORDERS:
        return request.sortBy, request.sortOrder or "desc"
    sort, turn = ORDERS[request.sortBy]
    if request.sortOrder not in {None, turn}:
        message = f"sortOrder contradicts sortBy={request.sortBy}."
        raise InvalidRequest(message, issues=[{"path": "sortOrder", "message": message}])
    return sort, turn


def _offset(request: ListBounties, limit: int) -> int:
    skipped = (request.page - 1) * limit if request.page is not None else request.offset
    if request.offset not in {None, skipped}:
        message = "page and offset must mean the same rows."
        raise InvalidRequest(message, issues=[{"path": "offset", "message": message}])
    return skipped or 0


async def _after(call: Call, request: ListBounties, wanted: Wanted) -> After:
    """Return where the list goes on.

    Raises:
        InvalidRequest: the cursor is not one of a list in this order, or half of it is missing.
    """
    if request.cursor is not None:
        place = decode_place(request.cursor, _order_name(wanted))
        value = {"amount": place.number, "due_date": place.time}.get(wanted.sort)
        if value is None and wanted.sort != "created_at":
            raise refused_cursor()
        return After(value, place.at, place.id)
    row_id, at = request.cursor_id, request.cursor_created_at
    if row_id is None or not is_id(row_id):
        raise refused_cursor(field="cursor_id")
    if at is None:
        raise refused_cursor(field="cursor_created_at")
    if wanted.sort == "created_at":
        return After(None, at, row_id)
    # The row itself knows what the old form does not say.
    row = await bounties.get(call.services.db, row_id)
    if row is None:
        raise refused_cursor(field="cursor_id")
    return bounty_lists.after_of(row, wanted.sort)


def _cursor_after(row: Bounty, wanted: Wanted) -> str:
    value, at, row_id = bounty_lists.after_of(row, wanted.sort)
    number, time = (None, value) if isinstance(value, datetime) else (value, None)
    return encode_place(
        Place(order=_order_name(wanted), at=at, id=row_id, number=number, time=time)
    )


def _order_name(wanted: Wanted) -> str:
    return f"{wanted.sort} {'asc' if wanted.is_ascending else 'desc'}"


def _statuses(said: str | None, *, is_own: bool) -> list[str]:
    if said is None:
        return list(LISTED_TO_PARTIES) if is_own else [Status.OPEN.value]
    names = limits.choices(said, Status, "status")
    return [name for name in names if is_own or name in LISTED_TO_OTHERS]


def _folded(user_id: str | None) -> str | None:
    return None if user_id is None else user_id.lower()


def _texts(request: ListBounties) -> Filters:
    """Return what is asked for by texts."""
    query = (request.keywords or "").strip()
    return Filters(
        terms=terms_of(query) if query else (),
        has_query=bool(query),
        place=fold(request.location or "").strip(),
        skills=skills_of(request.skills or ""),
    )


def _cents(dollars: float | str | None, field: str) -> int | None:
    return None if dollars is None else amounts.cents_from_dollars(dollars, field=field)
