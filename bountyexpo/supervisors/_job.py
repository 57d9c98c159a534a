"""A job: work that is repeated on a schedule, as a supervised child.

The body must be idempotent: it may run again at any time, after a crash or on another node. A
body that fails is logged, counted and run again at its next time; it does not harm the tree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from bountyexpo.observability.logs import bind, get_logger
from bountyexpo.observability.metrics import (
    JOB_DURATION_MS,
    JOB_LAST_SUCCESS,
    WORKER_JOBS_FAILED,
    WORKER_JOBS_PROCESSED,
)
from bountyexpo.runtime.clock import Clock, SystemClock
from bountyexpo.supervisors._child_spec import SHUTDOWN_S, ChildSpec, Restart
from bountyexpo.supervisors._errors import root_cause
from bountyexpo.supervisors._node import Node, describe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from bountyexpo.supervisors._schedule import Schedule

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NotNow:
    """What a body returns that had no turn; it looks again after so long, or at its next time."""

    look_again_s: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatistics:
    """How a job has been doing since it was made."""

    name: str
    runs: int
    failures: int
    skipped: int
    last_run_at: datetime | None
    last_duration_ms: float | None
    last_error: str | None


class Job:
    """Runs ``body`` at once and then at the times of its schedule, or earlier when woken.

    The body decides whether it is its turn (``NotNow``): at the start that is asked, too. A run
    that takes longer than the period is followed by the next at once, never by several.
    Asked to stop, the job finishes its present run.
    """

    def __init__(
        self,
        name: str,
        schedule: Schedule,
        body: Callable[[], Awaitable[object]],
        *,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self.schedule = schedule
        self._body = body
        self._clock = clock or SystemClock()
        self._woken = trio.Event()
        self._is_stopping = False
        self._state = "stopped"
        self._runs = self._failures = self._skipped = 0
        self._last_run_at: datetime | None = None
        self._last_duration_ms: float | None = None
        self._last_error: Exception | None = None
        self._look_again_at = math.inf

    def __repr__(self) -> str:
        return f"<Job {self.name} {self._state} {self.schedule} runs={self._runs}>"

    def wake(self) -> None:
        """Run as soon as possible: now, or right after the present run."""
        self._woken.set()

    def stop(self) -> None:
        """Finish the present run and end."""
        self._is_stopping = True
        self._woken.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep to the schedule until asked to stop."""
        self._is_stopping = False
        task_status.started()
        try:
            while not self._is_stopping:
                next_at = trio.current_time() + self.schedule.delay_s(self._clock.now())
                self._woken = trio.Event()
                self._look_again_at = math.inf
                await self.run_once()
                self._state = "waiting"
                with trio.move_on_at(min(next_at, self._look_again_at)):
                    await self._woken.wait()
        finally:
            self._state = "stopped"

    async def run_once(self) -> bool:
        """Run the body once; True when it had its turn and succeeded."""
        self._state = "running"
        started_at = trio.current_time()
        self._last_run_at = self._clock.now()
        try:
            with bind(job=self.name):
                told = await self._body()
        except Exception as error:
            self._last_error = root_cause(error)
            self._failures += 1
            WORKER_JOBS_FAILED.labels(self.name).inc()
            log.exception("job failed", job=self.name)
            return False
        finally:
            self._last_duration_ms = (trio.current_time() - started_at) * 1000
        if isinstance(told, NotNow):
            self._skipped += 1
            self._look_again_at = trio.current_time() + told.look_again_s
            return False
        self._runs += 1
        self._last_error = None
        JOB_DURATION_MS.labels(self.name).observe(self._last_duration_ms)
        JOB_LAST_SUCCESS.labels(self.name).set(self._clock.now().timestamp())
        WORKER_JOBS_PROCESSED.labels(self.name).inc()
        return True

    def as_child(
        self, *, restart: Restart = Restart.PERMANENT, shutdown_s: float = SHUTDOWN_S
    ) -> ChildSpec:
        """Return the spec that puts this job under a supervisor."""
        return ChildSpec(
            id=self.name,
            start=self.run,
            restart=restart,
            shutdown_s=shutdown_s,
            stop=self.stop,
            inspect=self.tree,
        )

    def statistics(self) -> JobStatistics:
        """Return what the job did so far."""
        return JobStatistics(
            name=self.name,
            runs=self._runs,
            failures=self._failures,
            skipped=self._skipped,
            last_run_at=self._last_run_at,
            last_duration_ms=self._last_duration_ms,
            last_error=describe(self._last_error),
        )

    def tree(self) -> Node:
        """Return the picture of this job."""
        return Node(
            name=self.name, kind="job", state=self._state, last_error=describe(self._last_error)
        )
