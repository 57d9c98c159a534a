"""Reading applications, called bounty requests on the wire (contract rest-core §2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from bountyexpo.domain import limits
from bountyexpo.domain.access import caller_of
from bountyexpo.domain.field_types import Cursor, Id, clamped, text
from bountyexpo.domain.ids import is_id
from bountyexpo.domain.market.access import GRANTS
from bountyexpo.domain.market.application import Status
from bountyexpo.errors import InvalidRequest
from bountyexpo.operations.catalogue import READ, operation
from bountyexpo.operations.cursor import decode_cursor, encode_cursor
from bountyexpo.operations.idempotency.keeps import Keeps
from bountyexpo.operations.market import old_forms
from bountyexpo.operations.market.bounty_views import place_of
from bountyexpo.operations.market.request_views import (
    RequestById,
    RequestPage,
    RequestView,
    request_view,
)
from bountyexpo.operations.require import parse_id, require
from bountyexpo.operations.routes import Alias
from bountyexpo.persistence.market import bounties, request_lists, requests
from bountyexpo.persistence.market.request_lists import Direction, Page

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call

# How many are listed unless the caller says it, and at most.
ARRAY_LIMIT: Final = 100
LIMIT_MAX: Final = 200
BOUNTIES_MAX: Final = 200

PageNumber = Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class ListRequests(msgspec.Struct, kw_only=True):
    """Which of the caller's applications, made or received, to list."""

    bounty_id: Id | None = None
    hunter_id: Id | None = None
    status: Annotated[str, text(1, 100)] | None = None
    direction: Direction | None = None
    page: PageNumber | None = None
    limit: Annotated[int, clamped(1, LIMIT_MAX)] | None = None
    cursor: Cursor | None = None


class RequestsOfBounties(msgspec.Struct, kw_only=True):
    """Of which bounties to list the applications, and which page of them."""

    bounty_ids: Annotated[list[Id], msgspec.Meta(max_length=BOUNTIES_MAX)] | None = None
    status: Annotated[str, text(1, 100)] | None = None
    page: PageNumber = 1
    page_size: Annotated[int, clamped(1, LIMIT_MAX)] = LIMIT_MAX


class RequestsOfUser(msgspec.Struct, kw_only=True):
    """Whose applications to list."""

    user_id: Id


@operation(
    "request.list",
    http="GET /api/bounty-requests",
    rate=READ,
    aliases=(Alias("GET /bounty-requests", reply=old_forms.documented_requests),),
    aliased_fields={"bountyId": "bounty_id", "user_id": "hunter_id", "hunterId": "hunter_id"},
)
async def list_requests(call: Call, request: ListRequests) -> RequestPage | list[RequestView]:
    """List the applications that the caller made or received, newest first.

    ``direction`` narrows it to those that were ``sent`` or ``received``. The reply is a bare array
    of at most a hundred, unless ``page``, ``limit``, ``cursor`` or ``direction`` is given.
    """
    asked = (request.page, request.limit, request.cursor, request.direction)
    limit = max(1, min(ARRAY_LIMIT if request.limit is None else request.limit, LIMIT_MAX))
    wanted = Page(
        bounty_ids=_known(request.bounty_id),
        hunter_id=request.hunter_id,
        statuses=_statuses(request.status),
        direction=request.direction,
        limit=limit,
        offset=((request.page or 1) - 1) * limit,
    )
    if request.cursor is not None:
        wanted.before, wanted.before_id = decode_cursor(request.cursor)
        wanted.offset = 0
    if asked == (None,) * len(asked):
        return await _views(call, wanted)
    wanted.limit += 1
    views = await _views(call, wanted)
    has_more, shown = len(views) > limit, views[:limit]
    place = place_of(
        len(shown),
        limit=limit,
        page=request.page,
        total=await _total(call, wanted),
        cursor=encode_cursor(shown[-1].created_at, shown[-1].id) if has_more else None,
    )
    return RequestPage(requests=shown, data=shown, **place)


@operation(
    "request.of_bounties",
    http="POST /api/bounty-requests/batch",
    rate=READ,
    aliases=(Alias("POST /bounty-requests/batch", reply=old_forms.documented_requests),),
    aliased_fields={"bountyIds": "bounty_ids", "pageSize": "page_size"},
    keeps=Keeps.NOTHING,
)
async def list_requests_of_bounties(call: Call, request: RequestsOfBounties) -> list[RequestView]:
    """List the applications to these bounties that the caller made or received, newest first."""
    if request.bounty_ids is None:
        message = "bounty_ids (array) is required"
        raise InvalidRequest(message, issues=[{"path": "bounty_ids", "message": message}])
    limit = max(1, min(request.page_size, LIMIT_MAX))
    wanted = Page(
        bounty_ids=_known(*request.bounty_ids),
        statuses=_statuses(request.status),
        limit=limit,
        offset=(request.page - 1) * limit,
    )
    return await _views(call, wanted)


@operation(
    "request.of_user",
    http="GET /api/bounty-requests/user/{user_id}",
    rate=READ,
    aliases=(Alias("GET /bounty-requests/user/{user_id}", reply=old_forms.documented_requests),),
)
async def list_requests_of_user(call: Call, request: RequestsOfUser) -> list[RequestView]:
    """List somebody's applications, newest first: one's own, or those to one's own bounties."""
    return await _views(call, Page(hunter_id=request.user_id, limit=LIMIT_MAX))


@operation(
    "request.get",
    http="GET /api/bounty-requests/{request_id}",
    rate=READ,
    aliases=(Alias("GET /bounty-requests/{request_id}", reply=old_forms.documented_request),),
)
async def get_request(call: Call, request: RequestById) -> RequestView:
    """Read one application; only its author and the poster may."""
    db = call.services.db
    found = require(
        await requests.get(db, parse_id(request.request_id, "application")), "application"
    )
    bounty = require(await bounties.get(db, found.bounty_id), "bounty")
    caller = caller_of(call.identity, poster_id=bounty.poster_id, hunter_id=found.hunter_id)
    GRANTS["request.get"].check(caller)
    return request_view(found, bounty)


async def _views(call: Call, wanted: Page) -> list[RequestView]:
    if not _may_find(wanted):
        return []
    rows = await request_lists.page(call.services.db, call.user_id, wanted)
    return [request_view(row, row.bounty) for row in rows]


async def _total(call: Call, wanted: Page) -> int:
    if not _may_find(wanted):
        return 0
    return await request_lists.count(call.services.db, call.user_id, wanted)


def _may_find(wanted: Page) -> bool:
    """Tell whether everything that is named can be there at all."""
    return wanted.bounty_ids != [] and (wanted.hunter_id is None or is_id(wanted.hunter_id))


def _known(*bounty_ids: str | None) -> list[str] | None:
    """Return those that are ids; None where no bounty is named."""
    if bounty_ids == (None,):
        return None
    return [each for each in bounty_ids if each is not None and is_id(each)]


def _statuses(said: str | None) -> list[str]:
    return list(Status) if said is None else limits.choices(said, Status, "status")
