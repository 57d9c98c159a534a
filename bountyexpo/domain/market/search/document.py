"""A bounty as it is looked for: its words by weight, and what its filters look at (data-model B.2).

All of it is one set of lexemes. A lexeme is a word, or a mark: a letter, a colon, and what it
marks, such as ``w:online``. Parts of places and skills are marked three letters at a time, so that
any substring of three letters or more is looked up before it is compared. No word has a colon.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from bountyexpo.domain.search.vectors import quoted, weighted
from bountyexpo.domain.search.words import fold

GRAM_CHARS: Final = 3

PLACE: Final = "l"
SKILL: Final = "s"
WORK: Final = "w"
CATEGORY: Final = "c"
HONOR: Final = "h"


class Offered(Protocol):
    """What of a bounty's terms is looked for."""

    @property
    def title(self) -> str:
        """What it is called."""

    @property
    def description(self) -> str:
        """What is to be done."""

    @property
    def skills_required(self) -> str:
        """What the hunter should be able to do, as one line."""

    @property
    def location_text(self) -> str | None:
        """Where it is."""

    @property
    def category(self) -> str | None:
        """What kind of task it is."""

    @property
    def work_type(self) -> str:
        """Whether it is done in person."""

    @property
    def is_for_honor(self) -> bool:
        """Whether it is done without pay."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a bounty for those who look for it.

    Args:
        vector: the text of a tsvector: words with positions and weights, marks without.
        words: the different words.
        lexemes: the different words and marks.
        place: where it is, folded.
        skills: what the hunter should be able to do, folded.
    """

    vector: str
    words: tuple[str, ...]
    lexemes: tuple[str, ...]
    place: str
    skills: str


def document(offered: Offered) -> Document:
    """Return what is stored of these terms."""
    place, skills = fold(offered.location_text or ""), fold(offered.skills_required)
    # The title counts most, then what kind of work it is, then its description and place.
    found = weighted(
        (
            ("A", offered.title),
            ("B", f"{offered.skills_required} {offered.category or ''}"),
            ("C", offered.description),
            ("D", offered.location_text or ""),
        )
    )
    marks = {
        *grams(PLACE, place),
        *grams(SKILL, skills),
        mark(WORK, offered.work_type),
        mark(HONOR, str(offered.is_for_honor)),
        mark(CATEGORY, offered.category or ""),
    }
    return Document(
        vector=" ".join((*found.values(), *map(quoted, sorted(marks)))),
        words=tuple(sorted(found)),
        lexemes=tuple(sorted({*found, *marks})),
        place=place,
        skills=skills,
    )


def mark(kind: str, value: str) -> str:
    """Return the lexeme of a value that is compared as a whole."""
    return f"{kind}:{value}"


def grams(kind: str, folded: str) -> set[str]:
    """Return the lexemes of all parts of three letters."""
    starts = range(len(folded) - GRAM_CHARS + 1)
    return {mark(kind, folded[start : start + GRAM_CHARS]) for start in starts}
