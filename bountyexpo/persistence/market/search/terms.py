"""What is asked for, as the index is asked: words, what they begin, and what looks like them."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import msgspec

from bountyexpo.domain.market.search import document as search_document
from bountyexpo.domain.market.search.document import GRAM_CHARS, PLACE, SKILL, mark
from bountyexpo.domain.search.vectors import all_of, begun, quoted
from bountyexpo.domain.search.words import are_near, distance, forms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bountyexpo.domain.market.search.filters import Filters
    from bountyexpo.persistence.queries import Queries

# The words that look most like a term, and of these the most frequent, count.
NEAR_MAX: Final = 16
# Candidates that are compared letter by letter.
CANDIDATES_MAX: Final = 400

# The highest character, after all that a word could go on with.
LAST: Final = "\U0010ffff"

CANDIDATES: Final = """
    select distinct wanted.term, known.word, known.bounties
    from unnest(%s::text[], %s::text[]) as wanted(term, form)
    join search_forms f on f.form = wanted.form
    join search_words known on known.word = f.word
    order by known.bounties desc, known.word limit %s
"""

# In how many bounties a word may stand that begins so; marks are counted as they are.
FREQUENCIES: Final = """
    select wanted.first, wanted.beyond, (
        select coalesce(sum(known.bounties), 0) from search_words known
        where known.word >= wanted.first and known.word < wanted.beyond) as bounties
    from unnest(%s::text[], %s::text[]) as wanted(first, beyond)
"""


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """What the index is asked.

    Args:
        query: the tsquery of what must be there; None when nothing is asked of the index.
        exact: the tsquery of any term as it is; None where there is none.
        begun: the same of any term as a beginning.
        near: the same of words with one mistake, and of those with two.
        bounties_max: how many bounties there can be at most, as far as words were counted.
        bounties: how many there are in all, as far as they were.
    """

    query: str | None
    exact: str | None
    begun: str | None
    near: tuple[str | None, str | None]
    bounties_max: int
    bounties: int


async def lookup(db: Queries, wanted: Filters) -> Lookup:
    """Return what to ask for these filters; two statements at most."""
    near = await _near(db, wanted.terms)
    parts = [_one_of(term, near.get(term, ())) for term in wanted.terms]
    parts += _marked(wanted)
    most, every = await _frequencies(db, wanted, near) if parts else (0, 0)
    return Lookup(
        query=" & ".join(parts) or None,
        exact=_any(wanted.terms),
        begun=" | ".join(map(begun, wanted.terms)) or None,
        near=(
            _any([word for words in near.values() for word, mistakes in words if mistakes == 1]),
            _any([word for words in near.values() for word, mistakes in words if mistakes == 2]),
        ),
        bounties_max=most,
        bounties=every,
    )


def query_of(wanted: Filters) -> str | None:
    """Return the tsquery of what must be there, every word as it is or begun; None for nothing."""
    return " & ".join((*map(begun, wanted.terms), *_marked(wanted))) or None


async def frequency(db: Queries, wanted: Filters) -> int:
    """Return in how many bounties all that ``query_of`` asks for may be at most."""
    most, _ = await _frequencies(db, wanted, {})
    return most


async def _near(db: Queries, terms: tuple[str, ...]) -> dict[str, list[tuple[str, int]]]:
    """Return the words that look like each term, with their distances, the nearest first."""
    pairs = [(term, form) for term in terms for form in forms(term) if len(forms(term)) > 1]
    if not pairs:
        return {}
    params = ([term for term, _ in pairs], [form for _, form in pairs], CANDIDATES_MAX)
    rows = sorted(await db.fetch(CANDIDATES, params), key=itemgetter("term"))
    found: dict[str, list[tuple[str, int]]] = {}
    for term, candidates in groupby(rows, itemgetter("term")):
        words = [
            (distance(term, row["word"]), -row["bounties"], row["word"])
            for row in candidates
            if not row["word"].startswith(term) and are_near(term, row["word"])
        ]
        found[term] = [(word, mistakes) for mistakes, _, word in sorted(words)[:NEAR_MAX]]
    return found


async def _frequencies(
    db: Queries, wanted: Filters, near: dict[str, list[tuple[str, int]]]
) -> tuple[int, int]:
    """Return in how many bounties all that must be there may be, and how many there are."""
    # Of each group one is enough; of skills, that is each of whose marks all must be there.
    groups = [[(term, _beyond(term)), *map(_itself, _words(near, term))] for term in wanted.terms]
    groups += [[_itself(lexeme)] for lexeme in _marks(wanted)]
    skills = [[*map(_itself, sorted(marks))] for marks in _skill_marks(wanted)]
    ranges = sorted({each for group in (*groups, *skills, EVERY) for each in group})
    params = ([first for first, _ in ranges], [beyond for _, beyond in ranges])
    rows = await db.fetch(FREQUENCIES, params)
    counts = {(row["first"], row["beyond"]): int(row["bounties"]) for row in rows}
    most = [sum(counts[each] for each in group) for group in groups]
    if skills:
        most.append(sum(min(counts[each] for each in marks) for marks in skills))
    return min(most, default=0), sum(counts[each] for each in EVERY)


def _words(near: dict[str, list[tuple[str, int]]], term: str) -> list[str]:
    return [word for word, _ in near.get(term, ())]


def _beyond(term: str) -> str:
    return term + ("\x01" if len(term) == 1 else LAST)


def _itself(lexeme: str) -> tuple[str, str]:
    return lexeme, f"{lexeme}\x01"


def _one_of(term: str, near: list[tuple[str, int]] | tuple[()]) -> str:
    return f"({' | '.join((begun(term), *(quoted(word) for word, _ in near)))})"


def _any(words: Iterable[str]) -> str | None:
    return " | ".join(map(quoted, words)) or None


def _marks(wanted: Filters) -> list[str]:
    """Return the marks of which each must be there."""
    marks = sorted(search_document.grams(PLACE, wanted.place))
    if wanted.work_type is not None:
        marks.append(mark(search_document.WORK, wanted.work_type))
    if wanted.category is not None:
        marks.append(mark(search_document.CATEGORY, wanted.category))
    if wanted.is_for_honor is not None:
        marks.append(mark(search_document.HONOR, str(wanted.is_for_honor)))
    return marks


def _marked(wanted: Filters) -> list[str]:
    parts = [quoted(lexeme) for lexeme in _marks(wanted)]
    if skills := [f"({all_of(marks)})" for marks in _skill_marks(wanted)]:
        parts.append(f"({' | '.join(skills)})")
    return parts


def _skill_marks(wanted: Filters) -> list[set[str]]:
    """Return the marks of each skill; none where a skill has fewer letters than a mark."""
    if any(len(skill) < GRAM_CHARS for skill in wanted.skills):
        return []
    return [search_document.grams(SKILL, skill) for skill in wanted.skills]


# What each bounty has one of.
EVERY: Final = tuple(
    _itself(mark(search_document.HONOR, str(is_for_honor))) for is_for_honor in (False, True)
)
