"""A job keeps to its schedule whatever its body does."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import trio
from bountyexpo.observability.metrics import (
    JOB_LAST_SUCCESS,
    WORKER_JOBS_FAILED,
    WORKER_JOBS_PROCESSED,
)
from bountyexpo.supervisors import Cron, Every, Job, NotNow, Supervisor
from trio.testing import wait_all_tasks_blocked

from tests.fixed_clock import FixedClock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EVERY_10_S = Every(10, jitter=0)


class Body:
    """The work of a job: notes when it ran, then does what the test says."""

    def __init__(self, *, takes_s: float = 0, error: Exception | None = None) -> None:
        self.ran_at: list[float] = []
        self.takes_s = takes_s
        self.error = error

    async def __call__(self) -> None:
        self.ran_at.append(round(trio.current_time(), 3))
        await trio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error


@asynccontextmanager
async def running(job: Job):
    async with trio.open_nursery() as nursery:
        await nursery.start(job.run)
        yield
        nursery.cancel_scope.cancel()


async def test_job_runs_at_once_and_then_every_period(autojump_clock) -> None:
    body = Body(takes_s=2)
    async with running(Job("sweep", EVERY_10_S, body)):
        await trio.sleep(25)

    assert body.ran_at == [0, 10, 20]


async def test_long_run_is_followed_by_one_run_at_once(autojump_clock) -> None:
    body = Body(takes_s=25)
    async with running(Job("sweep", EVERY_10_S, body)):
        await trio.sleep(60)

    assert body.ran_at == [0, 25, 50]


async def test_woken_job_runs_early(autojump_clock) -> None:
    body = Body()
    job = Job("sweep", EVERY_10_S, body)
    async with running(job):
        await trio.sleep(3)
        job.wake()
        await trio.sleep(12)

    assert body.ran_at == [0, 3, 13]


async def test_job_woken_during_a_run_runs_again_after_it(autojump_clock) -> None:
    body = Body(takes_s=2)
    job = Job("sweep", EVERY_10_S, body)
    async with running(job):
        await trio.sleep(1)
        job.wake()
        await trio.sleep(8)

    assert body.ran_at == [0, 2]


async def test_failing_body_is_counted_and_run_again(autojump_clock) -> None:
    before = WORKER_JOBS_FAILED.labels("failing")._value.get()
    body = Body(error=ZeroDivisionError("oh"))
    job = Job("failing", EVERY_10_S, body)
    async with running(job):
        await trio.sleep(15)
        body.error = None

        assert job.statistics().failures == 2
        assert job.statistics().last_error == "ZeroDivisionError: oh"
        assert job.tree().last_error == "ZeroDivisionError: oh"
        await trio.sleep(10)

    assert job.statistics().runs == 1
    assert job.statistics().last_error is None
    assert WORKER_JOBS_FAILED.labels("failing")._value.get() - before == 2


async def test_success_is_measured(autojump_clock) -> None:
    job = Job("measured", EVERY_10_S, Body(takes_s=2), clock=FixedClock(NOON))

    assert await job.run_once() is True

    statistics = job.statistics()
    assert statistics.last_run_at == NOON
    assert statistics.last_duration_ms == pytest.approx(2000)
    assert JOB_LAST_SUCCESS.labels("measured")._value.get() == NOON.timestamp()
    assert WORKER_JOBS_PROCESSED.labels("measured")._value.get() == 1


async def test_job_that_has_no_turn_is_skipped_and_looks_again_soon(autojump_clock) -> None:
    asked_at: list[float] = []

    async def body() -> NotNow | None:
        asked_at.append(trio.current_time())
        return NotNow(3) if len(asked_at) < 3 else NotNow() if len(asked_at) == 3 else None

    job = Job("leased", EVERY_10_S, body)
    async with running(job):
        await trio.sleep(20)

    assert asked_at == [0, 3, 6, 16]
    assert (job.statistics().skipped, job.statistics().runs) == (3, 1)
    assert WORKER_JOBS_PROCESSED.labels("leased")._value.get() == 1


async def test_job_keeps_to_the_clock_of_a_cron_expression(autojump_clock) -> None:
    body = Body()
    clock = FixedClock(NOON + timedelta(minutes=1))
    async with running(Job("hourly", Cron("15 * * * *", jitter_s=0), body, clock=clock)):
        await trio.sleep(15 * 60)

    assert body.ran_at == [0, 14 * 60]


async def test_stop_lets_the_present_run_finish(autojump_clock) -> None:
    finished: list[float] = []

    async def body() -> None:
        await trio.sleep(3)
        finished.append(trio.current_time())

    job = Job("sweep", EVERY_10_S, body)
    supervisor = Supervisor("s", [job.as_child()])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        await wait_all_tasks_blocked()
        assert supervisor.tree().children[0].state == "running"
        supervisor.stop()

    assert finished == [3]
    assert repr(job) == "<Job sweep stopped every 10 s runs=1>"
