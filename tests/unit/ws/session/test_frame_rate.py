"""How often a socket may speak, and how many breaches it survives."""

from __future__ import annotations

import pytest
import trio
from bountyexpo.ws.session.frame_rate import FrameRate, Strikes
from bountyexpo.ws.session.limits import SessionLimits

HERE = "192.0.2.1"


def rate(*, exempt=(), **limits):
    return FrameRate(
        SessionLimits(frames_per_s=10.0, frames_burst=5, **limits), exempt.__contains__
    )


def allowed(subject, full_at=0.0, most=20):
    count = 0
    while count < most and (charged := subject.take(full_at, HERE)) is not None:
        count, full_at = count + 1, charged
    return count, full_at


async def test_a_burst_then_the_rate(autojump_clock):
    subject = rate()
    burst, full_at = allowed(subject)

    await trio.sleep(0.2)

    assert burst == 5
    assert allowed(subject, full_at)[0] == 2


@pytest.mark.parametrize("options", [{"enabled": False}, {"exempt": (HERE,)}])
async def test_nothing_is_counted_for_load_tests(autojump_clock, options):
    assert allowed(rate(**options)) == (20, 0.0)


async def test_strikes_of_one_kind_within_the_window_are_too_many(autojump_clock):
    strikes = Strikes(3, 60.0)

    assert [strikes.count(4400) for _ in range(2)] == [False, False]
    assert strikes.count(4429) is False
    await trio.sleep(61)
    assert [strikes.count(4400) for _ in range(3)] == [False, False, True]
