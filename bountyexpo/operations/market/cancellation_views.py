"""The shape of a cancellation on the wire: in the app's words, and as it is stored (§4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bountyexpo.domain import amounts
from bountyexpo.domain.field_types import Moment

if TYPE_CHECKING:
    from bountyexpo.persistence.market.cancellations import Cancellation


class CancellationView(msgspec.Struct, kw_only=True):
    """A cancellation under both of its names."""

    id: str
    bountyId: str
    requesterId: str
    requesterType: str
    reason: str
    status: str
    responderId: str | None
    responseMessage: str | None
    refundAmount: float
    refundPercentage: float
    createdAt: Moment
    updatedAt: Moment
    resolvedAt: Moment | None
    bounty_id: str
    requester_id: str
    requester_type: str
    responder_id: str | None
    response_message: str | None
    refund_amount: float
    refund_cents: int
    refund_percentage: float
    created_at: Moment
    updated_at: Moment
    resolved_at: Moment | None


class CancellationPagination(msgspec.Struct, kw_only=True):
    """Where a page of cancellations stands, and how to get the next one."""

    limit: int
    hasMore: bool
    nextCursor: str | None


class CancellationPage(msgspec.Struct, kw_only=True):
    """One page of cancellations."""

    cancellations: list[CancellationView]
    pagination: CancellationPagination


def cancellation_view(row: Cancellation) -> CancellationView:
    """Return the wire shape of a cancellation."""
    dollars, percentage = amounts.dollars(row.refund_cents), row.refund_bps / 100
    return CancellationView(
        id=row.id,
        bountyId=row.bounty_id,
        requesterId=row.requester_id,
        requesterType=row.requester_role,
        reason=row.reason,
        status=row.status.value,
        responderId=row.responder_id,
        responseMessage=row.response_message,
        refundAmount=dollars,
        refundPercentage=percentage,
        createdAt=row.created_at,
        updatedAt=row.updated_at,
        resolvedAt=row.resolved_at,
        bounty_id=row.bounty_id,
        requester_id=row.requester_id,
        requester_type=row.requester_role,
        responder_id=row.responder_id,
        response_message=row.response_message,
        refund_amount=dollars,
        refund_cents=row.refund_cents,
        refund_percentage=percentage,
        created_at=row.created_at,
        updated_at=row.updated_at,
        resolved_at=row.resolved_at,
    )


def page_view(rows: list[Cancellation], limit: int, cursor: str | None) -> CancellationPage:
    """Return one page; ``cursor`` begins the next one, if there is one."""
    return CancellationPage(
        cancellations=[cancellation_view(row) for row in rows],
        pagination=CancellationPagination(
            limit=limit, hasMore=cursor is not None, nextCursor=cursor
        ),
    )
