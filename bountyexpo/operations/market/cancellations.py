"""Cancellations: asked for, answered, taken back (contract rest-core §2.6, F1 to F5, C14)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from bountyexpo.actors.market.bounty_messages import Said, TakeStep
from bountyexpo.domain import limits
from bountyexpo.domain.access import caller_of
from bountyexpo.domain.field_types import Cursor, Id, clamped, text
from bountyexpo.domain.market.access import GRANTS
from bountyexpo.domain.market.bounty import Event
from bountyexpo.domain.market.cancellation import Category, Status, worded
from bountyexpo.errors import AlreadyMoved
from bountyexpo.operations.catalogue import READ, WRITE, operation
from bountyexpo.operations.cursor import decode_cursor, encode_cursor
from bountyexpo.operations.market.bounty_views import BountyById  # noqa: TC001 - resolved
from bountyexpo.operations.market.cancellation_views import (
    CancellationPage,
    CancellationView,
    cancellation_view,
    page_view,
)
from bountyexpo.operations.require import parse_id, require
from bountyexpo.operations.routes import Alias
from bountyexpo.persistence.market import bounties, cancellations

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.market.cancellations import Cancellation

Reason = Annotated[str, text(0, limits.CANCELLATION_REASON_CHARS_MAX)]
Answer = Annotated[str, text(0, limits.CANCELLATION_ANSWER_CHARS_MAX)]
PAGE_LIMIT_MAX = 200


class NewCancellation(msgspec.Struct, kw_only=True):
    """A wish to cancel; ``refund_percentage`` is what the poster is to get back of the price."""

    bounty_id: Id
    reason: Reason = ""
    reason_category: Category = Category.OTHER
    refund_percentage: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None


class CancellationById(msgspec.Struct, kw_only=True):
    """One cancellation."""

    cancellation_id: Id


class AnsweredCancellation(msgspec.Struct, kw_only=True):
    """An answer to a wish to cancel."""

    cancellation_id: Id
    response_message: Answer | None = None


class ListCancellations(msgspec.Struct, kw_only=True):
    """Which cancellations to list; of nobody but the caller."""

    user_id: Id | None = None
    limit: Annotated[int, clamped(1, PAGE_LIMIT_MAX)] = 50
    cursor: Cursor | None = None


def _cancelled(reply: Any) -> dict[str, Any]:
    """Return what clients of the old route read of a cancellation."""
    is_done = reply["status"] == Status.ACCEPTED
    message = "The bounty is cancelled." if is_done else "The other side was asked to agree."
    return {
        "message": message,
        "bountyId": reply["bountyId"],
        "refundId": reply["id"] if is_done and reply["refundAmount"] else None,
        "amount": reply["refundAmount"] if is_done else 0,
        "cancellation": reply,
    }


@operation(
    "cancellation.request",
    http="POST /api/bounties/{bounty_id}/cancellations",
    rate=WRITE,
    status=201,
    repeat_status=200,
    aliases=(
        "POST /api/cancellations",
        Alias("POST /bounties/{bountyId}/cancel", reply=_cancelled),
        Alias("POST /api/bounties/{bountyId}/cancel", reply=_cancelled),
    ),
    aliased_fields={
        "bountyId": "bounty_id",
        "reasonCategory": "reason_category",
        "refundPercentage": "refund_percentage",
    },
)
async def request_cancellation(call: Call, request: NewCancellation) -> CancellationView:
    """Cancel a bounty, or ask the other side to agree once a hunter works on it.

    What is open, for honor, or left by its hunter is cancelled at once. A repeat answers 200 with
    the cancellation that there is, whoever of the two asked for it.
    """
    bounty_id = parse_id(request.bounty_id, "bounty")
    reason = limits.text(request.reason, "reason", 0, limits.CANCELLATION_REASON_CHARS_MAX)
    said = Said(
        text=worded(reason, request.reason_category), refund_percentage=request.refund_percentage
    )
    taken = await call.services.actors.bounty(bounty_id).ask(
        TakeStep(event=Event.CANCEL, actor_id=call.user_id, said=said)
    )
    if not (taken.is_move or call.is_repeat):
        call.reply_status = 200
    if taken.cancellation is None:
        raise AlreadyMoved(
            "This bounty has been cancelled already.", currentStatus=taken.bounty.status.value
        )
    return cancellation_view(taken.cancellation)


@operation("cancellation.get", http="GET /api/cancellations/{cancellation_id}", rate=READ)
async def get_cancellation(call: Call, request: CancellationById) -> CancellationView:
    """Read one cancellation; only the two sides may."""
    found = await _found(call, request.cancellation_id)
    bounty = require(await bounties.get(call.services.db, found.bounty_id), "bounty")
    # A hunter who was let go has still asked for it, or answered.
    own = {bounty.poster_id, bounty.hunter_id, found.requester_id, found.responder_id}
    hunter_id = call.user_id if call.user_id in own - {bounty.poster_id} else None
    caller = caller_of(call.identity, poster_id=bounty.poster_id, hunter_id=hunter_id)
    GRANTS["cancellation.get"].check(caller)
    return cancellation_view(found)


@operation("cancellation.of_bounty", http="GET /api/bounties/{bounty_id}/cancellation", rate=READ)
async def get_cancellation_of_bounty(call: Call, request: BountyById) -> CancellationView | None:
    """Read the newest cancellation of a bounty, or null; only its two sides may."""
    db, bounty_id = call.services.db, parse_id(request.bounty_id, "bounty")
    bounty = require(await bounties.get(db, bounty_id), "bounty")
    caller = caller_of(call.identity, poster_id=bounty.poster_id, hunter_id=bounty.hunter_id)
    GRANTS["cancellation.of_bounty"].check(caller)
    found = await cancellations.newest(db, bounty_id)
    return cancellation_view(found) if found else None


@operation("cancellation.list", http="GET /api/cancellations", rate=READ)
async def list_cancellations(call: Call, request: ListCancellations) -> CancellationPage:
    """List what the caller asked to cancel, answered, or is to answer; the newest first."""
    limit = max(1, min(request.limit, PAGE_LIMIT_MAX))
    after = decode_cursor(request.cursor) if request.cursor is not None else None
    rows: list[Cancellation] = []
    if request.user_id is None or request.user_id.lower() == call.user_id:
        rows = await cancellations.page(
            call.services.db, call.user_id, after=after, limit=limit + 1
        )
    last = rows[limit - 1] if len(rows) > limit else None
    cursor = encode_cursor(last.created_at, last.id) if last else None
    return page_view(rows[:limit], limit, cursor)


@operation(
    "cancellation.accept",
    http="POST /api/cancellations/{cancellation_id}/accept",
    rate=WRITE,
    aliased_fields={"responseMessage": "response_message"},
)
async def accept_cancellation(call: Call, request: AnsweredCancellation) -> CancellationView:
    """Agree: the bounty is cancelled, the poster gets back what was asked, the hunter the rest."""
    return await _answer(call, request, Event.CANCEL_ACCEPT)


@operation(
    "cancellation.reject",
    http="POST /api/cancellations/{cancellation_id}/reject",
    rate=WRITE,
    aliased_fields={"responseMessage": "response_message"},
)
async def reject_cancellation(call: Call, request: AnsweredCancellation) -> CancellationView:
    """Do not agree, and say why: the work goes on."""
    return await _answer(call, request, Event.CANCEL_REJECT)


@operation(
    "cancellation.withdraw", http="POST /api/cancellations/{cancellation_id}/withdraw", rate=WRITE
)
async def withdraw_cancellation(call: Call, request: CancellationById) -> CancellationView:
    """Take back the wish to cancel: the work goes on."""
    found = await _found(call, request.cancellation_id)
    return await _taken(call, found, Event.CANCEL_WITHDRAW, Said())


async def _answer(call: Call, request: AnsweredCancellation, event: Event) -> CancellationView:
    found = await _found(call, request.cancellation_id)
    most = limits.CANCELLATION_ANSWER_CHARS_MAX
    words = limits.optional_text(request.response_message, "response_message", most)
    return await _taken(call, found, event, Said(text=words))


async def _taken(call: Call, found: Cancellation, event: Event, said: Said) -> CancellationView:
    message = TakeStep(event=event, actor_id=call.user_id, cancellation_id=found.id, said=said)
    taken = await call.services.actors.bounty(found.bounty_id).ask(message)
    assert taken.cancellation is not None
    return cancellation_view(taken.cancellation)


async def _found(call: Call, cancellation_id: str) -> Cancellation:
    named = parse_id(cancellation_id, "cancellation")
    return require(await cancellations.get(call.services.db, named), "cancellation")
