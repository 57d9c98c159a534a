"""What old clients do with a bounty by one word (contract rest-core §2.3, C7 to C10 and C12).

What a word means hangs on who says it: whoever takes a bounty applies for it, its poster accepts;
its hunter completes it by handing in work, its poster by approving that. The rules of the step
decide, and nobody gets past the consent of the other side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from bountyexpo.actors.market.bounty_messages import Said, TakeStep
from bountyexpo.domain import limits
from bountyexpo.domain.client_json import PROOF_ITEMS
from bountyexpo.domain.field_types import Id, shown, text
from bountyexpo.domain.market.bounty import Event, Status
from bountyexpo.domain.market.bounty_ends import GONE
from bountyexpo.domain.market.cancellation import Category, worded
from bountyexpo.errors import Conflict, InvalidRequest
from bountyexpo.operations.catalogue import WRITE, operation
from bountyexpo.operations.market import old_forms
from bountyexpo.operations.market.applications import NewRequest, create_request
from bountyexpo.operations.market.bounty.ends import TransitionView, transition_view
from bountyexpo.operations.market.bounty_views import BountyView, bounty_view
from bountyexpo.operations.market.completions import CompletionView, completion_view
from bountyexpo.operations.market.request_views import RequestView, request_view
from bountyexpo.operations.require import parse_id
from bountyexpo.operations.routes import Alias
from bountyexpo.persistence.market import bounties, requests
from bountyexpo.persistence.market.submissions import Delivery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.market.bounties import Bounty

# What a hunter says who hands in without a word.
DONE: Final = "The work is done."

# What whoever names a status wants to happen; what is not here needs more than a word.
WANTED: Final[Mapping[Status, Event]] = {
    Status.COMPLETED: Event.APPROVE,
    Status.ARCHIVED: Event.ARCHIVE,
    Status.DELETED: Event.DELETE,
    Status.CANCELLED: Event.CANCEL,
    Status.CANCELLATION_REQUESTED: Event.CANCEL,
}
NEEDS_MORE: Final[Mapping[Status, str]] = {
    Status.OPEN: "A bounty is opened again by its own rules only.",
    Status.IN_PROGRESS: "The work begins when an application is accepted.",
}

ProofName = Annotated[str, text(1, limits.COMPLETION_CHARS[1])]
ProofItem = Annotated[dict[str, Any], msgspec.Meta(max_length=100)]
Proof = ProofName | ProofItem | Annotated[list[ProofItem], msgspec.Meta(max_length=20)]


class TakeBounty(msgspec.Struct, kw_only=True):
    """Which bounty is taken; the poster may say by which application."""

    bounty_id: Id
    request_id: Id | None = None
    message: Annotated[str, text(0, limits.APPLICATION_CHARS_MAX)] | None = None


class CompleteBounty(msgspec.Struct, kw_only=True):
    """What the hunter says of the work, or the poster of the hunter."""

    bounty_id: Id
    completion_note: Annotated[str, text(0, limits.COMPLETION_CHARS[1])] | None = None
    proof: Proof | None = None
    rating: Annotated[float, shown(minimum=1, maximum=5, multipleOf=0.1)] | None = None
    comment: Annotated[str, text(0, limits.COMMENT_CHARS_MAX)] | None = None


class WantedStatus(msgspec.Struct, kw_only=True):
    """The status that the bounty shall have, and why."""

    bounty_id: Id
    status: Annotated[str, text(1, 32)]
    reason: Annotated[str, text(0, limits.CANCELLATION_REASON_CHARS_MAX)] | None = None


class ShortcutView(BountyView, kw_only=True, omit_defaults=True):
    """A bounty with the step that it has taken, and what was made or answered by it."""

    success: bool
    bounty: BountyView
    transition: str
    previousStatus: str
    newStatus: str
    application: RequestView | None = None
    submission: CompletionView | None = None


@operation(
    "bounty.accept",
    http="POST /api/bounties/{bounty_id}/accept",
    successor="POST /api/bounty-requests",
    rate=WRITE,
    aliases=(Alias("POST /bounties/{bounty_id}/accept", reply=old_forms.taken),),
    aliased_fields={"requestId": "request_id"},
)
async def accept_bounty(call: Call, request: TakeBounty) -> ShortcutView:
    """Take a bounty: apply to it, or accept an application to one's own.

    The poster names the application, unless exactly one waits. 409 ``USE_APPLICATION`` says that it
    must be named, or that this service knows applications only.
    """
    bounty = await _found(call, request.bounty_id)
    if not call.services.policy.takes_direct_accept:
        raise Conflict(
            "Please apply to this bounty, or accept one of its applications.",
            code="USE_APPLICATION",
            currentStatus=bounty.status.value,
        )
    if call.user_id != bounty.poster_id:
        wish = NewRequest(bounty_id=bounty.id, message=request.message)
        applied = await create_request(call, wish)
        told = TransitionView(
            success=True,
            bounty=bounty_view(bounty),
            transition="accept",
            previousStatus=bounty.status.value,
            newStatus=bounty.status.value,
        )
        return ShortcutView(**_fields(told), application=applied)
    application_id, event = await _meant(call, bounty, request.request_id)
    step = TakeStep(event=event, actor_id=call.user_id, application_id=application_id)
    taken = await call.services.actors.bounty(bounty.id).ask(step)
    assert taken.application is not None
    application = request_view(taken.application, taken.bounty)
    told = await transition_view(call, taken, "accept")
    return ShortcutView(**_fields(told), application=application)


@operation(
    "bounty.complete",
    http="POST /api/bounties/{bounty_id}/complete",
    successor="POST /api/completions",
    rate=WRITE,
    aliases=(Alias("POST /bounties/{bounty_id}/complete", reply=old_forms.completed),),
    aliased_fields={"message": "completion_note", "completionNote": "completion_note"},
)
async def complete_bounty(call: Call, request: CompleteBounty) -> ShortcutView:
    """Complete a bounty: the hunter hands in the work, the poster approves what was handed in."""
    note = limits.optional_text(
        request.completion_note, "completion_note", limits.COMPLETION_CHARS[1]
    )
    said = Said(
        work=Delivery(text=note or DONE, proof=PROOF_ITEMS.parse(_proof(request.proof))),
        rating_tenths=limits.rating_tenths(request.rating) if request.rating is not None else None,
        comment=limits.optional_text(request.comment, "comment", limits.COMMENT_CHARS_MAX),
    )
    owner = call.services.actors.bounty(parse_id(request.bounty_id, "bounty"))
    taken = await owner.ask(TakeStep(event=Event.COMPLETE, actor_id=call.user_id, said=said))
    told = await transition_view(call, taken, "complete")
    # What a judge has completed may never have been handed in.
    work = completion_view(taken.submission) if taken.submission else None
    return ShortcutView(**_fields(told), submission=work)


@operation(
    "bounty.set_status",
    http="PATCH /api/bounties/{bounty_id}/status",
    rate=WRITE,
    aliases=("PATCH /bounties/{bounty_id}/status",),
)
async def set_status(call: Call, request: WantedStatus) -> BountyView:
    """Let happen what leads to the status that is named, by the rules of that step.

    ``completed`` approves the work, ``archived`` and ``deleted`` put the bounty away, ``cancelled``
    cancels it or asks the other side, and then needs a reason. Other statuses are 409.
    """
    bounty_id = parse_id(request.bounty_id, "bounty")
    return await move_to(call, bounty_id, request.status, request.reason)


async def move_to(call: Call, bounty_id: str, wanted: str, reason: str | None = None) -> BountyView:
    """Take the step that leads to a status, if there is one that needs no more than a word.

    Raises:
        InvalidRequest: there is no such status.
        Conflict: another way leads there.
    """
    if wanted not in set(Status):
        message = f"There is no such status: use {', '.join(WANTED)}."
        raise InvalidRequest(message, issues=[{"path": "status", "message": message}])
    status = Status(wanted)
    if status in NEEDS_MORE:
        bounty = await _found(call, bounty_id)
        if bounty.status is status and call.user_id in {bounty.poster_id, bounty.hunter_id}:
            return bounty_view(bounty, call.user_id)
        raise Conflict(
            NEEDS_MORE[status], code="INVALID_TRANSITION", currentStatus=bounty.status.value
        )
    said = Said()
    if WANTED[status] is Event.CANCEL:
        words = limits.optional_text(reason, "reason", limits.CANCELLATION_REASON_CHARS_MAX)
        said = Said(text=worded(words, Category.OTHER))
    step = TakeStep(event=WANTED[status], actor_id=call.user_id, said=said)
    taken = await call.services.actors.bounty(bounty_id).ask(step)
    return bounty_view(taken.bounty, call.user_id)


async def _found(call: Call, bounty_id: str) -> Bounty:
    found = await bounties.get(call.services.db, parse_id(bounty_id, "bounty"))
    if found is None or not found.parties.may_see(found.status, call.user_id):
        raise GONE.raised(None)
    return found


async def _meant(call: Call, bounty: Bounty, request_id: str | None) -> tuple[str | None, Event]:
    """Return which application the poster accepts, if that is clear, and by which step."""
    if request_id is not None:
        return parse_id(request_id, "application"), Event.ACCEPT
    if bounty.accepted_request_id is not None:
        # The answer to the first call was lost.
        return bounty.accepted_request_id, Event.ACCEPT
    waiting = await requests.waiting(call.services.db, bounty.id, 2)
    return waiting[0].id if len(waiting) == 1 else None, Event.DIRECT_ACCEPT


def _fields(told: TransitionView) -> dict[str, Any]:
    return msgspec.structs.asdict(told.bounty) | msgspec.structs.asdict(told)


def _proof(proof: Any) -> Any:
    """Return what shows the work as the items that are kept."""
    if isinstance(proof, str):
        return [{"id": "proof", "type": "file", "name": proof, "url": proof}]
    return [proof] if isinstance(proof, dict) else proof
