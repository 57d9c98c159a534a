"""What is stored of a bounty for those who look for it."""

from __future__ import annotations

from bountyexpo.domain.market.search.document import document, grams
from bountyexpo.domain.search.vectors import quoted
from bountyexpo.domain.search.words import fold
from bountyexpo.persistence.market.bounties import Terms
from hypothesis import given
from hypothesis import strategies as st

OFFER = Terms(
    title="Paint a fence",
    description="A fence of wood.",
    amount_cents=500,
    skills_required="Painting",
    location_text="Köln",
)


def test_words_are_weighted_by_where_they_stand() -> None:
    found = document(OFFER)

    assert "'fence':3A,6C" in found.vector.split()
    assert "'painting':4B" in found.vector.split()
    assert "'koln':9D" in found.vector.split()
    assert found.words == ("a", "fence", "koln", "of", "paint", "painting", "wood")


def test_marks_say_what_filters_compare() -> None:
    found = document(OFFER)

    assert {"w:online", "h:False", "c:", "l:kol", "l:oln", "s:pai"} <= {*found.lexemes}
    assert not any(":" in word for word in found.words)


@given(st.text(max_size=40), st.text(max_size=8))
def test_the_parts_of_a_substring_are_parts_of_the_whole(whole: str, part: str) -> None:
    text, needle = fold(whole + part + whole), fold(part)

    if needle in text:
        assert grams("l", needle) <= grams("l", text)


def test_signs_of_the_index_are_escaped() -> None:
    assert quoted("l:o'\\") == "'l:o''\\\\'"
