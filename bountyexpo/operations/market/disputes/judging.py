"""Disputes as admins see them: found, looked at, decided (operations §2.5, rest-core F11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import msgspec

from bountyexpo.actors.market.bounty_messages import Said
from bountyexpo.domain import limits
from bountyexpo.domain.field_types import WHOLE_MAX, Cents, Cursor, Id, Moment, clamped, text
from bountyexpo.domain.market import dispute_advice
from bountyexpo.domain.market.completion import State as Work
from bountyexpo.domain.market.dispute import LIVE, Event, Status
from bountyexpo.domain.market.dispute_advice import Advice, Reputation
from bountyexpo.domain.money import fees
from bountyexpo.errors import AlreadyMoved, Conflict, InvalidRequest
from bountyexpo.operations.catalogue import READ, WRITE, operation
from bountyexpo.operations.cursor import decode_cursor
from bountyexpo.operations.market.bounty_views import BountyView, bounty_view
from bountyexpo.operations.market.cancellation_views import CancellationView, cancellation_view
from bountyexpo.operations.market.disputes.opening import (
    PAGE_LIMIT_MAX,
    DisputeById,
    case,
    find,
    judge,
    page,
)
from bountyexpo.operations.market.disputes.views import (
    AppealView,
    DisputeCase,
    DisputePage,
    DisputeView,
    appeal_view,
    dispute_view,
)
from bountyexpo.operations.require import parse_id, require
from bountyexpo.persistence.market import (
    bounties,
    cancellations,
    dispute_answers,
    dispute_records,
    disputes,
    overlays,
    submissions,
)
from bountyexpo.persistence.market.disputes import Page
from bountyexpo.persistence.money import escrows
from bountyexpo.persistence.users import user_stats

if TYPE_CHECKING:
    from bountyexpo.domain.money.fees import Settlement
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.market.bounties import Bounty
    from bountyexpo.persistence.market.dispute_records import Resolution
    from bountyexpo.persistence.market.disputes import Dispute

Words = Annotated[str, text(*limits.DISPUTE_TEXT_CHARS)]
Notes: TypeAlias = Annotated[str, text(0, limits.DISPUTE_TEXT_CHARS[1])]

StatusName: TypeAlias = Literal[
    "open",
    "under_review",
    "resolved",
    "resolved_hunter_wins",
    "resolved_poster_wins",
    "closed",
    "cancelled",
    "stripe_dispute",
    "resolved_won",
    "resolved_lost",
]

# What a decision asks for. What is none of the three is a split by the amounts that it names.
DECISIONS = {
    "release": (Event.RESOLVE_HUNTER, "hunter"),
    "refund": (Event.RESOLVE_POSTER, "poster"),
    "split": (Event.RESOLVE_SPLIT, "split"),
    "other": (Event.RESOLVE_SPLIT, "split"),
}
# The statuses that are set by hand; the others follow from a decision or a side.
SETTABLE = {Status.UNDER_REVIEW: Event.REVIEW, Status.CLOSED: Event.CLOSE}


class ListQueue(msgspec.Struct, kw_only=True):
    """Which disputes to list; open and under review unless said otherwise."""

    status: StatusName | None = None
    escalated: bool | None = None
    appealed: bool | None = None
    limit: Annotated[int, clamped(1, PAGE_LIMIT_MAX)] = 50
    cursor: Cursor | None = None


class RuledStatus(msgspec.Struct, kw_only=True):
    """Where a dispute is to stand, if it is still at ``version``."""

    dispute_id: Id
    status: StatusName
    version: Annotated[int, msgspec.Meta(ge=1, le=WHOLE_MAX)] | None = None
    reason: Words | None = None


class Ruling(msgspec.Struct, kw_only=True):
    """Who gets what: of a split both amounts, before the fee, which is the hunter's."""

    dispute_id: Id
    outcome: Literal["release", "refund", "split", "other"]
    amountToHunterCents: Cents | None = None
    amountToPosterCents: Cents | None = None
    rationale: Words
    winner: Literal["hunter", "poster", "split"] | None = None


class Escalation(msgspec.Struct, kw_only=True):
    """Why a dispute is urgent."""

    dispute_id: Id
    reason: Words


class AnsweredAppeal(msgspec.Struct, kw_only=True):
    """What becomes of an appeal, and why."""

    appeal_id: Id
    status: Literal["pending", "reviewing", "accepted", "rejected"]
    notes: Notes | None = None


class RecordedView(msgspec.Struct, kw_only=True):
    """One thing that happened to a dispute."""

    action: str
    actorId: str | None
    actorRole: str
    details: dict[str, Any]
    at: Moment


