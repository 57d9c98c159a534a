"""Reading applications, called bounty requests on the wire (contract rest-core §2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from bountyexpo.domain.access import caller_of
from bountyexpo.domain.field_types import Cursor, Id, text
from bountyexpo.domain.market.access import GRANTS
from bountyexpo.operations.catalogue import READ, operation
from bountyexpo.operations.cursor import decode_cursor, encode_cursor
from bountyexpo.operations.market.request_views import RequestById, RequestView, request_view
from bountyexpo.operations.require import parse_id, require
from bountyexpo.persistence.market import bounties, requests
from bountyexpo.persistence.market.requests import Page

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call

# How many are listed unless the caller says it.
LIST_MAX: Final = 100


class ListRequests(msgspec.Struct, kw_only=True):
    """Which of the caller's applications, made or received, to list."""

    bounty_id: Id | None = None
    hunter_id: Id | None = None
    status: Annotated[str, text(1, 32)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] | None = None
    cursor: Cursor | None = None


class RequestPagination(msgspec.Struct, kw_only=True):
    """Where a page of applications stands, and how to get the next one."""

    limit: int
    hasMore: bool
    nextCursor: str | None


class RequestPage(msgspec.Struct, kw_only=True):
    """One page of applications."""

    requests: list[RequestView]
    pagination: RequestPagination


@operation("request.list", http="GET /api/bounty-requests", rate=READ)
async def list_requests(call: Call, request: ListRequests) -> RequestPage | list[RequestView]:
    """List the applications that the caller made or received, newest first.

    The reply is a bare array of at most a hundred, unless ``limit`` or ``cursor`` is given.
    """
    limit = request.limit or LIST_MAX
    wanted = Page(
        bounty_id=parse_id(request.bounty_id, "bounty") if request.bounty_id else None,
        hunter_id=parse_id(request.hunter_id, "user") if request.hunter_id else None,
        status=request.status,
        limit=limit + 1,
    )
    if request.cursor is not None:
        wanted.before, wanted.before_id = decode_cursor(request.cursor)
    rows = await requests.visible(call.services.db, call.user_id, wanted)
    views = [request_view(row) for row in rows[:limit]]
    if request.limit is None and request.cursor is None:
        return views
    last = views[-1] if len(rows) > limit else None
    return RequestPage(
        requests=views,
        pagination=RequestPagination(
            limit=limit,
            hasMore=last is not None,
            nextCursor=encode_cursor(last.created_at, last.id) if last else None,
        ),
    )


@operation("request.get", http="GET /api/bounty-requests/{request_id}", rate=READ)
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
