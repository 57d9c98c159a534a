"""Disputes as their sides see them: opened, read, let go, appealed (rest-core §2.6, F8 to F10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from bountyexpo.actors.market.bounty_messages import Said, TakeDisputeStep, TakeStep
from bountyexpo.domain import limits
from bountyexpo.domain.access import Caller, caller_of
from bountyexpo.domain.field_types import Cursor, Id, clamped, text
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.access import GRANTS
from bountyexpo.domain.market.bounty import Event as BountyEvent
from bountyexpo.domain.market.bounty import Stage
from bountyexpo.domain.market.dispute import Event
from bountyexpo.errors import AlreadyMoved, NotFound, NotUploaded
from bountyexpo.operations.catalogue import READ, WRITE, operation
from bountyexpo.operations.cursor import decode_cursor, encode_cursor
from bountyexpo.operations.market.disputes.views import (
    AppealView,
    DisputeCase,
    DisputePage,
    DisputeView,
    appeal_view,
    comment_view,
    dispute_view,
    evidence_view,
    page_view,
    resolution_view,
)
from bountyexpo.operations.require import parse_id, require
from bountyexpo.persistence.market import (
    bounties,
    cancellations,
    dispute_answers,
    dispute_records,
    disputes,
)
from bountyexpo.persistence.market.disputes import Page

if TYPE_CHECKING:
    from bountyexpo.actors.market.bounty_messages import StepTaken
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.market.disputes import Dispute

Words = Annotated[str, text(*limits.DISPUTE_TEXT_CHARS)]
COMMITTED_MAX = 20
PAGE_LIMIT_MAX = 200


class NewDispute(msgspec.Struct, kw_only=True):
    """What a side does not agree with."""

    bounty_id: Id
    stage: Stage
    reason: Words


class EvidenceForDispute(msgspec.Struct, kw_only=True):
    """A cancellation that a side does not agree with, and what was staged about it."""

    evidenceIds: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=COMMITTED_MAX)]
    cancellationId: Id
    reason: Annotated[str, text(*limits.DISPUTE_COMMIT_CHARS)]


class OpenedDispute(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The dispute; ``idempotent`` where there was one already."""

    disputeId: str
    idempotent: bool = False


class DisputeById(msgspec.Struct, kw_only=True):
    """One dispute."""

    dispute_id: Id


class ListDisputes(msgspec.Struct, kw_only=True):
    """Which of the caller's disputes to list."""

    bounty_id: Id | None = None
    limit: Annotated[int, clamped(1, PAGE_LIMIT_MAX)] = 50
    cursor: Cursor | None = None


class NewAppeal(msgspec.Struct, kw_only=True):
    """Why a decision should be looked at again."""

    dispute_id: Id
    reason: Words


@operation(
    "dispute.open",
    http="POST /api/disputes",
    rate=WRITE,
    status=201,
    repeat_status=200,
    aliased_fields={"bountyId": "bounty_id", "dispute_stage": "stage"},
)
async def open_dispute(call: Call, request: NewDispute) -> DisputeView:
    """Ask an admin to judge; the price is frozen, and one dispute is open at a time.

    While one is open, another request answers 200 with it.
    """
    said = Said(text=_words(request.reason), stage=request.stage)
    taken = await _dispute(call, parse_id(request.bounty_id, "bounty"), said)
    return dispute_view(require(taken.dispute, "dispute"))


@operation(
    "dispute.commit",
    http="POST /api/disputes/commit",
    rate=WRITE,
    status=201,
    repeat_status=200,
    aliased_fields={"evidence_ids": "evidenceIds", "cancellation_id": "cancellationId"},
)
async def commit_dispute(call: Call, request: EvidenceForDispute) -> OpenedDispute:
    """Dispute a cancellation, with the evidence that was staged for it.

    An open dispute is answered 200 with ``idempotent``. Evidence that is not the caller's is not
    there: 404 with ``missing``; what is not uploaded, or not in time, is 422 with ``notUploaded``.
    """
    db = call.services.db
    named = parse_id(request.cancellationId, "cancellation")
    cancellation = require(await cancellations.get(db, named), "cancellation")
    bounty = require(await bounties.get(db, cancellation.bounty_id), "bounty")
    caller = caller_of(call.identity, poster_id=bounty.poster_id, hunter_id=bounty.hunter_id)
    GRANTS["dispute.commit"].check(caller)
    newest = await cancellations.newest(db, bounty.id)
    if newest is None or newest.id != cancellation.id:
        raise AlreadyMoved("A newer request has replaced this one.", code="CANCELLATION_REPLACED")
    ids = tuple(dict.fromkeys(parse_id(each, "evidence") for each in request.evidenceIds))
    await _check_staged(call, cancellation.id, ids)
    reason = limits.text(request.reason, "reason", *limits.DISPUTE_COMMIT_CHARS)
    said = Said(text=reason, stage=Stage.CANCELLATION, staged=ids)
    taken = await _dispute(call, bounty.id, said)
    dispute_id = require(taken.dispute, "dispute").id
    return OpenedDispute(disputeId=dispute_id, idempotent=call.reply_status == 200)


@operation("dispute.get", http="GET /api/disputes/{dispute_id}", rate=READ)
async def get_dispute(call: Call, request: DisputeById) -> DisputeCase:
    """Read a dispute with what was said and shown; only its two sides may."""
    found = await find(call, request.dispute_id)
    GRANTS["dispute.get"].check(await _caller(call, found))
    return await case(call, found, for_admins=False)


