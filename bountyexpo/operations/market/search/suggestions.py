"""What somebody who types may mean (contract rest-core §2.10, J4)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from bountyexpo.domain import amounts
from bountyexpo.domain.field_types import text
from bountyexpo.domain.market.search.filters import Filters
from bountyexpo.domain.search.questions import QUERY_CHARS_MAX, terms_of
from bountyexpo.domain.search.words import fold
from bountyexpo.operations.catalogue import SEARCH, operation
from bountyexpo.persistence.market.search import finding
from bountyexpo.persistence.market.search.finding import Search
from bountyexpo.persistence.users import search as people
from bountyexpo.persistence.users.search import PeopleSearch

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.market.bounties import Bounty

BOUNTIES: Final = 3
PEOPLE: Final = 3
SKILLS: Final = 2
# So many bounties are asked for skills that contain the text.
SKILLS_FROM: Final = 50


class Suggest(msgspec.Struct, kw_only=True):
    """What was typed so far."""

    q: Annotated[str, text(0, QUERY_CHARS_MAX)]
    type: Literal["bounty", "user", "skill"] | None = None


class Suggestion(msgspec.Struct, kw_only=True):
    """Something that may be meant; the id begins with its type."""

    id: str
    text: str
    type: str
    subtitle: str | None
    icon: str


class Suggestions(msgspec.Struct, kw_only=True):
    """Up to three bounties, three people and two skills."""

    suggestions: list[Suggestion]


@operation("search.suggest", http="GET /api/search/suggestions", rate=SEARCH)
async def suggest(call: Call, request: Suggest) -> Suggestions:
    """Suggest bounties, people and skills for a text of two characters or more."""
    terms = terms_of(request.q, "q")
    found: list[Suggestion] = []
    if request.type in {None, "bounty"}:
        filters = Filters(terms=terms, has_query=True)
        found += [_bounty(each) for each in await _found(call, filters, BOUNTIES)]
    if request.type in {None, "user"}:
        wanted = PeopleSearch(terms=terms, viewer_id=call.user_id, limit=PEOPLE)
        rows, _ = await people.search(call.services.db, wanted)
        found += [
            _suggestion("user", row.id, row.username, row.display_name, "person") for row in rows
        ]
    if request.type in {None, "skill"}:
        found += await _skills(call, fold(request.q).strip())
    return Suggestions(suggestions=found)


async def _found(call: Call, filters: Filters, limit: int, sort: str | None = None) -> list[Bounty]:
    wanted = Search(
        filters=filters,
        viewer_id=call.user_id,
        now=call.services.clock.now(),
        limit=limit,
        sort=sort,
    )
    return (await finding.search(call.services.db, wanted)).bounties


async def _skills(call: Call, needle: str) -> list[Suggestion]:
    """Return the most frequent skills of new bounties that contain the text."""
    if not needle:
        return []
    spelt: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for bounty in await _found(call, Filters(skills=(needle,)), SKILLS_FROM, "date_desc"):
        for skill in filter(None, map(str.strip, bounty.skills_required.split(","))):
            folded = fold(skill)
            if needle in folded:
                spelt.setdefault(folded, skill)
                counts[folded] += 1
    best = sorted(counts, key=lambda folded: (-counts[folded], folded))[:SKILLS]
    return [_suggestion("skill", folded, spelt[folded], None, "pricetag") for folded in best]


def _bounty(bounty: Bounty) -> Suggestion:
    price = "For honor" if bounty.is_for_honor else amounts.dollars_text(bounty.amount_cents)
    subtitle = f"{price} · {bounty.location_text}" if bounty.location_text else price
    return _suggestion("bounty", bounty.id, bounty.title, subtitle, "briefcase")


def _suggestion(kind: str, named: str, said: str, subtitle: str | None, icon: str) -> Suggestion:
    return Suggestion(id=f"{kind}_{named}", text=said, type=kind, subtitle=subtitle, icon=icon)
