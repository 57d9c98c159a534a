"""The shapes of a bounty on the wire, under every name that clients read (rest-core §4.3, §4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bountyexpo.domain import amounts
from bountyexpo.domain.field_types import Id, Moment
from bountyexpo.domain.market.cancellation import recommended_refund_percentage
from bountyexpo.operations.cursor import encode_cursor

if TYPE_CHECKING:
    from bountyexpo.persistence.market.bounties import Bounty


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
    username: str
    poster_avatar: str | None
    recommended_refund_percentage: int
    version: int
    created_at: Moment
    updated_at: Moment


class BountyPagination(msgspec.Struct, kw_only=True):
    """Where a page stands in the whole; ``total`` is capped at 10,000."""

    page: int
    limit: int
    total: int
    totalPages: int
    hasMore: bool
    nextCursor: str | None


class BountyPage(msgspec.Struct, kw_only=True):
    """One page under the names that the different clients read."""

    bounties: list[BountyView]
    data: list[BountyView]
    pagination: BountyPagination
    meta: dict[str, int]
    count: int
    total: int
    page: int
    pageSize: int
    hasMore: bool


def bounty_view(bounty: Bounty) -> BountyView:
    """Return the public shape of a bounty."""
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
        username=bounty.username,
        poster_avatar=bounty.poster_avatar,
        recommended_refund_percentage=recommended_refund_percentage(
            bounty.status, has_hunter=bounty.hunter_id is not None
        ),
        version=bounty.version,
        created_at=bounty.created_at,
        updated_at=bounty.updated_at,
    )


def page_view(rows: list[Bounty], limit: int, page: int, total: int) -> BountyPage:
    """Return one page; ``rows`` may have one row more than is shown."""
    has_more, shown = len(rows) > limit, rows[:limit]
    views = [bounty_view(row) for row in shown]
    cursor = encode_cursor(shown[-1].created_at, shown[-1].id) if has_more else None
    return BountyPage(
        bounties=views,
        data=views,
        pagination=BountyPagination(
            page=page,
            limit=limit,
            total=total,
            totalPages=-(-total // limit),
            hasMore=has_more,
            nextCursor=cursor,
        ),
        meta={"limit": limit, "count": len(views)},
        count=len(views),
        total=total,
        page=page,
        pageSize=limit,
        hasMore=has_more,
    )
