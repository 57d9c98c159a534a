"""Live searches find what matches, and look at few filters for it."""

from __future__ import annotations

from typing import Any

import pytest
from bountyexpo.domain.market.search.filters import Filters
from bountyexpo.domain.market.search.matching import FilterIndex, Subject, matching, subject_of
from bountyexpo.persistence.market.bounties import Terms
from hypothesis import given
from hypothesis import strategies as st

WORDS = ["paint", "paints", "piant", "fence", "pa", "a", "photographer", "photogrpher"]


def subject(title: str = "Paint a fence", **terms: Any) -> Subject:
    whole = {"description": "It is made of wood.", "amount_cents": 5_000} | terms
    offered = Terms(title=title, **whole)
    return subject_of(offered, status="open", amount_cents=offered.amount_cents)


def is_found(filters: Filters, offered: Subject) -> bool:
    return list(matching([filters], offered)) == [filters]


FILTERS = st.builds(
    Filters,
    terms=st.lists(st.sampled_from(WORDS), max_size=2, unique=True).map(tuple),
    category=st.sampled_from([None, "labor", "tech"]),
    work_type=st.sampled_from([None, "online", "in_person"]),
)


@given(
    st.lists(FILTERS, max_size=12),
    st.lists(FILTERS, max_size=4),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join),
    st.sampled_from([None, "labor"]),
)
def test_the_index_finds_what_a_look_at_each_would(
    kept: list[Filters], gone: list[Filters], title: str, category: str | None
) -> None:
    index = FilterIndex()
    for filters in [*kept, *gone]:
        index.add(filters)
    for filters in gone:
        index.remove(filters)
    offered = subject(title, category=category)

    found = list(index.matching(offered))

    left = {*kept} - {*gone}
    assert len(index) == len(left)
    assert len(found) == len(set(found))
    assert set(found) == {filters for filters in left if is_found(filters, offered)}


@pytest.mark.parametrize(
    "wanted",
    [
        {"terms": ("pai", "fenec")},
        {"terms": ("a",)},
        {"cents_min": 5_000, "cents_max": 5_000},
        {"place": "erli", "skills": ("x", "sand")},
        {"is_for_honor": False, "work_type": "online"},
    ],
)
def test_what_fits_in_all_matches(wanted: dict[str, Any]) -> None:
    offered = subject(location_text="Berlin", skills_required="Sanding")

    assert is_found(Filters(**wanted), offered)


@pytest.mark.parametrize(
    "wanted",
    [
        {"terms": ("paint", "roof")},
        {"terms": ("p",)},
        {"has_query": True},
        {"statuses": ("archived",)},
        {"cents_min": 5_001},
        {"cents_max": 4_999},
        {"place": "bonn"},
        {"skills": ("x",)},
        {"is_for_honor": True},
        {"work_type": "in_person"},
        {"category": "labor"},
    ],
)
def test_what_does_not_fit_in_one_thing_does_not_match(wanted: dict[str, Any]) -> None:
    assert not is_found(Filters(**wanted), subject(location_text="Berlin"))
