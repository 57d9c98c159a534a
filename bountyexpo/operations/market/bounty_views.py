"""The shapes of a bounty on the wire, under every name that clients read (rest-core §4.3, §4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from bountyexpo.domain import amounts
from bountyexpo.domain.field_types import Id, Moment
from bountyexpo.domain.market.cancellation import recommended_refund_percentage

if TYPE_CHECKING:
    from bountyexpo.persistence.market.bounties import Bounty


# How the price is held: in the wallet's escrow, or by a card payment.
WALLET: Final = 1
CARD: Final = 2


class BountyById(msgspec.Struct, kw_only=True):
    """One bounty."""

    bounty_id: Id


class BountyView(msgspec.Struct, kw_only=True):
    """A bounty with every name that clients read it by."""

    id: str
    title: str
    description: str
    amount: float
    amount_cents: int
    is_for_honor: bool
    status: str
    location: str | None
    latitude: float | None
    longitude: float | None
    zip_code: str | None
    timeline: str
    skills_required: str
    skills: list[str]
    work_type: str
    category: str | None
    is_time_sensitive: bool
    deadline: str | None
    schedule_type: str | None
    start_date: Moment | None
    end_date: Moment | None
    latest_arrival_time: Moment | None
    duration_minutes: int | None
    conditional_end_note: str | None
    attachments_json: str
    # In a list, where they are large: read the bounty itself.
    attachments_omitted: bool
    poster_id: str
    user_id: str
    creator_id: str
    accepted_by: str | None
    hunter_id: str | None
    accepted_request_id: str | None
    is_stale: bool
    stale_reason: str | None
    stale_detected_at: Moment | None
    username: str
    poster_avatar: str | None
    averageRating: float
    ratingCount: int
    # For its two sides only.
    payment_intent_id: str | None
    payment_architecture_version: int
    recommended_refund_percentage: int
    version: int
    created_at: Moment
    updated_at: Moment
    completed_at: Moment | None
    archived_at: Moment | None
    deleted_at: Moment | None


class Pagination(msgspec.Struct, kw_only=True):
    """Where a page stands in the whole; ``total`` is capped at 1,000."""

    page: int
    limit: int
    total: int
    totalPages: int
    hasMore: bool
    nextCursor: str | None


class Page(msgspec.Struct, kw_only=True):
    """Where a page stands, in the words of every client."""

    pagination: Pagination
    meta: dict[str, int]
    count: int
    total: int
    page: int
    pageSize: int
    hasMore: bool


class BountyPage(Page, kw_only=True, omit_defaults=True):
    """One page under the names that the different clients read."""

    bounties: list[BountyView]
    # The same again, unless a page was asked for by its number.
    data: list[BountyView] | None = None


def bounty_view(bounty: Bounty, viewer_id: str | None = None) -> BountyView:
    """Return the shape of a bounty, with what only its sides may know where the viewer is one."""
    is_side = viewer_id is not None and viewer_id in {bounty.poster_id, bounty.hunter_id}
    return BountyView(
        id=bounty.id,
        title=bounty.title,
        description=bounty.description,
        amount=amounts.dollars(bounty.amount_cents),
        amount_cents=bounty.amount_cents,
        is_for_honor=bounty.is_for_honor,
        status=bounty.status.value,
        location=bounty.location_text,
        latitude=bounty.latitude,
        longitude=bounty.longitude,
        zip_code=bounty.zip_code,
        timeline=bounty.timeline,
        skills_required=bounty.skills_required,
        skills=[skill for each in bounty.skills_required.split(",") if (skill := each.strip())],
        work_type=bounty.work_type,
        category=bounty.category,
        is_time_sensitive=bounty.is_time_sensitive,
        deadline=bounty.deadline,
        schedule_type=bounty.schedule_type,
        start_date=bounty.start_date,
        end_date=bounty.end_date,
        latest_arrival_time=bounty.latest_arrival_time,
        duration_minutes=bounty.duration_minutes,
        conditional_end_note=bounty.conditional_end_note,
        attachments_json=msgspec.json.encode(bounty.attachments).decode(),
        attachments_omitted=bounty.are_attachments_omitted,
        poster_id=bounty.poster_id,
        user_id=bounty.poster_id,
        creator_id=bounty.poster_id,
        accepted_by=bounty.hunter_id,
        hunter_id=bounty.hunter_id,
        accepted_request_id=bounty.accepted_request_id,
        is_stale=bounty.is_stale,
        stale_reason=bounty.stale_reason,
        stale_detected_at=bounty.stale_detected_at,
        username=bounty.username,
        poster_avatar=bounty.poster_avatar,
        averageRating=bounty.poster_rated.average,
        ratingCount=bounty.poster_rated.count,
        payment_intent_id=bounty.payment_intent_id if is_side else None,
        payment_architecture_version=WALLET if bounty.payment_intent_id is None else CARD,
        recommended_refund_percentage=recommended_refund_percentage(
            bounty.status, has_hunter=bounty.hunter_id is not None
        ),
        version=bounty.version,
        created_at=bounty.created_at,
        updated_at=bounty.updated_at,
        completed_at=bounty.completed_at,
        archived_at=bounty.archived_at,
        deleted_at=bounty.deleted_at,
    )


def place_of(
    count: int, *, limit: int, page: int | None, total: int, cursor: str | None
) -> dict[str, Any]:
    """Return the fields of a ``Page`` of so many rows, continued by ``cursor``."""
    number, has_more = page or 1, cursor is not None
    return {
        "pagination": Pagination(
            page=number,
            limit=limit,
            total=total,
            totalPages=-(-total // limit),
            hasMore=has_more,
            nextCursor=cursor,
        ),
        "meta": {"limit": limit, "count": count},
        "count": count,
        "total": total,
        "page": number,
        "pageSize": limit,
        "hasMore": has_more,
    }