class AdminCase(DisputeCase, kw_only=True):
    """A dispute with all that there is about it, and what the facts suggest."""

    bounty: BountyView | None
    cancellation: CancellationView | None
    audit: list[RecordedView]
    suggestion: Advice | None


@operation("dispute.queue", http="GET /admin/disputes", rate=READ)
async def list_queue(call: Call, request: ListQueue) -> DisputePage:
    """List disputes that wait for admins, the oldest first."""
    limit = max(1, min(request.limit, PAGE_LIMIT_MAX))
    wanted = Page(
        statuses=[status.value for status in _statuses(request)],
        is_escalated=request.escalated,
        is_appealed=request.appealed,
        limit=limit + 1,
    )
    if request.cursor is not None:
        wanted.after, wanted.after_id = decode_cursor(request.cursor)
    return page(await disputes.queue(call.services.db, wanted), limit)


@operation("dispute.case", http="GET /admin/disputes/{dispute_id}", rate=READ)
async def get_case(call: Call, request: DisputeById) -> AdminCase:
    """Read all there is about a dispute, internal notes included, and what the facts suggest."""
    db, found = call.services.db, await find(call, request.dispute_id)
    seen = await case(call, found, for_admins=True)
    bounty = await bounties.get(db, found.bounty_id) if found.bounty_id else None
    named = found.cancellation_id
    cancellation = await cancellations.get(db, named) if named else None
    return AdminCase(
        **{name: getattr(seen, name) for name in seen.__struct_fields__},
        bounty=bounty_view(bounty) if bounty else None,
        cancellation=cancellation_view(cancellation) if cancellation else None,
        audit=[
            RecordedView(
                action=row.action,
                actorId=row.actor_id,
                actorRole=row.actor_role,
                details=row.details,
                at=row.at,
            )
            for row in await dispute_records.history(db, found.id)
        ],
        suggestion=await _advice(call, found, bounty) if bounty else None,
    )


@operation("dispute.set_status", http="PATCH /admin/disputes/{dispute_id}/status", rate=WRITE)
async def set_status(call: Call, request: RuledStatus) -> DisputeView:
    """Take a dispute under review, or close it without a decision: the bounty goes on.

    With ``version``, 409 where somebody else has changed it since.
    """
    found = await find(call, request.dispute_id)
    event = SETTABLE.get(Status(request.status))
    if event is None:
        message = f"Set {' or '.join(SETTABLE)} here; a decision has an address of its own."
        raise InvalidRequest(message, issues=[{"path": "status", "message": message}])
    said = Said(text=request.reason or None)
    taken = await judge(call, found, event, said, version=request.version)
    return dispute_view(require(taken.dispute, "dispute"))


@operation(
    "dispute.resolve",
    http="POST /admin/disputes/{dispute_id}/resolve",
    rate=WRITE,
    aliases=("POST /api/disputes/{dispute_id}/resolve",),
    aliased_fields={
        "hunterCents": "amountToHunterCents",
        "posterCents": "amountToPosterCents",
        "reason": "rationale",
    },
)
async def resolve(call: Call, request: Ruling) -> DisputeView:
    """Decide a dispute: the money moves, and the bounty ends, in the same step.

    ``release`` pays the hunter, ``refund`` the poster; the amounts of a ``split`` must sum to what
    is frozen. A decision is made once: the same again answers with it, another is refused.
    """
    found = await find(call, request.dispute_id)
    event, winner = DECISIONS[request.outcome]
    if request.winner not in {None, winner}:
        message = f"A {request.outcome} is won by {winner}."
        raise InvalidRequest(message, issues=[{"path": "winner", "message": message}])
    parts = await _parts(call, found, request)
    words = limits.text(request.rationale, "rationale", *limits.DISPUTE_TEXT_CHARS)
    taken = await judge(call, found, event, Said(text=words, parts=parts))
    if not taken.is_move:
        made = await dispute_records.resolution_of(call.services.db, found.id)
        if made is None or not _is_same(made, parts):
            raise AlreadyMoved("This dispute has been decided already.")
    return dispute_view(require(taken.dispute, "dispute"))


@operation("dispute.escalate", http="POST /admin/disputes/{dispute_id}/escalate", rate=WRITE)
async def escalate(call: Call, request: Escalation) -> DisputeView:
    """Tell all admins that a dispute is urgent; it is under review from then on."""
    found = await find(call, request.dispute_id)
    words = limits.text(request.reason, "reason", *limits.DISPUTE_TEXT_CHARS)
    taken = await judge(call, found, Event.ESCALATE, Said(text=words))
    return dispute_view(require(taken.dispute, "dispute"))


