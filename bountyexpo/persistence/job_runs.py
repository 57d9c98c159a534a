"""What ran by the clock: one row for each run, written before it begins and when it has ended.

A row that says ``running`` while nobody holds the job's lease belongs to a process that has died;
whoever takes the lease next calls it lost, and owes the run again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bountyexpo.persistence import leases

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.persistence.pool import Pool
    from bountyexpo.persistence.queries import Queries

Outcome = Literal["succeeded", "failed", "lost", "skipped"]

# Of each job at least this many are kept, however old they are.
RUNS_KEPT = 20

ERROR_CHARS_MAX = 500

_LOST = """
    update job_runs set outcome = 'lost', finished_at = clock_timestamp()
    where job = %s and outcome = 'running'
"""

_LAST = """
    select max(due_at) as due_at from job_runs
    where job = %s and outcome in ('succeeded', 'failed', 'skipped')
"""

_START = """
    insert into job_runs (job, epoch, node, due_at) values (%s, %s, %s, %s)
"""

_FINISH = """
    update job_runs set outcome = %s, error = %s, finished_at = clock_timestamp()
    where job = %s and epoch = %s and outcome = 'running'
"""

_PRUNE = """
    delete from job_runs where id in (
        select id from (
            select id, finished_at, row_number() over (partition by job order by id desc) as nth
            from job_runs
        ) as counted
        where nth > %s and finished_at < now() - make_interval(days => %s)
    )
"""

LATEST = """
    select distinct on (job) job, node, due_at, started_at, finished_at, outcome, error
    from job_runs order by job, id desc
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A job and who runs it: what ``start`` must know."""

    job: str
    node: str
    lease_ttl_s: float
    # Which time the run is for, and whether one for ``since`` or later makes it needless.
    due_at: datetime
    since: datetime
    # Whether a job that has never run is owed a run now.
    runs_when_new: bool


class NotDue(Exception):
    """The run that would be owed was done already."""


async def start(db: Pool, turn: Turn) -> int | None:
    """Take the job's lease and write that it runs; return the epoch.

    None means that somebody else holds the lease.

    Raises:
        NotDue: the run was done already.
    """
    async with db.transaction() as tx:
        epoch = await leases.take(tx, turn.job, turn.node, turn.lease_ttl_s)
        if epoch is None:
            return None
        await tx.execute(_LOST, (turn.job,))
        last = await tx.fetch_one(_LAST, (turn.job,))
        done_for = last["due_at"] if last else None
        is_new = done_for is None and not turn.runs_when_new
        is_due = not is_new and (done_for is None or done_for < turn.since)
        if is_due or is_new:
            await tx.execute(_START, (turn.job, epoch, turn.node, turn.due_at))
        if is_new:
            await tx.execute(_FINISH, ("skipped", None, turn.job, epoch))
        if not is_due:
            await leases.release(tx, turn.job, epoch)
    if not is_due:
        raise NotDue
    return epoch


async def finish(
    db: Pool, job: str, epoch: int, outcome: Outcome, error: str | None = None
) -> None:
    """Write how a run ended, and free its lease.

    Raises:
        LeaseLost: somebody else runs the job by now, and has called this run lost.
    """
    async with db.transaction() as tx:
        await leases.hold(tx, job, epoch)
        reason = error[:ERROR_CHARS_MAX] if error else None
        await tx.execute(_FINISH, (outcome, reason, job, epoch))
        await leases.release(tx, job, epoch)


async def prune(db: Queries, days: int) -> int:
    """Forget runs that ended longer ago than this, but the last of each job; return how many."""
    return await db.execute(_PRUNE, (RUNS_KEPT, days))


async def latest(db: Queries) -> list[dict[str, Any]]:
    """Return the last run of each job."""
    return await db.fetch(LATEST)
