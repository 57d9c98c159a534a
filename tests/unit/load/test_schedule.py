"""When things are due."""

from __future__ import annotations

import itertools

import pytest
from bountyexpo.load.schedule import Schedule, share_of


def test_a_steady_rate_is_evenly_spread() -> None:
    due = list(Schedule(rate_per_s=10, duration_s=2))

    assert due == pytest.approx([number / 10 for number in range(20)])


def test_a_ramp_begins_slowly_and_ends_at_the_rate() -> None:
    due = list(Schedule(rate_per_s=100, duration_s=4, ramp_s=2))

    per_second = [sum(second <= each < second + 1 for each in due) for second in range(4)]

    assert len(due) == 300
    assert per_second == pytest.approx([25, 75, 100, 100], abs=1)
    assert all(first < second for first, second in itertools.pairwise(due))


def test_nothing_is_due_after_the_end() -> None:
    for ramp_s in (0.0, 1.0, 3.0, 10.0):
        schedule = Schedule(rate_per_s=37, duration_s=3, ramp_s=ramp_s)

        assert max(schedule) <= 3.0


@pytest.mark.parametrize(("total", "parts"), [(10, 3), (2, 4), (0, 2), (9, 9)])
def test_shares_are_even_and_whole(total: int, parts: int) -> None:
    shares = [share_of(total, part, parts) for part in range(parts)]

    assert sum(shares) == total
    assert max(shares) - min(shares) <= 1
