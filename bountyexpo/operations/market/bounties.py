"""Bounties: list and read (contract rest-core §2.3, §4.3, §4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from bountyexpo.domain.field_types import (
    Cursor,
    Id,
    clamped,
    text,
)
from bountyexpo.domain.market.bounty import LISTED_TO_OTHERS, LISTED_TO_PARTIES, Status
from bountyexpo.domain.market.bounty_ends import GONE
from bountyexpo.errors import InvalidRequest
from bountyexpo.operations.catalogue import READ, operation
from bountyexpo.operations.cursor import decode_cursor
from bountyexpo.operations.market.bounty_views import (
    BountyById,
    BountyPage,
    BountyView,
    bounty_view,
    page_view,
)
from bountyexpo.operations.require import parse_id
from bountyexpo.persistence.market import bounties
from bountyexpo.persistence.market.bounties import Page

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call

PAGE_LIMIT_MAX = 100
OWN_LIMIT_MAX = 200


class ListBounties(msgspec.Struct, kw_only=True, forbid_unknown_fields=False):
    """Which bounties to list; newest first."""

    status: Annotated[str, text(1, 200)] | None = None
    poster_id: Id | None = None
    accepted_by: Id | None = None
    work_type: Annotated[str, text(1, 32)] | None = None
    page: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = None
    limit: Annotated[int, clamped(1, OWN_LIMIT_MAX)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | None = None
    cursor: Cursor | None = None
    format: Literal["array", "page"] | None = None


@operation(
    "bounty.list",
    http="GET /api/bounties",
    rate=READ,
    aliases=("GET /bounties",),
    aliased_fields={
        "user_id": "poster_id",
        "userId": "poster_id",
        "creator_id": "poster_id",
        "hunter_id": "accepted_by",
        "workType": "work_type",
    },
)
async def list_bounties(call: Call, request: ListBounties) -> BountyPage | list[BountyView]:
    """List bounties, newest first; open ones unless asked otherwise.

    The reply is a bare array when ``offset``, ``poster_id`` or ``work_type`` is given without
    ``page`` and ``cursor``, or with ``format=array``.
    """
    is_own = call.identity is not None and call.identity.user_id in {
        request.poster_id,
        request.accepted_by,
    }
    wanted = _page_wanted(request, is_own=is_own)
    db = call.services.db
    if _wants_array(request):
        return [bounty_view(row) for row in await bounties.page(db, wanted)]
    limit, wanted.limit = wanted.limit, wanted.limit + 1
    rows = await bounties.page(db, wanted)
    return page_view(rows, limit, request.page or 1, await bounties.count(db, wanted))


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
    return bounty_view(found)


def _page_wanted(request: ListBounties, *, is_own: bool) -> Page:
    limit = max(1, min(request.limit, OWN_LIMIT_MAX if is_own else PAGE_LIMIT_MAX))
    skipped = (request.page - 1) * limit if request.page is not None else request.offset
    if request.offset not in {None, skipped}:
        message = "page and offset must mean the same rows."
        raise InvalidRequest(message, issues=[{"path": "offset", "message": message}])
    wanted = Page(
        statuses=_statuses(request.status, is_own=is_own),
        poster_id=parse_id(request.poster_id, "user") if request.poster_id else None,
        hunter_id=parse_id(request.accepted_by, "user") if request.accepted_by else None,
        work_type=request.work_type,
        limit=limit,
        offset=skipped or 0,
    )
    if request.cursor is not None:
        wanted.before, wanted.before_id = decode_cursor(request.cursor)
        wanted.offset = 0
    return wanted


def _statuses(status: str | None, *, is_own: bool) -> list[str]:
    if status is None and not is_own:
        return [Status.OPEN.value]
    if status is None or status == "all":
        return list(LISTED_TO_PARTIES if is_own else LISTED_TO_OTHERS)
    names = [name.strip() for name in status.split(",")]
    unknown = [name for name in names if name not in set(Status)]
    if unknown:
        raise InvalidRequest(
            f"There is no status {unknown[0]!r}.",
            issues=[{"path": "status", "message": f"use {', '.join(Status)} or all"}],
        )
    return [name for name in names if is_own or name in LISTED_TO_OTHERS]


def _wants_array(request: ListBounties) -> bool:
    if request.format is not None:
        return request.format == "array"
    is_old_form = request.offset is not None or request.poster_id or request.work_type
    return bool(is_old_form) and request.page is None and request.cursor is None
