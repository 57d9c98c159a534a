"""The pool against a real server: values, bounds, cancellation, and loss of the server."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
import trio
import trio.testing
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import DatabaseUnavailable, Duplicate, NotStorable, StaleVersion
from bountyexpo.persistence.pool import Json, Pool
from bountyexpo.sandbox.postgres import EmbeddedPostgres

from tests.commits import UNHEARD
from tests.patience import PATIENCE_S


@asynccontextmanager
async def running(pool: Pool, *, ready: bool = True):
    async with trio.open_nursery() as nursery:
        await nursery.start(pool.run)
        with trio.fail_after(PATIENCE_S):
            if ready:
                await pool.wait_ready()
        yield pool
        nursery.cancel_scope.cancel()


@pytest.fixture
def own_server(folder, initdb):
    server = EmbeddedPostgres(initdb(folder / "data"), settings={"fsync": "off"})
    try:
        server.start()
        yield server
    finally:
        server.stop()


def noise(size: int) -> str:
    """Text that does not become shorter when it is compressed."""
    return Random(0).randbytes(size).hex()


def nested(depth: int) -> list:
    found: list = []
    for _ in range(depth):
        found = [found]
    return found


BOTTOMLESS = Json(nested(100_000))


async def attempt(call, *arguments) -> Exception | None:
    try:
        await call(*arguments)
    except DatabaseUnavailable as error:
        return error
    return None


async def in_use(pool: Pool, count: int) -> None:
    with trio.fail_after(PATIENCE_S):
        while pool.statistics()["in_use"] != count:  # noqa: ASYNC110 - the pool has no event for it
            await trio.sleep(0.005)


async def not_ready(pool: Pool) -> None:
    with trio.fail_after(PATIENCE_S):
        while pool.is_ready:  # noqa: ASYNC110 - the pool has an event only for the opposite
            await trio.sleep(0.005)


async def test_rows_come_back_as_plain_values(database: Pool):
    uid, now = new_id(), datetime.now(UTC)

    row = await database.fetch_one(
        "select %s::uuid as id, %s::timestamptz as at, %s::jsonb as data, %s::bigint as big,"
        " array[%s::uuid] as ids, %s::jsonb as list, null as nothing, '100%%' as percent",
        (uid, now, {"a": [1, None]}, 2**40, uid, Json([1, "x"])),
    )

    assert row == {
        "id": uid,
        "at": now,
        "data": {"a": [1, None]},
        "big": 2**40,
        "ids": [uid],
        "list": [1, "x"],
        "nothing": None,
        "percent": "100%",
    }
    assert row["at"].utcoffset() == timedelta(0)


async def test_named_parameters_may_repeat(database: Pool):
    row = await database.fetch_one(
        "select %(a)s::int + %(b)s::int + %(a)s::int as sum", {"a": 1, "b": 10}
    )

    assert row == {"sum": 12}


async def test_a_statement_is_prepared_on_its_second_use(database: Pool):
    for _ in range(3):
        await database.fetch("select %s::int as prepared_probe", (1,))

    rows = await database.fetch("select name from pg_prepared_statements")

    assert len(rows) == 1


async def test_a_statement_that_was_left_while_it_was_prepared_does_no_harm(dsn: str):
    async with running(Pool(dsn, UNHEARD, size_min=1, size_max=1)) as pool:
        await pool.fetch("select 1 as x")
        with trio.CancelScope() as scope:
            scope.cancel()
            await pool.fetch("select 1 as x")

        assert [await pool.fetch(f"select {n // 2} as x") for n in range(2, 6)] == [
            [{"x": n // 2}] for n in range(2, 6)
        ]


async def test_execute_counts_changed_rows(database: Pool):
    await database.execute("insert into leases values ('a', 'x', 1, now()), ('b', 'x', 1, now())")

    assert await database.execute("delete from leases where owner = %s", ("x",)) == 2


async def test_a_row_that_is_there_already_is_a_duplicate(database: Pool):
    await database.execute("insert into leases values ('a', 'x', 1, now())")

    with pytest.raises(Duplicate) as refused:
        await database.execute("insert into leases values ('a', 'x', 1, now())")

    assert refused.value.constraint == "leases_pkey"
    assert await database.fetch_one("select 1 as one") == {"one": 1}


UNWRITABLE = {
    "nul": ("select %s::text as it", "a\x00"),
    "nul in json": ("select %s::jsonb as it", {"a": "\x00"}),
    "surrogate": ("select %s::text as it", "a\ud800"),
    "surrogate in json": ("select %s::jsonb as it", {"a": "\ud800"}),
    "key that is no text": ("select %s::jsonb as it", {None: 1}),
    "bottomless": ("select %s::jsonb as it", BOTTOMLESS),
    "no uuid": ("select %s::text::uuid as it", "b7"),
    "no moment": ("select %s::text::timestamptz as it", "tomorrow-ish"),
    "year": ("select %s::text::timestamptz as it", "300000-01-01"),
    "number": ("select %s::numeric::bigint as it", 2**70),
    "long number": ("select %s::text::int as it", "9" * 30),
    "check": ("insert into leases values (%s, 'x', 1, now())", None),
    "foreign key": ("insert into user_profiles (user_id) values (%s)", str(UUID(int=7))),
    "too long for an index": ("insert into leases values (%s, 'x', 1, now())", noise(10_000)),
}


@pytest.mark.parametrize("name", UNWRITABLE)
async def test_a_value_that_the_database_refuses_is_the_callers_fault(database: Pool, name: str):
    sql, value = UNWRITABLE[name]
    for _ in range(3):  # also when prepared
        with pytest.raises(NotStorable):
            await database.fetch(sql, (value,))
        with pytest.raises(NotStorable):
            async with database.transaction() as tx:
                await tx.fetch(sql, (value,))

    assert await database.fetch_one("select 1 as one") == {"one": 1}


async def test_waiting_callers_are_refused_after_their_time(dsn: str):
    async with running(Pool(dsn, UNHEARD, size_min=1, size_max=1, acquire_timeout_s=0.2)) as pool:
        async with pool.transaction():
            refused = await attempt(pool.fetch, "select 1")
        assert isinstance(refused, DatabaseUnavailable)

        assert await pool.fetch_one("select 1 as one") == {"one": 1}


async def test_waiting_callers_are_served_in_order(dsn: str):
    served: list[int] = []

    async def caller(number: int) -> None:
        await pool.fetch("select 1")
        served.append(number)

    pool = Pool(dsn, UNHEARD, size_min=1, size_max=1)
    async with running(pool), trio.open_nursery() as nursery, pool.transaction():
        for number in range(20):
            nursery.start_soon(caller, number)
            await trio.testing.wait_all_tasks_blocked()

    assert served == list(range(20))


async def test_the_pool_never_grows_over_its_bound(dsn: str):
    sizes: set[int] = set()

    async def caller() -> None:
        await pool.fetch("select pg_sleep(0.01)")
        sizes.add(pool.statistics()["size"])

    async with (
        running(Pool(dsn, UNHEARD, size_min=3, size_max=3)) as pool,
        trio.open_nursery() as nursery,
    ):
        for _ in range(30):
            nursery.start_soon(caller)

    assert max(sizes) == 3


async def test_a_cancelled_statement_stops_on_the_server(dsn: str):
    async with running(Pool(dsn, UNHEARD, size_min=2, size_max=2)) as pool:
        with trio.move_on_after(0.05):
            await pool.fetch("select pg_sleep(30)")
        await in_use(pool, 0)

        rows = await pool.fetch(
            "select 1 from pg_stat_activity where query like '%%pg_sleep(30)%%'"
            " and state = 'active' and pid <> pg_backend_pid()"
        )

        assert rows == []
        assert pool.statistics()["size"] == 2


async def test_a_cancelled_waiter_takes_no_session(dsn: str):
    async with running(Pool(dsn, UNHEARD, size_min=1, size_max=1)) as pool:
        async with pool.transaction():
            with trio.move_on_after(0.02):
                await pool.fetch("select 1")

        assert pool.statistics()["waiting"] == 0
        assert await pool.fetch_one("select 1 as one") == {"one": 1}


async def test_the_statement_timeout_ends_a_statement(dsn: str):
    async with running(Pool(dsn, UNHEARD, size_min=1, statement_timeout_s=0.1)) as pool:
        with pytest.raises(DatabaseUnavailable):
            await pool.fetch("select pg_sleep(30)")

        assert await pool.fetch_one("select 1 as one") == {"one": 1}


async def test_a_session_that_does_not_answer_is_hung_up_on(dsn: str, monkeypatch):
    monkeypatch.setattr("bountyexpo.persistence.pool.HANG_UP_GRACE_S", -599.9)
    async with running(Pool(dsn, UNHEARD, size_min=1, statement_timeout_s=600)) as pool:
        with trio.fail_after(PATIENCE_S), pytest.raises(DatabaseUnavailable):
            await pool.fetch("select pg_sleep(600)")


async def test_a_lost_session_ends_only_its_own_work(database: Pool):
    async def decide() -> None:
        async with database.transaction() as tx:
            await tx.execute("insert into leases values ('lost', 'x', 1, now())")
            row = await tx.fetch_one("select pg_backend_pid() as pid")
            await database.fetch("select pg_terminate_backend(%s, 1000)", (row["pid"],))
            await tx.fetch("select 1")

    assert await attempt(decide) is not None
    assert await database.fetch("select 1 from leases") == []


async def test_a_deadlock_is_a_stale_version(database: Pool):
    await database.execute("insert into leases values ('a', 'x', 1, now()), ('b', 'x', 1, now())")
    refused: list[Exception] = []
    both_hold = [trio.Event(), trio.Event()]

    async def crossing(first: str, second: str, number: int) -> None:
        try:
            async with database.transaction() as tx:
                await tx.fetch("select 1 from leases where name = %s for update", (first,))
                both_hold[number].set()
                await both_hold[1 - number].wait()
                await tx.fetch("select 1 from leases where name = %s for update", (second,))
        except StaleVersion as error:
            refused.append(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(crossing, "a", "b", 0)
        nursery.start_soon(crossing, "b", "a", 1)

    assert len(refused) == 1


async def test_without_a_database_every_call_is_refused_at_once():
    pool = Pool("postgresql:///nothing?host=/nonexistent", UNHEARD, acquire_timeout_s=600)
    async with running(pool, ready=False):
        with trio.fail_after(PATIENCE_S), pytest.raises(DatabaseUnavailable):
            await pool.fetch("select 1")

        assert not pool.is_ready


async def test_the_pool_survives_a_stop_and_start_of_the_server(own_server: EmbeddedPostgres):
    async with running(Pool(own_server.dsn, UNHEARD, size_min=2, acquire_timeout_s=600)) as pool:
        await trio.to_thread.run_sync(own_server.stop)
        await not_ready(pool)
        with trio.fail_after(PATIENCE_S), pytest.raises(DatabaseUnavailable):
            await pool.fetch("select 1")

        await trio.to_thread.run_sync(own_server.start)
        with trio.fail_after(PATIENCE_S):
            await pool.wait_ready()

        assert await pool.fetch_one("select 1 as one") == {"one": 1}


async def test_the_pool_survives_a_killed_server(own_server: EmbeddedPostgres):
    async with running(Pool(own_server.dsn, UNHEARD, size_min=2)) as pool:
        await pool.execute("create table kept as select 1 as one")
        own_server.kill()
        await not_ready(pool)

        await trio.to_thread.run_sync(own_server.start)
        with trio.fail_after(PATIENCE_S):
            await pool.wait_ready()

        assert await pool.fetch_one("select one from kept") == {"one": 1}


async def test_a_pool_and_its_users_may_be_cancelled_at_once(dsn: str):
    pool = Pool(dsn, UNHEARD, size_max=2)

    async with trio.open_nursery() as nursery:
        await nursery.start(pool.run)
        await pool.wait_ready()
        for _ in range(5):
            nursery.start_soon(pool.fetch, "select pg_sleep(30)")
        await in_use(pool, 2)
        nursery.cancel_scope.cancel()

    assert pool.statistics()["size"] == 0


async def test_a_stopping_pool_tells_its_users(dsn: str):
    pool = Pool(dsn, UNHEARD)
    outcomes: list[str] = []

    async def user() -> None:
        try:
            await pool.fetch("select pg_sleep(30)")
        except DatabaseUnavailable:
            outcomes.append("refused")

    async with trio.open_nursery() as users, running(pool):
        users.start_soon(user)
        await in_use(pool, 1)

    assert outcomes == ["refused"]
