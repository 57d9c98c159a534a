"""The search of people (contract rest-core §2.10, J3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from bountyexpo.domain.field_types import Moment, clamped, text
from bountyexpo.domain.search.questions import QUERY_CHARS_MAX, terms_of
from bountyexpo.operations.catalogue import SEARCH, operation
from bountyexpo.persistence.users import search
from bountyexpo.persistence.users.search import PeopleSearch

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.users.search import FoundPerson

LIMIT_MAX: Final = 100


class SearchPeople(msgspec.Struct, kw_only=True):
    """Whom to find."""

    keywords: Annotated[str, text(0, QUERY_CHARS_MAX)]
    sortBy: Literal["date_desc", "date_asc", "username"] | None = None
    limit: Annotated[int, clamped(1, LIMIT_MAX)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0


class PersonView(msgspec.Struct, kw_only=True):
    """Somebody as everybody sees them."""

    id: str
    username: str
    name: str
    display_name: str | None
    avatar_url: str | None
    about: str | None
    joinDate: Moment


class FoundPeople(msgspec.Struct, kw_only=True):
    """One page of people; ``total`` is capped at 1,000."""

    results: list[PersonView]
    total: int
    page: int
    pageSize: int
    hasMore: bool


@operation(
    "user.search",
    http="GET /api/users/search",
    rate=SEARCH,
    aliased_fields={"q": "keywords", "search": "keywords"},
)
async def search_people(call: Call, request: SearchPeople) -> FoundPeople:
    """Find people by the beginnings of words in their names and in what they say of themselves.

    Who is blocked, or blocks the caller, is not found.
    """
    limit = max(1, min(request.limit, LIMIT_MAX))
    wanted = PeopleSearch(
        terms=terms_of(request.keywords),
        viewer_id=call.user_id,
        sort=request.sortBy,
        limit=limit,
        offset=request.offset,
    )
    people, total = await search.search(call.services.db, wanted)
    return FoundPeople(
        results=[_view(person) for person in people],
        total=total,
        page=request.offset // limit + 1,
        pageSize=limit,
        hasMore=request.offset + limit < total,
    )


def _view(person: FoundPerson) -> PersonView:
    return PersonView(
        id=person.id,
        username=person.username,
        name=person.display_name or person.username,
        display_name=person.display_name,
        avatar_url=person.avatar_url,
        about=person.about,
        joinDate=person.created_at,
    )
