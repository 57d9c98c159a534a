"""Behind a pooler in transaction mode everything works that works without one."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
import trio
from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.persistence.connection import Connection
from bountyexpo.persistence.pool import Pool
from bountyexpo.persistence.server.check import is_pooled
from bountyexpo.persistence.server.claim import ServiceClaim
from bountyexpo.persistence.server.preparation import Preparation
from bountyexpo.persistence.statement import statement

from tests.commits import UNHEARD
from tests.integration.persistence.server.transaction_pooler import TransactionPooler
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from bountyexpo.persistence.transaction import Transaction

KINDS = [
    {"is_lifo": False},
    {"is_lifo": True},
    {"sessions": 2, "is_lifo": True},
    {"sessions": 5},
    {"refuses_options": True},
]


@asynccontextmanager
async def pooler(dsn: str, **kind):
    async with trio.open_nursery() as nursery:
        made = TransactionPooler(dsn, **kind)
        await nursery.start(made.run)
        yield made.dsn
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def prepared(dsn: str, **bounds):
    """A pool as the service has it."""
    pool = Pool(
        dsn, UNHEARD, prepare=Preparation(ServiceClaim("process 1 on host far, port 1")), **bounds
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(pool.run)
        with trio.fail_after(PATIENCE_S):
            await pool.wait_ready()
        yield pool
        nursery.cancel_scope.cancel()


async def looks_pooled(dsn: str) -> bool:
    first = await Connection.open(dsn, timeout_s=5)
    second = await Connection.open(dsn, timeout_s=5)
    try:
        return await is_pooled(first, second)
    finally:
        first.close()
        second.close()


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_a_pooler_is_noticed(dsn: str, kind):
    async with pooler(dsn, **kind) as address:
        assert await looks_pooled(address)


async def test_a_pooler_with_one_session_is_noticed(dsn: str, monkeypatch):
    monkeypatch.setattr("bountyexpo.persistence.server.check.WAITS_S", 0.2)
    async with pooler(dsn, sessions=1) as address:
        assert await looks_pooled(address)


async def test_a_server_by_itself_is_no_pooler(dsn: str):
    assert not await looks_pooled(dsn)


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_a_database_is_migrated_and_used_behind_a_pooler(empty_dsn: str, kind):
    async with pooler(empty_dsn, **kind) as address, prepared(address, size_max=4) as pool:
        assert pool.statistics()["pooled"]

        async def work(number: int) -> None:
            for turn in range(6):
                async with pool.transaction() as tx:
                    await tx.execute(
                        "insert into audit_log (category, action, target_type, target_id)"
                        " values ('test', %s, 'number', %s)",
                        (str(turn), str(number)),
                    )
                rows = await pool.fetch(
                    "select action from audit_log where target_id = %s", (str(number),)
                )
                assert len(rows) == turn + 1

        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(work, number)


async def test_every_transaction_has_our_settings(dsn: str):
    read = (
        "select current_setting('timezone') as zone, current_setting('search_path') as path,"
        " current_setting('statement_timeout') as timeout, current_setting('jit') as jit"
    )
    wanted = {"zone": "UTC", "path": "app, public", "timeout": "7s", "jit": "off"}
    async with pooler(dsn) as address, prepared(address, statement_timeout_s=7) as pool:
        for _ in range(5):
            assert await pool.fetch_one(read) == wanted
            async with pool.transaction() as tx:
                assert await tx.fetch_one(read) == wanted


async def test_a_session_of_the_server_keeps_nothing_of_us(dsn: str):
    async with pooler(dsn, sessions=2) as address, prepared(address) as pool:
        for _ in range(4):
            await pool.fetch("select %s::int as one", (1,))
        other = await Connection.open(address, timeout_s=5)
        left = statement(
            "select current_setting('search_path') like 'app%%' as ours,"
            " (select count(*) from pg_prepared_statements) as prepared"
        )
        assert left.load(await other.query(left, ())) == [{"ours": False, "prepared": 0}]
        other.close()


async def test_an_error_leaves_the_session_usable(dsn: str):
    async with pooler(dsn) as address, prepared(address, size_min=1, size_max=1) as pool:
        for _ in range(3):
            with pytest.raises(psycopg.errors.UndefinedTable):
                await pool.fetch("select 1 from nowhere")
            assert await pool.fetch_one("select 1 as one") == {"one": 1}


async def test_a_second_start_waits_for_no_lock_of_the_first(empty_dsn: str):
    async with pooler(empty_dsn) as address:
        for _ in range(2):
            async with prepared(address) as pool:
                assert pool.is_ready
            forget_the_claim(empty_dsn)
        with psycopg.connect(empty_dsn) as session:
            left = session.execute("select count(*) from pg_locks where locktype = 'advisory'")
            assert left.fetchone() == (0,)


def forget_the_claim(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("delete from app.leases")


async def test_a_pooler_that_comes_later_is_noticed_by_what_a_session_forgot(dsn: str):
    """Nothing told the pool at its start; the read-back of the settings does."""
    async with pooler(dsn, is_lifo=False) as address:
        pool = Pool(address, UNHEARD)
        async with trio.open_nursery() as nursery:
            await nursery.start(pool.run)
            with trio.fail_after(PATIENCE_S):
                await pool.wait_ready()
            assert pool.statistics()["pooled"]
            assert await pool.fetch("select 1 from leases") == []
            nursery.cancel_scope.cancel()


async def test_a_statement_that_a_session_does_not_know_is_no_fault_of_the_caller(database: Pool):
    for _ in range(3):
        await database.fetch("select %s::int as known", (1,))
    await database.execute("deallocate all")
    with pytest.raises(DatabaseUnavailable):
        await database.fetch("select %s::int as known", (1,))

    assert await database.fetch("select %s::int as known", (1,)) == [{"known": 1}]


async def test_a_name_means_one_statement_in_every_session(dsn: str):
    async with (
        prepared(dsn, size_min=2, size_max=2) as pool,
        pool.transaction() as one,
        pool.transaction() as other,
    ):
        names = [await names_in(one), await names_in(other)]

    assert names[0] == names[1]
    assert len(names[0]) == 2


async def names_in(tx: Transaction) -> set[tuple[str, str]]:
    """Prepare two statements, and return what the session calls them."""
    for text, value in (("select %s::int as a", 1), ("select %s::text as a", "1")):
        for _ in range(2):
            await tx.fetch(text, (value,))
    rows = await tx.fetch(
        "select name, statement from pg_prepared_statements where statement like '%% as a'"
    )
    return {(row["name"], row["statement"]) for row in rows}
