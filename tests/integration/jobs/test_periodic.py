"""A job runs on one node of all, once for each of its times, whichever step a node dies in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.jobs import periodic
from bountyexpo.jobs.periodic import JobDependencies, Periodic
from bountyexpo.jobs.prune import prune
from bountyexpo.persistence import job_runs
from bountyexpo.persistence.leases import LeaseLost
from bountyexpo.supervisors import Cron, Every, NotNow

from tests.dying_pool import Died, DyingPool
from tests.fixed_clock import FixedClock
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOURLY = Every(3_600)


async def runs(database: Pool) -> list[tuple[str, str]]:
    rows = await database.fetch("select node, outcome from job_runs order by id")
    return [(row["node"], row["outcome"]) for row in rows]


async def run_out(database: Pool) -> None:
    """Let a minute pass, as far as leases are concerned."""
    await database.execute("update leases set expires_at = now() - interval '1 second'")


def on(node: str, database, clock: FixedClock | None = None) -> JobDependencies:
    return JobDependencies(
        db=database,
        actors=None,
        node=node,
        clock=clock or FixedClock(datetime.now(UTC)),
        policy=None,
    )


async def test_a_run_is_written_down(database: Pool):
    seen = []

    async def body(run) -> None:
        seen.append(await runs(database))

    await Periodic("sweep", HOURLY, body).run(on("n1", database))

    assert seen == [[("n1", "running")]]
    (row,) = await job_runs.latest(database)
    assert (row["job"], row["outcome"], row["error"]) == ("sweep", "succeeded", None)
    assert row["started_at"] <= row["finished_at"]


async def test_a_failure_is_written_down_and_is_a_failure(database: Pool):
    async def body(run) -> None:
        raise ZeroDivisionError("by nothing")

    job = Periodic("sweep", HOURLY, body).job(on("n1", database))

    assert await job.run_once() is False
    assert job.statistics().failures == 1
    (row,) = await job_runs.latest(database)
    assert (row["outcome"], row["error"]) == ("failed", "ZeroDivisionError: by nothing")


async def test_another_node_does_not_run_what_was_run(database: Pool):
    ran: list[str] = []

    async def body(run) -> None:
        ran.append(run.dependencies.node)

    sweep, clock = Periodic("sweep", HOURLY, body), FixedClock(NOON)
    assert await sweep.run(on("n1", database, clock)) is None
    assert await sweep.run(on("n2", database, clock)) == NotNow()

    clock.advance(3_500)
    assert await sweep.run(on("n2", database, clock)) is None
    assert ran == ["n1", "n2"]


async def test_nodes_that_wake_together_run_it_once(database: Pool):
    ran: list[str] = []

    async def body(run) -> None:
        ran.append(run.dependencies.node)
        await trio.testing.wait_all_tasks_blocked(0.02)

    sweep, clock = Periodic("sweep", HOURLY, body), FixedClock(NOON)
    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(sweep.run, on(f"n{number}", database, clock))

    assert len(ran) == 1


async def test_a_cron_job_waits_for_its_time_and_makes_a_missed_one_good_once(database: Pool):
    ran: list[datetime] = []

    async def body(run) -> None:
        ran.append(clock.now())

    nightly, clock = Periodic("nightly", Cron("0 3 * * *"), body), FixedClock(NOON)
    dependencies = on("n1", database, clock)
    await nightly.run(dependencies)
    assert (ran, await runs(database)) == ([], [("n1", "skipped")])

    clock.set(NOON + timedelta(days=3))
    await nightly.run(dependencies)
    await nightly.run(dependencies)
    assert ran == [NOON + timedelta(days=3)]

    clock.set(datetime(2026, 1, 5, 3, tzinfo=UTC))
    await nightly.run(dependencies)
    assert len(ran) == 2


async def test_a_lease_is_renewed_while_the_job_runs(database: Pool, monkeypatch):
    monkeypatch.setattr(periodic, "LEASE_S", 0.3)

    async def body(run) -> None:
        first = await until(database)
        with trio.fail_after(PATIENCE_S):
            while await until(database) < first + timedelta(seconds=0.5):
                await trio.lowlevel.checkpoint()

    await Periodic("sweep", HOURLY, body).run(on("n1", database))

    assert await runs(database) == [("n1", "succeeded")]


async def until(database: Pool) -> datetime:
    row = await database.fetch_one("select expires_at from leases")
    return row["expires_at"]


async def test_a_stopped_job_gives_its_lease_back(database: Pool):
    async def body(run) -> None:
        nursery.cancel_scope.cancel()
        await trio.sleep_forever()

    sweep = Periodic("sweep", HOURLY, body)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sweep.run, on("n1", database))

    assert await runs(database) == [("n1", "lost")]
    assert await Periodic("sweep", HOURLY, nothing).run(on("n2", database)) is None


async def nothing(run) -> None:
    pass


async def test_what_a_stale_owner_writes_is_refused(database: Pool):
    async def write(run) -> None:
        await run_out(database)
        assert await Periodic("sweep", HOURLY, nothing).run(on("n2", database)) is None
        async with run.transaction() as tx:
            await tx.execute("delete from leases")

    with pytest.raises(LeaseLost):
        await Periodic("sweep", HOURLY, write).run(on("n1", database))

    assert await runs(database) == [("n1", "lost"), ("n2", "succeeded")]
    assert await database.fetch("select 1 from leases") != []


async def test_a_run_ends_when_its_lease_cannot_be_kept(database: Pool, monkeypatch):
    monkeypatch.setattr(periodic, "LEASE_S", 0.1)

    async def body(run) -> None:
        await run_out(database)
        await database.execute("update leases set epoch = epoch + 1, owner = 'n2'")
        await trio.sleep_forever()

    with trio.fail_after(PATIENCE_S), pytest.raises(LeaseLost):
        await Periodic("sweep", HOURLY, body).run(on("n1", database))


@pytest.mark.parametrize("after", [False, True], ids=["before the commit", "after the commit"])
@pytest.mark.parametrize("step", range(4))
async def test_a_node_that_dies_at_any_step_is_replaced(database: Pool, step: int, after: bool):
    """The steps are: take the lease and write the run; two writes of the body; write the end."""
    await database.execute("create table work (step int primary key, times int default 1)")

    async def body(run) -> None:
        for number in range(2):
            async with run.transaction() as tx:
                await tx.execute(
                    "insert into work values (%s) on conflict (step)"
                    " do update set times = work.times + 1",
                    (number,),
                )

    sweep = Periodic("sweep", HOURLY, body)
    dying = DyingPool(database, at=step, after=after)
    clock = FixedClock(NOON)
    with pytest.raises((Died, BaseExceptionGroup)):
        await sweep.run(on("n1", dying, clock))
    assert dying.has_died
    is_done = step == 3 and after

    if step > 0 or after:
        if not is_done:
            assert await sweep.run(on("n2", database, clock)) == NotNow(periodic.LOOK_AGAIN_S)
        await run_out(database)
    again = await sweep.run(on("n2", database, clock))

    assert again == (NotNow() if is_done else None)
    work = await database.fetch("select step, times from work order by step")
    assert [row["step"] for row in work] == [0, 1]
    assert all(row["times"] <= 2 for row in work)
    outcomes = await runs(database)
    assert [outcome for _, outcome in outcomes if outcome == "succeeded"] == ["succeeded"]
    assert "running" not in {outcome for _, outcome in outcomes}
    assert await sweep.run(on("n3", database, clock)) == NotNow()


async def test_nothing_runs_while_the_database_is_away():
    class Away:
        def transaction(self):
            raise DatabaseUnavailable

    assert await Periodic("sweep", HOURLY, nothing).run(on("n1", Away())) == NotNow(
        periodic.LOOK_AGAIN_S
    )


async def test_old_runs_are_forgotten_but_for_the_last_of_each_job(database: Pool):
    await database.execute(
        "insert into job_runs (job, epoch, node, due_at, finished_at, outcome)"
        " select job, n, 'n1', now(), now() - interval '30 days', 'succeeded'"
        " from generate_series(1, 50) n, unnest(array['a', 'b']) job"
    )
    await database.execute(
        "insert into job_runs (job, epoch, node, due_at) values ('c', 1, 'n1', now())"
    )

    await Periodic("prune", HOURLY, prune).run(on("n1", database))

    rows = await database.fetch("select job, count(*) as runs from job_runs group by 1 order by 1")
    kept = {row["job"]: row["runs"] for row in rows}
    assert kept == {"a": job_runs.RUNS_KEPT, "b": job_runs.RUNS_KEPT, "c": 1, "prune": 1}
