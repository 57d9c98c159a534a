"""Words are cut alike wherever they stand, and mistakes are found by what is left of them."""

from __future__ import annotations

from functools import cache

import pytest
from bountyexpo.domain.search.words import (
    WORD_CHARS_MAX,
    are_near,
    distance,
    fold,
    forms,
    reach,
    words,
)
from hypothesis import given
from hypothesis import strategies as st

# Few letters, so that mistakes meet.
WORDS = st.text("abc", min_size=1, max_size=11)


@cache
def plain_distance(one: str, other: str) -> int:
    """The distance by its definition, slowly: what the last letters and the last swap may cost."""
    if not one or not other:
        return len(one) + len(other)
    best = min(
        plain_distance(one[:-1], other) + 1,
        plain_distance(one, other[:-1]) + 1,
        plain_distance(one[:-1], other[:-1]) + (one[-1] != other[-1]),
    )
    i, j = one.rfind(other[-1], 0, len(one) - 1), other.rfind(one[-1], 0, len(other) - 1)
    if i < 0 or j < 0:
        return best
    between = (len(one) - i - 2) + (len(other) - j - 2)
    return min(best, plain_distance(one[:i], other[:j]) + between + 1)


@given(WORDS, WORDS)
def test_the_distance_is_that_of_its_definition(one: str, other: str) -> None:
    assert distance(one, other) == plain_distance(one, other) == distance(other, one)


@given(WORDS, st.lists(WORDS, max_size=30))
def test_all_that_is_near_shares_a_form_and_nothing_else_is_kept(
    term: str, vocabulary: list[str]
) -> None:
    index = {word: forms(word) for word in vocabulary}

    candidates = {word for word in vocabulary if index[word] & forms(term)}
    kept = {word for word in candidates if are_near(term, word)}

    allowed = {word: min(reach(term), reach(word)) for word in vocabulary}
    assert kept == {w for w in vocabulary if plain_distance(term, w) <= allowed[w]}


@pytest.mark.parametrize(
    ("chars", "mistakes"), [(1, 0), (4, 0), (5, 1), (8, 1), (9, 2), (WORD_CHARS_MAX, 2)]
)
def test_longer_words_may_hold_more_mistakes(chars: int, mistakes: int) -> None:
    assert reach("a" * chars) == mistakes


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Çe n'est pas  l'été!", ["ce", "n", "est", "pas", "l", "ete"]),
        ("C++ and C#, snake_case", ["c++", "and", "c#", "snake", "case"]),
        ("\uff26ull-\uff37idth Stra\u00dfe", ["full", "width", "strasse"]),
        ("a" * 100, ["a" * WORD_CHARS_MAX]),
        ("' | & ! <-> :* \\", []),
    ],
)
def test_a_text_is_cut_into_words(text: str, found: list[str]) -> None:
    assert words(text) == found


@given(st.text(max_size=60))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert words(fold(text)) == words(text)
