"""A job that runs by the clock, on one node of all, with a row for each run.

Each run holds the job's lease, renews it while it goes on, and gives it back when it ends or is
stopped. What it writes goes through ``JobRun.transaction``, which refuses a run whose lease is
somebody else's by now: a process that was asleep for a minute wakes up and changes nothing. One
that dies leaves its lease to run out and its row ``running``; the next node calls that run lost and
runs the job again, so a body may run twice and repeats without harm.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import trio

from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.observability.logs import get_logger
from bountyexpo.persistence import job_runs, leases
from bountyexpo.persistence.job_runs import Turn
from bountyexpo.supervisors import Job, NotNow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bountyexpo.actors.system import Actors
    from bountyexpo.domain.policy import Policy
    from bountyexpo.persistence.pool import Pool
    from bountyexpo.persistence.transaction import Transaction
    from bountyexpo.runtime.clock import Clock
    from bountyexpo.supervisors import Schedule

# How long a node that died keeps the others from its job; the lease is renewed three times in that.
LEASE_S = 30.0

# Another node runs the job, or the database is away: look again after this.
LOOK_AGAIN_S = 10.0

# Writing how a run ended is not interrupted, but it is bounded.
FINISH_S = 2.0

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDependencies:
    """What jobs work with; ``node`` is this process, as the rows of its runs name it."""

    db: Pool
    actors: Actors
    node: str
    clock: Clock
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """One run under its lease: what a body works with."""

    dependencies: JobDependencies
    name: str
    epoch: int

    @property
    def db(self) -> Pool:
        """For reading; what is written goes through ``transaction``."""
        return self.dependencies.db

    @property
    def actors(self) -> Actors:
        """The owners of what the job is about."""
        return self.dependencies.actors

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction that this run may write in.

        Raises:
            LeaseLost: another node runs this job by now.
        """
        async with self.db.transaction() as tx:
            await leases.hold(tx, self.name, self.epoch)
            yield tx


@dataclass(frozen=True, slots=True)
class Periodic:
    """What is done at the times of ``schedule``. The body may run twice, without harm."""

    name: str
    schedule: Schedule
    body: Callable[[JobRun], Awaitable[None]]

    def job(self, dependencies: JobDependencies) -> Job:
        """Return it as a job."""
        return Job(
            self.name, self.schedule, partial(self.run, dependencies), clock=dependencies.clock
        )

    async def run(self, dependencies: JobDependencies) -> NotNow | None:
        """Run once if it is due and nobody else runs it."""
        due = self.schedule.due(dependencies.clock.now())
        turn = Turn(
            job=self.name,
            node=dependencies.node,
            lease_ttl_s=LEASE_S,
            due_at=due.at,
            since=due.since,
            runs_when_new=self.schedule.runs_when_new,
        )
        try:
            epoch = await job_runs.start(dependencies.db, turn)
        except job_runs.NotDue:
            return NotNow()
        except DatabaseUnavailable:
            return NotNow(LOOK_AGAIN_S)
        if epoch is None:
            return NotNow(LOOK_AGAIN_S)
        await self._carry_out(JobRun(dependencies=dependencies, name=self.name, epoch=epoch))
        return None

    async def _carry_out(self, run: JobRun) -> None:
        """Run the body beside the renewal of its lease, and write how it ended."""
        outcome: job_runs.Outcome = "lost"
        failure: Exception | None = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_renew, run, nursery.cancel_scope)
                try:
                    await self.body(run)
                    outcome = "succeeded"
                except leases.LeaseLost as error:
                    failure = error
                except Exception as error:  # noqa: BLE001 - written down, and raised below
                    outcome, failure = "failed", error
                nursery.cancel_scope.cancel()
        finally:
            # Also when it is stopped: the lease is free at once, and the run is owed again.
            reason = f"{type(failure).__name__}: {failure}" if failure else None
            with trio.move_on_after(FINISH_S, shield=True):
                with suppress(leases.LeaseLost, DatabaseUnavailable):
                    await job_runs.finish(run.db, run.name, run.epoch, outcome, reason)
        if failure is not None:
            raise failure
        if outcome == "lost":
            raise leases.LeaseLost(run.name)


async def _renew(run: JobRun, scope: trio.CancelScope) -> None:
    """Keep the lease; end the run before the lease ends, when it cannot be kept."""
    kept_until = trio.current_time() + LEASE_S
    while True:
        await trio.sleep(LEASE_S / 3)
        asked_at = trio.current_time()
        try:
            await leases.renew(run.db, run.name, run.epoch, LEASE_S)
        except leases.LeaseLost:
            _log.warning("a job was taken over", job=run.name)
            scope.cancel()
        except DatabaseUnavailable:
            if trio.current_time() + LEASE_S / 3 >= kept_until:
                _log.warning("a job lost its lease", job=run.name)
                scope.cancel()
        else:
            kept_until = asked_at + LEASE_S