@operation(
    "dispute.list",
    http="GET /api/disputes",
    rate=READ,
    aliased_fields={"bountyId": "bounty_id"},
)
async def list_disputes(call: Call, request: ListDisputes) -> DisputePage:
    """List the disputes in which the caller is a side, of one bounty or of all; newest first."""
    limit = max(1, min(request.limit, PAGE_LIMIT_MAX))
    bounty_id = parse_id(request.bounty_id, "bounty") if request.bounty_id else None
    wanted = Page(bounty_id=bounty_id, limit=limit + 1)
    if request.cursor is not None:
        wanted.before, wanted.before_id = decode_cursor(request.cursor)
    rows = await disputes.of_side(call.services.db, call.user_id, wanted)
    return page(rows, limit)


@operation("dispute.withdraw", http="POST /api/disputes/{dispute_id}/withdraw", rate=WRITE)
async def withdraw_dispute(call: Call, request: DisputeById) -> DisputeView:
    """Let a dispute go that the caller has opened: the bounty goes on where it was."""
    taken = await judge(call, await find(call, request.dispute_id), Event.WITHDRAW)
    return dispute_view(require(taken.dispute, "dispute"))


@operation(
    "dispute.appeal",
    http="POST /api/disputes/{dispute_id}/appeals",
    rate=WRITE,
    status=201,
    repeat_status=200,
    aliases=("POST /disputes/{dispute_id}/appeals", "POST /api/disputes/{dispute_id}/appeal"),
)
async def appeal(call: Call, request: NewAppeal) -> AppealView:
    """Ask for another look at a decision; within seven days of it, and once for each side."""
    found = await find(call, request.dispute_id)
    said = Said(text=_words(request.reason))
    await judge(call, found, Event.APPEAL, said, repeats=True)
    made = await dispute_records.appeals_of(call.services.db, found.id)
    mine = [row for row in made if row.appellant_id == call.user_id]
    return appeal_view(mine[-1])


async def find(call: Call, dispute_id: str) -> Dispute:
    """Return the dispute that is named.

    Raises:
        NotFound: there is none.
    """
    named = parse_id(dispute_id, "dispute")
    return require(await disputes.get(call.services.db, named), "dispute")


async def judge(
    call: Call,
    found: Dispute,
    event: Event,
    said: Said | None = None,
    *,
    version: int | None = None,
    repeats: bool = False,
) -> StepTaken:
    """Let the caller take a step of a dispute; with ``repeats`` one taken before answers 200."""
    taken = await call.services.actors.bounty(require(found.bounty_id, "bounty")).ask(
        TakeDisputeStep(
            dispute_id=found.id,
            event=event,
            actor_id=call.user_id,
            role=Role.ADMIN if call.is_admin else None,
            version=version,
            said=said or Said(),
        )
    )
    if repeats and not (taken.is_move or call.is_repeat):
        call.reply_status = 200
    return taken


async def case(call: Call, found: Dispute, *, for_admins: bool) -> DisputeCase:
    """Return a dispute with what belongs to it; internal notes are for admins."""
    db = call.services.db
    resolution = await dispute_records.resolution_of(db, found.id)
    said = await dispute_answers.comments_of(db, found.id, for_admins=for_admins)
    return DisputeCase(
        dispute=dispute_view(found),
        evidence=[evidence_view(row) for row in await dispute_answers.evidence_of(db, found.id)],
        comments=[comment_view(row) for row in said],
        appeals=[appeal_view(row) for row in await dispute_records.appeals_of(db, found.id)],
        resolution=resolution_view(resolution) if resolution else None,
    )


def page(rows: list[Dispute], limit: int) -> DisputePage:
    """Return one page of rows of which there may be one more than is shown."""
    last = rows[limit - 1] if len(rows) > limit else None
    cursor = encode_cursor(last.created_at, last.id) if last else None
    return page_view(rows[:limit], limit, cursor)


async def _dispute(call: Call, bounty_id: str, said: Said) -> StepTaken:
    message = TakeStep(event=BountyEvent.DISPUTE, actor_id=call.user_id, said=said)
    taken = await call.services.actors.bounty(bounty_id).ask(message)
    if not (taken.is_move or call.is_repeat):
        call.reply_status = 200
    return taken


async def _check_staged(call: Call, cancellation_id: str, ids: tuple[str, ...]) -> None:
    """Refuse evidence that is not there; what an earlier attempt has shown is."""
    db = call.services.db
    found = {row.id: row for row in await dispute_answers.staged(db, ids)}
    mine = {name: row for name, row in found.items() if row.uploader_id == call.user_id}
    fields: dict[str, Any] = {"missing": [name for name in ids if name not in mine]}
    if fields["missing"]:
        raise NotFound("Some of this evidence does not exist.", **fields)
    now, waiting = call.services.clock.now(), []
    for name, row in mine.items():
        shown = await disputes.get(db, row.dispute_id) if row.dispute_id else None
        is_shown_here = shown is not None and shown.cancellation_id == cancellation_id
        if not (is_shown_here or row.is_ready(now)):
            waiting.append(name)
    if waiting:
        raise NotUploaded(notUploaded=waiting)


async def _caller(call: Call, found: Dispute) -> Caller:
    """Return what the caller is to a dispute; one of the service is between the bounty's sides."""
    sides = {"poster_id": found.initiator_id, "hunter_id": found.respondent_id}
    if found.initiator_id is None and found.bounty_id is not None:
        bounty = require(await bounties.get(call.services.db, found.bounty_id), "bounty")
        sides = {"poster_id": bounty.poster_id, "hunter_id": bounty.hunter_id}
    return caller_of(call.identity, **sides)


def _words(value: str) -> str:
    return limits.text(value, "reason", *limits.DISPUTE_TEXT_CHARS)
