"""Delays grow, are bounded, and are spread by the chance that was handed in."""

from __future__ import annotations

import pytest
from bountyexpo.supervisors import Backoff, CrashPolicy, PoolConfig


def test_delay_doubles_up_to_its_maximum() -> None:
    backoff = Backoff(first_s=1, factor=2, max_s=5, jitter=0)

    assert [backoff.delay_s(attempt) for attempt in range(1, 6)] == [1, 2, 4, 5, 5]


@pytest.mark.parametrize(("chance", "delay_s"), [(0.0, 4), (0.5, 3), (1.0, 2)])
def test_chance_takes_away_its_part(chance, delay_s) -> None:
    backoff = Backoff(first_s=4, max_s=4, jitter=0.5, random=lambda: chance)

    assert backoff.delay_s(1) == delay_s


def test_thousandth_attempt_is_no_overflow() -> None:
    assert Backoff(jitter=0).delay_s(1000) == 10


def test_default_chance_stays_in_bounds() -> None:
    delays = [Backoff(first_s=1, max_s=1).delay_s(1) for _ in range(100)]

    assert all(0.5 <= delay <= 1 for delay in delays)


@pytest.mark.parametrize(
    "options", [{"first_s": -1}, {"max_s": 0.01}, {"factor": 0.5}, {"jitter": 1.1}, {"jitter": -1}]
)
def test_senseless_backoff_is_refused(options) -> None:
    with pytest.raises(ValueError, match=r"a backoff needs|jitter"):
        Backoff(**options)


@pytest.mark.parametrize("options", [{"intensity": -1}, {"period_s": 0}, {"quarantine_s": 0}])
def test_senseless_crash_policy_is_refused(options) -> None:
    with pytest.raises(ValueError, match="crash policy"):
        CrashPolicy(**options)


@pytest.mark.parametrize("options", [{"mailbox_max": 0}, {"idle_after_s": 0}])
def test_pool_config_makes_sense(options) -> None:
    with pytest.raises(ValueError, match="mailbox_max"):
        PoolConfig(kind="user", factory=None, clock=None, **options)
