"""The restart window against the plain reading of the rule."""

from __future__ import annotations

from bountyexpo.supervisors import add_restart
from hypothesis import given
from hypothesis import strategies as st

# Quarter seconds, so that moments fall exactly on the border of the window.
moments = st.lists(st.integers(0, 400).map(lambda number: number / 4), max_size=40).map(sorted)
intensities = st.integers(0, 5)
periods = st.integers(1, 40).map(lambda number: number / 4)


@given(moments, intensities, periods)
def test_restart_is_refused_exactly_when_the_period_holds_too_many(
    restarts, intensity, period_s
) -> None:
    history: tuple[float, ...] = ()
    for index, now in enumerate(restarts):
        history, is_allowed = add_restart(history, now, intensity=intensity, period_s=period_s)

        recent = [moment for moment in restarts[: index + 1] if now - moment <= period_s]
        assert list(history) == recent
        assert is_allowed is (len(recent) <= intensity)


@given(moments, intensities, periods)
def test_history_stays_small_while_restarts_are_allowed(restarts, intensity, period_s) -> None:
    history: tuple[float, ...] = ()
    for now in restarts:
        history, is_allowed = add_restart(history, now, intensity=intensity, period_s=period_s)
        if not is_allowed:
            break
        assert len(history) <= intensity


@given(moments, intensities, periods, st.floats(0, 10))
def test_longer_period_never_allows_more(restarts, intensity, period_s, longer_s) -> None:
    short: tuple[float, ...] = ()
    long: tuple[float, ...] = ()
    for now in restarts:
        short, is_allowed_short = add_restart(short, now, intensity=intensity, period_s=period_s)
        long, is_allowed_long = add_restart(
            long, now, intensity=intensity, period_s=period_s + longer_s
        )
        assert is_allowed_short or not is_allowed_long
