"""What somebody looks for in the market: one form for searches, saved ones and live ones (J1, J6).

The fields are those of the client's filter set. A bounty matches when all that is said fits it: of
the keywords each one, as the beginning of one of its words or with few mistakes; of the skills any.
"""

from __future__ import annotations

from typing import Final

import msgspec

from bountyexpo.domain import limits
from bountyexpo.domain.market.bounty import LISTED_TO_OTHERS, Status
from bountyexpo.domain.search.words import fold

SKILLS_MAX: Final = 20


class Filters(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a bounty must be like; ``terms``, ``place`` and ``skills`` are folded."""

    terms: tuple[str, ...] = ()
    # Something was asked for by words, which may have had no letters.
    has_query: bool = False
    statuses: tuple[str, ...] = (Status.OPEN.value,)
    cents_min: int | None = None
    cents_max: int | None = None
    is_for_honor: bool | None = None
    work_type: str | None = None
    category: str | None = None
    place: str = ""
    skills: tuple[str, ...] = ()

    @property
    def finds_nothing(self) -> bool:
        """Tell whether no bounty could match."""
        return (self.has_query and not self.terms) or not self.statuses


def statuses_of(said: str | None) -> tuple[str, ...]:
    """Return the statuses of a list with commas; open ones unless said otherwise.

    Raises:
        InvalidRequest: one of them is none.
    """
    if said is None:
        return (Status.OPEN.value,)
    names = limits.choices(said, Status, "status")
    return tuple(name for name in names if name in LISTED_TO_OTHERS)


def skills_of(said: str) -> tuple[str, ...]:
    """Return the skills of a list with commas, any of which is enough."""
    each = (fold(skill).strip() for skill in said.split(","))
    return tuple(dict.fromkeys(skill for skill in each if skill))[:SKILLS_MAX]
