"""Bounties that are much looked at now (contract rest-core §2.10, J5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from bountyexpo.domain.field_types import clamped
from bountyexpo.operations.catalogue import READ, operation
from bountyexpo.operations.market.bounty_views import BountyView, bounty_view
from bountyexpo.persistence.market.search import trending

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call

LIMIT_MAX: Final = 100


class ListTrending(msgspec.Struct, kw_only=True):
    """How many to list."""

    limit: Annotated[int, clamped(1, LIMIT_MAX)] = 20


class TrendingBounty(BountyView, kw_only=True):
    """A bounty, and how much it is trending: up to 150 points."""

    trendingScore: float


class TrendingBounties(msgspec.Struct, kw_only=True):
    """What is trending, the highest score first."""

    bounties: list[TrendingBounty]
    count: int


@operation("bounty.trending", http="GET /api/bounties/trending", rate=READ)
async def list_trending(call: Call, request: ListTrending) -> TrendingBounties:
    """List open bounties of the last week by how new and how well paid they are."""
    viewer_id = call.identity.user_id if call.identity else None
    limit, now = max(1, min(request.limit, LIMIT_MAX)), call.services.clock.now()
    rows = await trending.trending(call.services.db, viewer_id, now, limit)
    views = [
        TrendingBounty(
            **msgspec.structs.asdict(bounty_view(bounty, viewer_id)), trendingScore=score
        )
        for bounty, score in rows
    ]
    return TrendingBounties(bounties=views, count=len(views))
