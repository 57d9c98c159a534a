"""The work: the hunter submits, the poster asks for changes or approves (rest-core §2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from bountyexpo.actors.market.bounty_messages import Said, TakeStep
from bountyexpo.domain import limits
from bountyexpo.domain.access import caller_of
from bountyexpo.domain.client_json import PROOF_ITEMS, JsonObjects
from bountyexpo.domain.field_types import Id, Moment, Stars, text
from bountyexpo.domain.market.access import GRANTS
from bountyexpo.domain.market.bounty import Event
from bountyexpo.errors import InvalidRequest
from bountyexpo.operations.catalogue import READ, WRITE, operation
from bountyexpo.operations.market import old_forms
from bountyexpo.operations.require import parse_id, require
from bountyexpo.operations.routes import Alias
from bountyexpo.persistence.market import bounties, submissions
from bountyexpo.persistence.market.submissions import Delivery

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.market.submissions import Submission


SPELLINGS = {"submissionId": "submission_id", "bountyId": "bounty_id"}


class NewCompletion(msgspec.Struct, kw_only=True):
    """The work that the caller hands in, with up to 20 proof items."""

    bounty_id: Id
    message: Annotated[str, text(*limits.COMPLETION_CHARS)]
    proof_items: JsonObjects = msgspec.field(default_factory=list)


class CompletionOfBounty(msgspec.Struct, kw_only=True):
    """The newest submission to one bounty."""

    bounty_id: Id


class Review(msgspec.Struct, kw_only=True):
    """The work that the poster judges: one submission, or the newest to a bounty."""

    submission_id: Id | None = None
    bounty_id: Id | None = None


class Approval(Review, kw_only=True):
    """The poster's verdict, with an optional rating of the hunter."""

    rating: Stars | None = None
    comment: Annotated[str, text(0, limits.COMMENT_CHARS_MAX)] | None = None


class Revision(Review, kw_only=True):
    """What the poster wants to have changed."""

    feedback: Annotated[str, text(1, limits.FEEDBACK_CHARS_MAX)]


class CompletionView(msgspec.Struct, kw_only=True):
    """A submission."""

    id: str
    bounty_id: str
    hunter_id: str
    message: str
    proof_items: list[dict[str, Any]]
    status: str
    poster_feedback: str | None
    revision_count: int
    submitted_at: Moment
    reviewed_at: Moment | None


@operation(
    "completion.submit",
    http="POST /api/completions",
    rate=WRITE,
    status=201,
    repeat_status=200,
    aliased_fields={"bountyId": "bounty_id", "proofItems": "proof_items"},
)
async def submit_completion(call: Call, request: NewCompletion) -> CompletionView:
    """Hand in the work of a bounty in progress; a waiting submission is returned with 200."""
    bounty_id = parse_id(request.bounty_id, "bounty")
    work = Delivery(
        text=limits.text(request.message, "message", *limits.COMPLETION_CHARS),
        proof=PROOF_ITEMS.parse(request.proof_items),
    )
    taken = await call.services.actors.bounty(bounty_id).ask(
        TakeStep(event=Event.SUBMIT, actor_id=call.user_id, said=Said(work=work))
    )
    if not (taken.is_move or call.is_repeat):
        call.reply_status = 200
    assert taken.submission is not None
    return completion_view(taken.submission)


@operation("completion.get", http="GET /api/completions/{bounty_id}", rate=READ)
async def get_completion(call: Call, request: CompletionOfBounty) -> CompletionView:
    """Read the newest submission to a bounty; only its two parties may."""
    db, bounty_id = call.services.db, parse_id(request.bounty_id, "bounty")
    bounty = require(await bounties.get(db, bounty_id), "bounty")
    caller = caller_of(call.identity, poster_id=bounty.poster_id, hunter_id=bounty.hunter_id)
    GRANTS["completion.get"].check(caller)
    return completion_view(require(await submissions.newest(db, bounty_id), "submission"))


@operation(
    "completion.request_revision",
    http="POST /api/completions/{submission_id}/request-revision",
    rate=WRITE,
    aliases=(
        Alias(
            "POST /bounties/{bounty_id}/request-changes",
            reply=old_forms.step_of_bounty("Changes were requested."),
        ),
    ),
    aliased_fields=SPELLINGS,
)
async def request_revision(call: Call, request: Revision) -> CompletionView:
    """Ask for changes: the hunter is told what, and hands in anew."""
    feedback = limits.text(request.feedback, "feedback", 1, limits.FEEDBACK_CHARS_MAX)
    return await _review(call, request, Event.REQUEST_REVISION, Said(text=feedback))


@operation(
    "completion.approve",
    http="POST /api/completions/{submission_id}/approve",
    rate=WRITE,
    aliases=(
        Alias(
            "POST /bounties/{bounty_id}/approve",
            reply=old_forms.step_of_bounty("The work was approved."),
        ),
    ),
    aliased_fields=SPELLINGS,
)
async def approve_completion(call: Call, request: Approval) -> CompletionView:
    """Approve the work: the bounty is completed and the hunter is paid, less the platform fee."""
    tenths = limits.rating_tenths(request.rating) if request.rating is not None else None
    comment = limits.optional_text(request.comment, "comment", limits.COMMENT_CHARS_MAX)
    said = Said(rating_tenths=tenths, comment=comment)
    return await _review(call, request, Event.APPROVE, said)


async def _review(call: Call, request: Review, event: Event, said: Said) -> CompletionView:
    """Take the poster's step on the submission that is named, or on the newest to a bounty."""
    if request.submission_id is not None:
        submission_id = parse_id(request.submission_id, "submission")
        found = require(await submissions.get(call.services.db, submission_id), "submission")
        bounty_id, named = found.bounty_id, found.id
    elif request.bounty_id is not None:
        bounty_id, named = parse_id(request.bounty_id, "bounty"), None
    else:
        message = "submission_id is required."
        raise InvalidRequest(message, issues=[{"path": "submission_id", "message": message}])
    taken = await call.services.actors.bounty(bounty_id).ask(
        TakeStep(event=event, actor_id=call.user_id, submission_id=named, said=said)
    )
    # What a judge has completed may never have been handed in.
    return completion_view(require(taken.submission, "submission"))


def completion_view(row: Submission) -> CompletionView:
    """Return the wire shape of a submission."""
    return CompletionView(
        id=row.id,
        bounty_id=row.bounty_id,
        hunter_id=row.hunter_id,
        message=row.message,
        proof_items=row.proof,
        status=row.status,
        poster_feedback=row.poster_feedback,
        revision_count=row.revision,
        submitted_at=row.submitted_at,
        reviewed_at=row.reviewed_at,
    )
