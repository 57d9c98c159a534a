"""A job keeps to its schedule whatever its body does."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import trio
from bountyexpo.observability.metrics import (
    JOB_LAST_SUCCESS,
    WORKER_JOBS_FAILED,
    WORKER_JOBS_PROCESSED,
)
from bountyexpo.supervisors import Job, Supervisor
from trio.testing import wait_all_tasks_blocked

from tests.fixed_clock import FixedClock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


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
    async with running(Job("sweep", 10, body)):
        await trio.sleep(25)

    assert body.ran_at == [0, 10, 20]


async def test_long_run_is_followed_by_one_run_at_once(autojump_clock) -> None:
    body = Body(takes_s=25)
    async with running(Job("sweep", 10, body)):
        await trio.sleep(60)

    assert body.ran_at == [0, 25, 50]


async def test_woken_job_runs_early(autojump_clock) -> None:
    body = Body()
    job = Job("sweep", 10, body)
    async with running(job):
        await trio.sleep(3)
        job.wake()
        await trio.sleep(12)

    assert body.ran_at == [0, 3, 13]


async def test_job_woken_during_a_run_runs_again_after_it(autojump_clock) -> None:
    body = Body(takes_s=2)
    job = Job("sweep", 10, body)
    async with running(job):
        await trio.sleep(1)
        job.wake()
        await trio.sleep(8)

    assert body.ran_at == [0, 2]


async def test_failing_body_is_counted_and_run_again(autojump_clock) -> None:
    before = WORKER_JOBS_FAILED.labels("failing")._value.get()
    body = Body(error=ZeroDivisionError("oh"))
    job = Job("failing", 10, body)
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
    job = Job("measured", 10, Body(takes_s=2), clock=FixedClock(NOON))

    assert await job.run_once() is True

    statistics = job.statistics()
    assert statistics.last_run_at == NOON
    assert statistics.last_duration_ms == pytest.approx(2000)
    assert JOB_LAST_SUCCESS.labels("measured")._value.get() == NOON.timestamp()
    assert WORKER_JOBS_PROCESSED.labels("measured")._value.get() == 1


async def test_job_whose_lease_another_node_holds_is_skipped() -> None:
    @asynccontextmanager
    async def lease():
        yield False

    body = Body()
    job = Job("leased", 10, body, lease=lease)

    assert await job.run_once() is False
    assert body.ran_at == []
    assert job.statistics().skipped == 1


async def test_lease_that_fails_counts_as_a_failure() -> None:
    @asynccontextmanager
    async def lease():
        raise OSError("no database")
        yield

    job = Job("leased", 10, Body(), lease=lease)

    assert await job.run_once() is False
    assert job.statistics().failures == 1


async def test_stop_lets_the_present_run_finish(autojump_clock) -> None:
    finished: list[float] = []

    async def body() -> None:
        await trio.sleep(3)
        finished.append(trio.current_time())

    job = Job("sweep", 10, body)
    supervisor = Supervisor("s", [job.as_child()])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        await wait_all_tasks_blocked()
        assert supervisor.tree().children[0].state == "running"
        supervisor.stop()

    assert finished == [3]
    assert repr(job) == "<Job sweep stopped every=10s runs=1>"


def test_job_without_a_period_is_refused() -> None:
    with pytest.raises(ValueError, match="every_s"):
        Job("sweep", 0, Body())
