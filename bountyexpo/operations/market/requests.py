"""Applications to bounties, called bounty requests on the wire (contract rest-core §2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from bountyexpo.actors.market.bounty_messages import SubmitApplication, TakeStep
from bountyexpo.domain import amounts, limits
from bountyexpo.domain.access import caller_of
from bountyexpo.domain.field_types import Cursor, Id, Moment, text
from bountyexpo.domain.market.access import GRANTS
from bountyexpo.domain.market.bounty import Event
from bountyexpo.errors import Conflict
from bountyexpo.operations.catalogue import READ, WRITE, operation
from bountyexpo.operations.cursor import decode_cursor, encode_cursor
from bountyexpo.operations.market.bounty_views import BountyView, bounty_view
from bountyexpo.operations.require import parse_id, require
from bountyexpo.persistence.chat import conversations
from bountyexpo.persistence.market import bounties, requests
from bountyexpo.persistence.market.requests import Page

if TYPE_CHECKING:
    from bountyexpo.actors.market.bounty_messages import StepTaken
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.market.bounties import Bounty
    from bountyexpo.persistence.market.requests import Application


# How many are listed unless the caller says it.
LIST_MAX: Final = 100


class NewRequest(msgspec.Struct, kw_only=True):
    """An application; who applies is always the caller."""

    bounty_id: Id
    message: Annotated[str, text(0, limits.APPLICATION_CHARS_MAX)] | None = None
    proposed_completion_date: Moment | None = None


class RequestById(msgspec.Struct, kw_only=True):
    """One application."""

    request_id: Id


class ListRequests(msgspec.Struct, kw_only=True):
    """Which of the caller's applications, made or received, to list."""

    bounty_id: Id | None = None
    hunter_id: Id | None = None
    status: Annotated[str, text(1, 32)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] | None = None
    cursor: Cursor | None = None


class RequestView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An application with its hunter's public profile."""

    id: str
    bounty_id: str
    hunter_id: str
    user_id: str
    status: str
    message: str | None
    created_at: Moment
    updated_at: Moment
    profile: dict[str, Any]
    profiles: dict[str, Any]
    poster_id: str | None = None
    bounty: dict[str, Any] | None = None
    bounties: dict[str, Any] | None = None


class RequestPagination(msgspec.Struct, kw_only=True):
    """Where a page of applications stands, and how to get the next one."""

    limit: int
    hasMore: bool
    nextCursor: str | None


class RequestPage(msgspec.Struct, kw_only=True):
    """One page of applications."""

    requests: list[RequestView]
    pagination: RequestPagination


class AcceptedView(msgspec.Struct, kw_only=True):
    """What an acceptance brought about."""

    success: bool
    bounty: BountyView
    request: RequestView
    acceptedRequestId: str
    conversationId: str


@operation(
    "request.create",
    http="POST /api/bounty-requests",
    rate=WRITE,
    status=201,
    aliases=("POST /bounty-requests",),
    aliased_fields={"bountyId": "bounty_id", "proposal": "message"},
)
async def create_request(call: Call, request: NewRequest) -> RequestView:
    """Apply to an open bounty as the caller.

    A second application is refused with 409 and carries the first one as ``request``.
    """
    bounty_id = parse_id(request.bounty_id, "bounty")
    note = limits.optional_text(request.message, "message", limits.APPLICATION_CHARS_MAX)
    message = SubmitApplication(
        hunter_id=call.user_id,
        note=note,
        proposed_completion_at=request.proposed_completion_date,
    )
    try:
        application = await call.services.actors.bounty(bounty_id).ask(message)
    except Conflict as conflict:
        if conflict.error_code == "ALREADY_APPLIED":
            mine = await requests.of_hunter(call.services.db, bounty_id, call.user_id)
            assert mine is not None
            if call.is_repeat:
                # The first attempt with this key has made it, and its reply was lost.
                return request_view(mine)
            conflict.fields["request"] = request_view(mine)
        raise
    return request_view(application)


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


@operation(
    "request.accept",
    http="POST /api/bounty-requests/{request_id}/accept",
    rate=WRITE,
)
async def accept_request(call: Call, request: RequestById) -> AcceptedView:
    """Accept an application: the work begins, the others are rejected, a conversation opens."""
    request_id = parse_id(request.request_id, "application")
    found = require(await requests.get(call.services.db, request_id), "application")
    taken = await call.services.actors.bounty(found.bounty_id).ask(
        TakeStep(event=Event.ACCEPT, actor_id=call.user_id, application_id=request_id)
    )
    assert taken.application is not None
    return AcceptedView(
        success=True,
        bounty=bounty_view(taken.bounty),
        request=request_view(taken.application, taken.bounty),
        acceptedRequestId=request_id,
        conversationId=taken.conversation_id or await _conversation_of(call, taken),
    )


async def _conversation_of(call: Call, taken: StepTaken) -> str:
    """Return the conversation that an earlier acceptance has opened."""
    bounty = taken.bounty
    assert bounty.hunter_id is not None
    people = (bounty.poster_id, bounty.hunter_id)
    opened = await conversations.between(call.services.db, people, bounty_id=bounty.id)
    assert opened is not None
    return opened.id


def request_view(row: Application, bounty: Bounty | None = None) -> RequestView:
    """Return the wire shape of an application, with its bounty where that is at hand."""
    profile = {
        "id": row.hunter_id,
        "username": row.username,
        "avatar": row.avatar_url,
        "avatar_url": row.avatar_url,
    }
    about = _bounty_summary(bounty) if bounty else None
    return RequestView(
        id=row.id,
        bounty_id=row.bounty_id,
        hunter_id=row.hunter_id,
        user_id=row.hunter_id,
        status=row.status,
        message=row.message,
        created_at=row.created_at,
        updated_at=row.updated_at,
        profile=profile,
        profiles=profile,
        poster_id=bounty.poster_id if bounty else None,
        bounty=about,
        bounties=about,
    )


def _bounty_summary(bounty: Bounty) -> dict[str, Any]:
    return {
        "id": bounty.id,
        "title": bounty.title,
        "amount": amounts.dollars(bounty.amount_cents),
        "location": bounty.location_text,
        "work_type": bounty.work_type,
        "deadline": bounty.deadline,
        "is_for_honor": bounty.is_for_honor,
        "status": bounty.status.value,
    }
