"""Applying for a bounty, and the answers to an application (contract rest-core §2.4)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from bountyexpo.actors.market.bounty_messages import SubmitApplication, TakeStep
from bountyexpo.domain import limits
from bountyexpo.domain.access import Caller, caller_of
from bountyexpo.domain.field_types import Id, Moment, text
from bountyexpo.domain.market.access import GRANTS
from bountyexpo.domain.market.bounty import Event
from bountyexpo.domain.policy import DAY_S
from bountyexpo.errors import Conflict, InvalidRequest
from bountyexpo.operations.catalogue import WRITE, operation
from bountyexpo.operations.market import old_forms
from bountyexpo.operations.market.bounty.ends import StepDone
from bountyexpo.operations.market.bounty_views import BountyView, bounty_view
from bountyexpo.operations.market.request_views import RequestById, RequestView, request_view
from bountyexpo.operations.require import parse_id, require
from bountyexpo.operations.routes import Alias
from bountyexpo.persistence.chat import conversations
from bountyexpo.persistence.market import requests
from bountyexpo.persistence.market.requests import Wish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.actors.market.bounty_messages import StepTaken
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.market.requests import Application

Answer = Literal["accepted", "rejected", "withdrawn"]

ANSWERS: Final[Mapping[str, Event]] = {
    "accepted": Event.ACCEPT,
    "rejected": Event.REJECT_APPLICATION,
    "withdrawn": Event.WITHDRAW_APPLICATION,
}

# Who deletes an application means this.
DELETIONS: Final[Mapping[Caller, tuple[Event, str]]] = {
    Caller.HUNTER: (Event.WITHDRAW_APPLICATION, "Your application was withdrawn."),
    Caller.POSTER: (Event.REJECT_APPLICATION, "The application was rejected."),
}


class NewRequest(msgspec.Struct, kw_only=True):
    """An application; who applies is always the caller."""

    bounty_id: Id
    message: Annotated[str, text(0, limits.APPLICATION_CHARS_MAX)] | None = None
    proposed_completion_date: Moment | None = None
    estimated_duration: Annotated[str, text(0, limits.DURATION_CHARS_MAX)] | None = None


class RequestAnswer(msgspec.Struct, kw_only=True):
    """What is to become of an application: the poster accepts or rejects, the applicant withdraws.

    Only one that waits can be answered.
    """

    request_id: Id
    status: Answer


class AcceptedView(msgspec.Struct, kw_only=True):
    """What an acceptance brought about."""

    success: bool
    bounty: BountyView
    request: RequestView
    acceptedRequestId: str
    # Bounties of the old service may have none.
    conversationId: str | None


@operation(
    "request.create",
    http="POST /api/bounty-requests",
    rate=WRITE,
    status=201,
    aliases=(Alias("POST /bounty-requests", reply=old_forms.documented_request),),
    aliased_fields={"bountyId": "bounty_id", "proposal": "message"},
)
async def create_request(call: Call, request: NewRequest) -> RequestView:
    """Apply to an open bounty as the caller.

    A second application is refused with 409 and carries the first one as ``request``. Whom the
    poster has rejected may apply again after a day; until then it is 429 with ``Retry-After``.
    """
    bounty_id = parse_id(request.bounty_id, "bounty")
    message = SubmitApplication(hunter_id=call.user_id, wish=_wish(call, request))
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


@operation(
    "request.accept",
    http="POST /api/bounty-requests/{request_id}/accept",
    rate=WRITE,
    aliases=(
        "POST /bounty-requests/{request_id}/accept",
        Alias("POST /accept-bounty-request", reply=old_forms.accepted_in_data),
        Alias(
            "POST /rest/v1/rpc/fn_accept_bounty_request",
            reply=old_forms.accepted_rows,
            refusal=old_forms.acceptance_refused_by_database,
        ),
    ),
    aliased_fields={"id": "request_id", "p_request_id": "request_id"},
)
async def accept_request(call: Call, request: RequestById) -> AcceptedView:
    """Accept an application: the work begins, the others are rejected, a conversation opens."""
    taken = await _answer(call, await _found(call, request.request_id), Event.ACCEPT)
    assert taken.application is not None
    return AcceptedView(
        success=True,
        bounty=bounty_view(taken.bounty, call.user_id),
        request=request_view(taken.application, taken.bounty),
        acceptedRequestId=taken.application.id,
        conversationId=taken.conversation_id or await _conversation_of(call, taken),
    )


@operation(
    "request.reject",
    http="POST /api/bounty-requests/{request_id}/reject",
    rate=WRITE,
    aliases=("POST /bounty-requests/{request_id}/reject",),
)
async def reject_request(call: Call, request: RequestById) -> RequestView:
    """Reject an application that waits; repeating it changes nothing."""
    found = await _found(call, request.request_id)
    return _row(await _answer(call, found, Event.REJECT_APPLICATION))


@operation(
    "request.update",
    http="PATCH /api/bounty-requests/{request_id}",
    rate=WRITE,
    aliases=("PATCH /bounty-requests/{request_id}",),
)
async def update_request(call: Call, request: RequestAnswer) -> RequestView:
    """Accept, reject or withdraw an application by naming its next status."""
    found = await _found(call, request.request_id)
    GRANTS["request.update"].check(_caller(call, found))
    return _row(await _answer(call, found, ANSWERS[request.status]))


@operation(
    "request.delete",
    http="DELETE /api/bounty-requests/{request_id}",
    rate=WRITE,
    aliases=("DELETE /bounty-requests/{request_id}",),
)
async def delete_request(call: Call, request: RequestById) -> StepDone:
    """Withdraw one's own application, or reject it as the poster; its row stays as it was said."""
    found = await _found(call, request.request_id)
    caller = _caller(call, found)
    GRANTS["request.delete"].check(caller)
    event, message = DELETIONS[caller]
    await _answer(call, found, event)
    return StepDone(success=True, message=message)


def _wish(call: Call, request: NewRequest) -> Wish:
    date = request.proposed_completion_date
    # A date without a time begins in the night before.
    if date is not None and date < call.services.clock.now() - timedelta(seconds=DAY_S):
        message = "proposed_completion_date must not be in the past."
        issue = {"path": "proposed_completion_date", "message": message}
        raise InvalidRequest(message, issues=[issue])
    return Wish(
        message=limits.optional_text(request.message, "message", limits.APPLICATION_CHARS_MAX),
        proposed_completion_at=date,
        estimated_duration=limits.optional_text(
            request.estimated_duration, "estimated_duration", limits.DURATION_CHARS_MAX
        ),
    )


async def _found(call: Call, request_id: str) -> Application:
    request_id = parse_id(request_id, "application")
    return require(await requests.get(call.services.db, request_id), "application")


def _caller(call: Call, found: Application) -> Caller:
    return caller_of(call.identity, poster_id=found.poster_id, hunter_id=found.hunter_id)


async def _answer(call: Call, found: Application, event: Event) -> StepTaken:
    """Take the step of the bounty that answers an application."""
    step = TakeStep(event=event, actor_id=call.user_id, application_id=found.id)
    return await call.services.actors.bounty(found.bounty_id).ask(step)


def _row(taken: StepTaken) -> RequestView:
    assert taken.application is not None
    return request_view(taken.application, taken.bounty)


async def _conversation_of(call: Call, taken: StepTaken) -> str | None:
    """Return the conversation that an earlier acceptance has opened, if it did."""
    bounty = taken.bounty
    assert bounty.hunter_id is not None
    people = (bounty.poster_id, bounty.hunter_id)
    opened = await conversations.between(call.services.db, people, bounty_id=bounty.id)
    return opened.id if opened else None
