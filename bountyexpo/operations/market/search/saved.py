"""Saved and recent searches (contract rest-core §2.10, J6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

from bountyexpo.domain import limits
from bountyexpo.domain.field_types import Id, Moment, text
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.search.questions import QUERY_CHARS_MAX
from bountyexpo.operations.catalogue import READ, WRITE, operation
from bountyexpo.operations.idempotency.keeps import Keeps
from bountyexpo.operations.market.search.bounties import (
    BountyFilters,
    filters_of,
    wanted,
)
from bountyexpo.operations.market.search.feeds import name_of
from bountyexpo.operations.require import parse_id
from bountyexpo.persistence.market.search import saved
from bountyexpo.persistence.market.search.saved import NewSearch

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.market.search.saved import SavedSearch

NAME_CHARS: Final = (1, 100)

Kind = Literal["bounty", "user"]
Query = Annotated[str, text(0, QUERY_CHARS_MAX)]


class NewSavedSearch(msgspec.Struct, kw_only=True):
    """A search to keep; alerts tell of new bounties that it would find."""

    name: Annotated[str, text(*NAME_CHARS)]
    type: Kind = "bounty"
    query: Query = ""
    filters: BountyFilters = msgspec.field(default_factory=BountyFilters)
    alertsEnabled: bool = False


class SavedSearchView(msgspec.Struct, kw_only=True):
    """A search that is kept; ``topic`` is what a socket follows to hear of it live."""

    id: str
    userId: str
    name: str
    type: str
    query: str
    filters: dict[str, Any]
    alertsEnabled: bool
    createdAt: Moment
    lastNotifiedAt: Moment | None
    topic: str | None


class SavedSearches(msgspec.Struct, kw_only=True):
    """The caller's saved searches, the newest first."""

    searches: list[SavedSearchView]


class SavedSearchById(msgspec.Struct, kw_only=True):
    """One saved search."""

    searchId: Id


class Forgotten(msgspec.Struct, kw_only=True):
    """It is not there any more."""

    success: bool = True


class NewRecentSearch(msgspec.Struct, kw_only=True):
    """What was looked for."""

    type: Kind = "bounty"
    query: Annotated[str, text(1, QUERY_CHARS_MAX)]
    filters: BountyFilters = msgspec.field(default_factory=BountyFilters)


class RecentSearchView(msgspec.Struct, kw_only=True):
    """What was looked for, and when last."""

    type: str
    query: str
    filters: dict[str, Any]
    searchedAt: Moment


class RecentSearches(msgspec.Struct, kw_only=True):
    """What the caller looked for last, each question once, the latest first."""

    searches: list[RecentSearchView]


@operation("search.saved", http="GET /api/search/saved", rate=READ)
async def list_saved(call: Call) -> SavedSearches:
    """List the caller's saved searches."""
    rows = await saved.of_user(call.services.db, call.user_id)
    return SavedSearches(searches=[_view(row) for row in rows])


@operation(
    "search.save",
    http="POST /api/search/saved",
    rate=WRITE,
    status=201,
    keeps=Keeps.NOTHING,
)
async def save(call: Call, request: NewSavedSearch) -> SavedSearchView:
    """Keep a search, up to fifty of them; one of the same name is replaced."""
    # What could never be asked is not kept.
    asked = filters_of(wanted(request.query, request.filters))
    new = NewSearch(
        name=limits.text(request.name, "name", *NAME_CHARS),
        type=request.type,
        query=request.query.strip(),
        filters=msgspec.to_builtins(request.filters),
        wanted=asked if request.type == "bounty" else None,
        alerts_enabled=request.alertsEnabled,
    )
    async with call.services.db.transaction() as tx:
        row = await saved.save(tx, new_id(), call.user_id, new)
    return _view(row)


@operation(
    "search.unsave", http="DELETE /api/search/saved/{searchId}", rate=WRITE, keeps=Keeps.NOTHING
)
async def unsave(call: Call, request: SavedSearchById) -> Forgotten:
    """Forget a saved search of the caller; repeating it changes nothing."""
    search_id = parse_id(request.searchId, "saved search")
    await saved.delete(call.services.db, search_id, call.user_id)
    return Forgotten()


@operation("search.recent", http="GET /api/search/recent", rate=READ)
async def list_recent(call: Call) -> RecentSearches:
    """List what the caller looked for last, up to ten."""
    rows = await saved.recent(call.services.db, call.user_id)
    return RecentSearches(
        searches=[
            RecentSearchView(
                type=row.type, query=row.query, filters=row.filters, searchedAt=row.searched_at
            )
            for row in rows
        ]
    )


@operation("search.note", http="POST /api/search/recent", rate=WRITE, keeps=Keeps.NOTHING)
async def note_recent(call: Call, request: NewRecentSearch) -> RecentSearches:
    """Remember what was looked for; the same question again only moves to the front."""
    filters = msgspec.to_builtins(request.filters)
    async with call.services.db.transaction() as tx:
        await saved.note(tx, call.user_id, request.type, request.query.strip(), filters)
    return await list_recent(call)


@operation("search.forget", http="DELETE /api/search/recent", rate=WRITE, keeps=Keeps.NOTHING)
async def forget_recent(call: Call) -> Forgotten:
    """Forget what the caller looked for."""
    await saved.forget_recent(call.services.db, call.user_id)
    return Forgotten()


def _view(row: SavedSearch) -> SavedSearchView:
    topic = None
    if row.type == "bounty":
        fields = msgspec.convert(row.filters, BountyFilters, strict=False)
        topic = name_of(wanted(row.query, fields))
    return SavedSearchView(
        id=row.id,
        userId=row.user_id,
        name=row.name,
        type=row.type,
        query=row.query,
        filters=row.filters,
        alertsEnabled=row.alerts_enabled,
        createdAt=row.created_at,
        lastNotifiedAt=row.last_notified_at,
        topic=topic,
    )
