"""When a job is due, and which time a run is for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from bountyexpo.supervisors import Cron, Due, Every
from hypothesis import given
from hypothesis import strategies as st

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

moments = st.datetimes(datetime(2024, 1, 1), datetime(2040, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC)
)
expressions = st.sampled_from(
    ["* * * * *", "15 * * * *", "0 3 * * *", "30 2 1 * *", "0 0 29 2 *", "5 4 * * MON"]
)


def test_a_period_is_spread_by_chance() -> None:
    assert Every(100, jitter=0.1, random=lambda: 0).delay_s(NOON) == 100
    assert Every(100, jitter=0.1, random=lambda: 0.5).delay_s(NOON) == pytest.approx(105)


def test_a_run_by_another_node_in_the_same_period_makes_ours_needless() -> None:
    assert Every(100).due(NOON) == Due(at=NOON, since=NOON - timedelta(seconds=75))


def test_a_cron_time_is_waited_for() -> None:
    before = NOON - timedelta(minutes=3, seconds=10)

    assert Cron("0 12 * * *", jitter_s=0).delay_s(before) == 190
    assert Cron("0 12 * * *", jitter_s=10, random=lambda: 0.5).delay_s(before) == 195
    assert Cron("0 12 * * *", jitter_s=0).delay_s(NOON) == 24 * 3600, "the next, not this one"


@pytest.mark.parametrize("late", [timedelta(), timedelta(microseconds=1), timedelta(hours=23)])
def test_a_cron_run_is_for_the_last_time_that_has_come(late) -> None:
    assert Cron("0 12 * * *").due(NOON + late) == Due(at=NOON, since=NOON)


@given(expressions, moments)
def test_the_next_time_is_the_first_that_is_due_then(expression, now) -> None:
    cron = Cron(expression, jitter_s=0)
    then = now + timedelta(seconds=cron.delay_s(now))

    assert cron.due(now).at <= now < then
    assert cron.due(then).at == then
    assert cron.due(then - timedelta(microseconds=1)) == cron.due(now)


def test_a_job_that_is_new_runs_by_its_period_and_waits_for_its_cron_time() -> None:
    assert (Every(10).runs_when_new, Cron("0 12 * * *").runs_when_new) == (True, False)


@pytest.mark.parametrize(
    "wrong", ["", "noon", "* * * *", "61 * * * *", "0 0 30 2 *", "* * * * * *", "0 12 * * * 2026"]
)
def test_what_is_no_cron_expression_is_refused_when_it_is_declared(wrong) -> None:
    with pytest.raises(ValueError, match=r"is no cron expression|has not 5 fields"):
        Cron(wrong)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Every(0),
        lambda: Every(-1),
        lambda: Every(10, jitter=0.3),
        lambda: Every(10, jitter=-0.1),
        lambda: Cron("* * * * *", jitter_s=-1),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused(build) -> None:
    with pytest.raises(ValueError, match=r"period|negative"):
        build()
