"""The shapes of a dispute on the wire (rest-core §2.6, operations §2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bountyexpo.domain import amounts
from bountyexpo.domain.field_types import Moment

if TYPE_CHECKING:
    from bountyexpo.persistence.market.dispute_answers import Comment, StoredEvidence
    from bountyexpo.persistence.market.dispute_records import Appeal, Resolution
    from bountyexpo.persistence.market.disputes import Dispute


class DisputeView(msgspec.Struct, kw_only=True):
    """A dispute; ``hold_amount`` is what is frozen, in dollars."""

    id: str
    bounty_id: str | None
    cancellation_id: str | None
    stage: str
    dispute_stage: str
    initiator_id: str | None
    respondent_id: str | None
    reason: str
    status: str
    winner: str | None
    resolution: str | None
    resolved_by: str | None
    resolved_at: Moment | None
    hold_amount: float
    frozen_cents: int
    auto_close_at: Moment | None
    escalated: bool
    escalated_at: Moment | None
    has_open_appeal: bool
    last_activity_at: Moment
    version: int
    created_at: Moment


class EvidenceView(msgspec.Struct, kw_only=True):
    """What a side shows; ``content`` is the text, or an address."""

    id: str
    dispute_id: str | None
    uploaded_by: str
    type: str
    content: str
    description: str | None
    created_at: Moment


class CommentView(msgspec.Struct, kw_only=True):
    """What somebody says."""

    id: str
    dispute_id: str
    user_id: str
    comment: str
    is_internal: bool
    created_at: Moment


class AppealView(msgspec.Struct, kw_only=True):
    """What a side says against a decision, and what became of it."""

    id: str
    dispute_id: str
    appellant_id: str
    reason: str
    status: str
    reviewed_by: str | None
    review_notes: str | None
    reviewed_at: Moment | None
    created_at: Moment


class ResolutionView(msgspec.Struct, kw_only=True):
    """What each side got; the parts sum to what was frozen."""

    outcome: str
    amountToHunterCents: int
    amountToPosterCents: int
    feeCents: int
    rationale: str


class DisputeCase(msgspec.Struct, kw_only=True):
    """A dispute with all that its sides may see of it."""

    dispute: DisputeView
    evidence: list[EvidenceView]
    comments: list[CommentView]
    appeals: list[AppealView]
    resolution: ResolutionView | None


class DisputePagination(msgspec.Struct, kw_only=True):
    """Where a page of disputes stands, and how to get the next one."""

    limit: int
    hasMore: bool
    nextCursor: str | None


class DisputePage(msgspec.Struct, kw_only=True):
    """One page of disputes."""

    disputes: list[DisputeView]
    pagination: DisputePagination


def dispute_view(row: Dispute) -> DisputeView:
    """Return the wire shape of a dispute."""
    return DisputeView(
        id=row.id,
        bounty_id=row.bounty_id,
        cancellation_id=row.cancellation_id,
        stage=row.stage.value,
        dispute_stage=row.stage.value,
        initiator_id=row.initiator_id,
        respondent_id=row.respondent_id,
        reason=row.reason,
        status=row.status.value,
        winner=row.winner,
        resolution=row.resolution,
        resolved_by=row.resolved_by,
        resolved_at=row.resolved_at,
        hold_amount=amounts.dollars(row.frozen_cents),
        frozen_cents=row.frozen_cents,
        auto_close_at=row.auto_close_at,
        escalated=row.escalated_at is not None,
        escalated_at=row.escalated_at,
        has_open_appeal=row.has_open_appeal,
        last_activity_at=row.last_activity_at,
        version=row.version,
        created_at=row.created_at,
    )


def evidence_view(row: StoredEvidence) -> EvidenceView:
    """Return the wire shape of evidence."""
    return EvidenceView(
        id=row.id,
        dispute_id=row.dispute_id,
        uploaded_by=row.uploader_id,
        type=row.type,
        content=row.body,
        description=row.description,
        created_at=row.staged_at,
    )


def comment_view(row: Comment) -> CommentView:
    """Return the wire shape of a comment."""
    return CommentView(
        id=row.id,
        dispute_id=row.dispute_id,
        user_id=row.author_id,
        comment=row.comment,
        is_internal=row.is_internal,
        created_at=row.created_at,
    )


def appeal_view(row: Appeal) -> AppealView:
    """Return the wire shape of an appeal."""
    return AppealView(
        id=row.id,
        dispute_id=row.dispute_id,
        appellant_id=row.appellant_id,
        reason=row.reason,
        status=row.status,
        reviewed_by=row.reviewed_by,
        review_notes=row.notes,
        reviewed_at=row.reviewed_at,
        created_at=row.created_at,
    )


def resolution_view(row: Resolution) -> ResolutionView:
    """Return the wire shape of a decision."""
    return ResolutionView(
        outcome=row.outcome,
        amountToHunterCents=row.hunter_cents,
        amountToPosterCents=row.poster_cents,
        feeCents=row.fee_cents,
        rationale=row.rationale,
    )


def page_view(rows: list[Dispute], limit: int, cursor: str | None) -> DisputePage:
    """Return one page; ``cursor`` begins the next one, if there is one."""
    return DisputePage(
        disputes=[dispute_view(row) for row in rows],
        pagination=DisputePagination(limit=limit, hasMore=cursor is not None, nextCursor=cursor),
    )