@operation("appeal.answer", http="PATCH /admin/appeals/{appeal_id}", rate=WRITE)
async def answer_appeal(call: Call, request: AnsweredAppeal) -> AppealView:
    """Look at an appeal, reject it, or accept it: each side is adjusted to the new decision.

    An answer is for all open appeals of the dispute; of two, that of the other side fails.
    """
    db = call.services.db
    named = parse_id(request.appeal_id, "appeal")
    found = require(await dispute_records.appeal(db, named), "appeal")
    if request.status == "pending":
        raise Conflict("An appeal that was made waits already.", currentStatus=found.status)
    if found.status == request.status:
        return appeal_view(found)
    row = await find(call, found.dispute_id)
    bounty = require(await bounties.get(db, require(row.bounty_id, "bounty")), "bounty")
    is_posters = found.appellant_id == bounty.poster_id
    event = {
        "reviewing": Event.REVIEW_APPEAL,
        "accepted": Event.UPHOLD_FOR_POSTER if is_posters else Event.UPHOLD_FOR_HUNTER,
        "rejected": Event.REJECT_APPEAL,
    }[request.status]
    notes = limits.optional_text(request.notes, "notes", limits.DISPUTE_TEXT_CHARS[1])
    await judge(call, row, event, Said(text=notes))
    return appeal_view(require(await dispute_records.appeal(db, found.id), "appeal"))


def _statuses(request: ListQueue) -> tuple[Status, ...]:
    if request.status is not None:
        return (Status(request.status),)
    return tuple(Status) if request.appealed else LIVE


async def _parts(call: Call, found: Dispute, request: Ruling) -> Settlement:
    """Return what each side gets; whether it is the whole, the dispute judges."""
    hunter, poster = request.amountToHunterCents, request.amountToPosterCents
    whole = found.frozen_cents
    escrow = await escrows.newest(call.services.db, require(found.bounty_id, "bounty"))
    fee_bps = escrow.platform_fee_bps if escrow else 0
    if request.outcome in {"release", "refund"}:
        due = (whole, 0) if request.outcome == "release" else (0, whole)
        if hunter not in {None, due[0]} or poster not in {None, due[1]}:
            raise InvalidRequest(
                f"A {request.outcome} gives everything to one side.", code="INVALID_SPLIT"
            )
        hunter, poster = due
    if hunter is None or poster is None:
        raise InvalidRequest("Please name the amounts of both sides.", code="INVALID_SPLIT")
    paid = fees.release(hunter, fee_bps)
    return msgspec.structs.replace(paid, refund_cents=poster)


def _is_same(made: Resolution, parts: Settlement) -> bool:
    said = (parts.hunter_cents, parts.refund_cents)
    return (made.hunter_cents, made.poster_cents) == said


async def _advice(call: Call, found: Dispute, bounty: Bounty) -> Advice:
    """Return what the facts suggest."""
    db, hunter_id = call.services.db, bounty.hunter_id
    shown = await dispute_answers.evidence_of(db, found.id)
    work = await submissions.newest(db, bounty.id)
    is_of_hunter = work is not None and work.hunter_id == hunter_id
    ready_at = (await overlays.of_bounty(db, bounty.id)).ready_at
    named = found.cancellation_id
    cancellation = await cancellations.get(db, named) if named else None
    known = await user_stats.of(db, [bounty.poster_id, *([hunter_id] if hunter_id else [])])
    return dispute_advice.advise(
        dispute_advice.Facts(
            work=Work(work.status)
            if work and is_of_hunter
            else (Work.READY if ready_at else Work.NONE),
            revisions=bounty.revision_count,
            hunter_evidence=tuple(e.type for e in shown if e.uploader_id == hunter_id),
            poster_evidence=tuple(e.type for e in shown if e.uploader_id == bounty.poster_id),
            cancelled_by=_side(cancellation.requester_role) if cancellation else None,
            poster=_reputation(known.get(bounty.poster_id)),
            hunter=_reputation(known.get(hunter_id or "")),
        )
    )


def _side(role: str) -> dispute_advice.Side:
    return "poster" if role == "poster" else "hunter"


def _reputation(row: user_stats.Stats | None) -> Reputation:
    if row is None:
        return Reputation()
    return Reputation(
        cancellations=row.cancellation_count + row.withdrawal_count,
        rating_sum_tenths=row.rating_sum_tenths,
        rating_count=row.rating_count,
    )
