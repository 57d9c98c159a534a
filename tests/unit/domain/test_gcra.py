"""One number is a bucket: what it lets through, and when."""

from __future__ import annotations

import pytest
from bountyexpo.domain.gcra import charge
from hypothesis import given
from hypothesis import strategies as st

INTERVAL_S = 0.05
BURST = 60
CAPACITY_S = BURST * INTERVAL_S


def allowed(now, full_at, most):
    """Call as often as it is allowed at one moment; returns how often, and the number then."""
    for count in range(most):
        charged, early_s = charge(full_at, now, INTERVAL_S, CAPACITY_S)
        if early_s > 0:
            return count, full_at
        full_at = charged
    return most, full_at


@pytest.mark.parametrize("now", [0.0, 0.3, 1.0, 12345.678, 1e6])
def test_a_fresh_bucket_lets_a_burst_through_and_no_more(now):
    assert allowed(now, 0.0, BURST * 2)[0] == BURST


def test_an_empty_bucket_says_how_long_to_wait():
    _, full_at = allowed(100.0, 0.0, BURST * 2)

    assert charge(full_at, 100.0, INTERVAL_S, CAPACITY_S)[1] == pytest.approx(INTERVAL_S)
    assert charge(full_at, 100.02, INTERVAL_S, CAPACITY_S)[1] == pytest.approx(0.03)
    assert charge(full_at, 100.05, INTERVAL_S, CAPACITY_S)[1] == 0


def test_time_fills_a_bucket_up_to_its_size():
    _, full_at = allowed(100.0, 0.0, BURST * 2)

    assert allowed(101.0, full_at, BURST * 2)[0] == 20
    assert allowed(1000.0, full_at, BURST * 2)[0] == BURST


@given(st.lists(st.floats(0, 1), max_size=200), st.floats(0, 1e6))
def test_over_any_time_no_more_passes_than_burst_and_rate(pauses, began):
    now, full_at, passed = began, 0.0, []
    for pause in pauses:
        now += pause
        charged, early_s = charge(full_at, now, INTERVAL_S, CAPACITY_S)
        if early_s == 0:
            full_at = charged
            passed.append(now)

    for first, since in enumerate(passed):
        within = len(passed) - first
        assert within <= BURST + (passed[-1] - since) / INTERVAL_S + 1
