"""The shapes of an application on the wire (contract rest-core §4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.domain import amounts
from bountyexpo.domain.field_types import Id, Moment
from bountyexpo.operations.market.bounty_views import Page

if TYPE_CHECKING:
    from bountyexpo.persistence.market.bounties import Bounty
    from bountyexpo.persistence.market.request_lists import Summary
    from bountyexpo.persistence.market.requests import Application


class RequestById(msgspec.Struct, kw_only=True):
    """One application."""

    request_id: Id


class RequestView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An application with its hunter's public profile."""

    id: str
    bounty_id: str
    hunter_id: str
    user_id: str
    poster_id: str
    status: str
    message: str | None
    proposed_completion_date: Moment | None
    estimated_duration: str | None
    created_at: Moment
    updated_at: Moment
    profile: dict[str, Any]
    profiles: dict[str, Any]
    bounty: dict[str, Any] | None = None
    bounties: dict[str, Any] | None = None


class RequestPage(Page, kw_only=True):
    """One page of applications under the names that the different clients read."""

    requests: list[RequestView]
    data: list[RequestView]


def request_view(row: Application, bounty: Bounty | Summary | None = None) -> RequestView:
    """Return the wire shape of an application, with its bounty where that is at hand."""
    profile = {
        "id": row.hunter_id,
        "username": row.username,
        "avatar": row.avatar_url,
        "avatar_url": row.avatar_url,
        "averageRating": row.hunter_rated.average,
        "ratingCount": row.hunter_rated.count,
    }
    about = _bounty_summary(bounty) if bounty else None
    return RequestView(
        id=row.id,
        bounty_id=row.bounty_id,
        hunter_id=row.hunter_id,
        user_id=row.hunter_id,
        poster_id=row.poster_id,
        status=row.status,
        message=row.message,
        proposed_completion_date=row.proposed_completion_at,
        estimated_duration=row.estimated_duration,
        created_at=row.created_at,
        updated_at=row.updated_at,
        profile=profile,
        profiles=profile,
        bounty=about,
        bounties=about,
    )


def _bounty_summary(bounty: Bounty | Summary) -> dict[str, Any]:
    return {
        "id": bounty.id,
        "title": bounty.title,
        "amount": amounts.dollars(bounty.amount_cents),
        "location": bounty.location_text,
        "work_type": bounty.work_type,
        "deadline": bounty.deadline,
        "is_for_honor": bounty.is_for_honor,
        "status": str(bounty.status),
    }
