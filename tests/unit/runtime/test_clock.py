"""Clocks tell aware moments in UTC; the fixed one moves only when told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
import trio
from bountyexpo.runtime import SystemClock, system_random

from tests.fixed_clock import FixedClock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def test_system_clock_tells_utc_and_follows_trio(autojump_clock) -> None:
    clock = SystemClock()
    started = clock.monotonic()
    await trio.sleep(100)

    assert clock.now().utcoffset() == timedelta(0)
    assert clock.monotonic() - started == pytest.approx(100)


def test_fixed_clock_stands_still_until_advanced() -> None:
    clock = FixedClock(NOON)
    assert (clock.now(), clock.monotonic()) == (NOON, 0)

    clock.advance(90)
    assert (clock.now(), clock.monotonic()) == (NOON + timedelta(seconds=90), 90)


def test_fixed_clock_can_be_set_and_tells_utc() -> None:
    clock = FixedClock(NOON)
    clock.set(datetime(2026, 1, 1, 14, tzinfo=timezone(timedelta(hours=2))))

    assert clock.now() == NOON
    assert clock.now().tzinfo is UTC


def test_moment_without_a_time_zone_is_refused() -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(AssertionError):
        FixedClock(naive)
    with pytest.raises(AssertionError):
        FixedClock(NOON).set(naive)


def test_time_does_not_go_backwards() -> None:
    with pytest.raises(AssertionError):
        FixedClock(NOON).advance(-1)


def test_chance_is_a_part_of_one() -> None:
    assert all(0 <= system_random() < 1 for _ in range(100))
