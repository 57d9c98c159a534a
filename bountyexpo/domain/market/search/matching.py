"""Whether a bounty is what somebody looks for, told without a database: live and saved searches.

The same words match as in a search: each term as the beginning of a word or with few mistakes.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

import msgspec

from bountyexpo.domain.market.search.document import Document, Offered, document
from bountyexpo.domain.search.words import are_near, forms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bountyexpo.domain.market.search.filters import Filters


K = TypeVar("K")
V = TypeVar("V")


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A bounty as filters look at it."""

    status: str
    amount_cents: int
    is_for_honor: bool
    work_type: str
    category: str | None
    document: Document


def subject_of(offered: Offered, *, status: str, amount_cents: int) -> Subject:
    """Return what filters look at."""
    return Subject(
        status=status,
        amount_cents=amount_cents,
        is_for_honor=offered.is_for_honor,
        work_type=offered.work_type,
        category=offered.category,
        document=document(offered),
    )


def matching(filters: Iterable[Filters], subject: Subject) -> Iterator[Filters]:
    """Return those of the filters by which a bounty is found, in their order."""
    meaning = _Meaning(subject.document.words)
    return (each for each in filters if _matches(each, subject, meaning))


def _matches(filters: Filters, subject: Subject, meaning: _Meaning) -> bool:
    found, cents = subject.document, subject.amount_cents
    return (
        not filters.finds_nothing
        and subject.status in filters.statuses
        and (filters.cents_min is None or cents >= filters.cents_min)
        and (filters.cents_max is None or cents <= filters.cents_max)
        and filters.is_for_honor in {None, subject.is_for_honor}
        and filters.work_type in {None, subject.work_type}
        and filters.category in {None, subject.category}
        and filters.place in found.place
        and (not filters.skills or any(skill in found.skills for skill in filters.skills))
        and all(map(meaning.includes, filters.terms))
    )


class _Meaning:
    """Which terms mean a word of one bounty; each is looked at once, however many ask."""

    def __init__(self, found: Iterable[str]) -> None:
        self._known: dict[str, bool] = {}
        self._beginnings: set[str] = set()
        self._by_form: dict[str, list[str]] = defaultdict(list)
        for word in found:
            # A letter by itself begins nothing.
            self._beginnings |= {word, *(word[:length] for length in range(2, len(word)))}
            for form in forms(word):
                self._by_form[form].append(word)

    def includes(self, term: str) -> bool:
        """Tell whether the term is a word, the beginning of one, or near to one."""
        known = self._known.get(term)
        if known is None:
            known = self._known[term] = term in self._beginnings or any(
                are_near(term, word)
                for form in forms(term) & self._by_form.keys()
                for word in self._by_form[form]
            )
        return known


class FilterIndex:
    """Many filters, of which those that a bounty matches are found without looking at each.

    Filters with words are kept under one word of theirs; the others by the kind of task that they
    ask for. Equal filters are one.
    """

    def __init__(self) -> None:
        self._by_term: dict[str, set[Filters]] = defaultdict(set)
        # Under what is left of the word when some letters are missing.
        self._by_form: dict[str, set[str]] = defaultdict(set)
        self._by_category: dict[str | None, set[Filters]] = defaultdict(set)

    def __len__(self) -> int:
        kept = (*self._by_term.values(), *self._by_category.values())
        return sum(len(each) for each in kept)

    def add(self, filters: Filters) -> None:
        """Keep these filters."""
        if not filters.terms:
            self._by_category[filters.category].add(filters)
            return
        term = _anchor(filters)
        self._by_term[term].add(filters)
        for form in forms(term):
            self._by_form[form].add(term)

    def remove(self, filters: Filters) -> None:
        """Forget these filters."""
        if not filters.terms:
            _discard(self._by_category, filters.category, filters)
            return
        term = _anchor(filters)
        _discard(self._by_term, term, filters)
        if term not in self._by_term:
            for form in forms(term):
                _discard(self._by_form, form, term)

    def matching(self, subject: Subject) -> Iterator[Filters]:
        """Return each of the filters that the bounty matches, once."""
        terms = {
            word[:length]
            for word in subject.document.words
            for length in range(1, len(word) + 1)
            if word[:length] in self._by_term
        }
        for word in subject.document.words:
            for form in forms(word) & self._by_form.keys():
                terms |= self._by_form[form]
        near = [filters for term in terms for filters in self._by_term[term]]
        for category in {None, subject.category}:
            near += self._by_category.get(category, ())
        return matching(near, subject)


def _anchor(filters: Filters) -> str:
    """Return the word under which filters are kept: the longest, which few bounties have."""
    return max(filters.terms, key=len)


def _discard(index: dict[K, set[V]], key: K, value: V) -> None:
    kept = index.get(key)
    if kept is not None:
        kept.discard(value)
        if not kept:
            del index[key]
