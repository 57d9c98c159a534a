"""A database that can never be used is refused by name; what may pass by itself is waited for."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.persistence.pool import Pool
from bountyexpo.persistence.server import check
from bountyexpo.persistence.server.check import DatabaseRefused, refusal
from bountyexpo.persistence.server.claim import ServiceClaim
from bountyexpo.persistence.server.preparation import Preparation

from tests.commits import UNHEARD
from tests.databases import on_server, url
from tests.patience import PATIENCE_S


@pytest.fixture
def database_of(server_dsn: str):
    """Makes databases of odd kinds; they are dropped at the end."""
    made = []

    def make(options: str) -> str:
        name = f"odd_{new_id().replace('-', '')}"
        on_server(server_dsn, f"create database {name} template template0 {options}")
        made.append(name)
        return url(psycopg.conninfo.make_conninfo(server_dsn, dbname=name))

    yield make
    for name in made:
        on_server(server_dsn, f"drop database {name} with (force)")


async def prepare(dsn: str) -> bool:
    with trio.fail_after(PATIENCE_S):
        return await Preparation(ServiceClaim("process 1 on host far, port 1"))(dsn)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
async def test_a_database_that_cannot_hold_every_text_is_refused(database_of, encoding):
    dsn = database_of(f"encoding '{encoding}' locale_provider 'libc' locale 'C'")

    with pytest.raises(DatabaseRefused, match=f"DATABASE_URL: .*{encoding}.*UTF8"):
        await prepare(dsn)


async def test_a_server_that_is_too_old_is_refused(empty_dsn, monkeypatch):
    monkeypatch.setattr(check, "VERSION_MIN", 99)

    with pytest.raises(DatabaseRefused, match="99 or newer is needed"):
        await prepare(empty_dsn)


async def test_a_database_or_a_role_that_is_not_there_is_refused(empty_dsn):
    path = urlsplit(empty_dsn).path
    with pytest.raises(DatabaseRefused, match="no such database"):
        await prepare(empty_dsn.replace(path, "/nowhere"))
    with pytest.raises(DatabaseRefused, match="no such role"):
        await prepare(f"{empty_dsn.partition('?')[0]}?host={host_of(empty_dsn)}&user=nobody_at_all")


def host_of(dsn: str) -> str:
    return parse_qs(urlsplit(dsn).query)["host"][0]


async def test_a_role_that_may_create_nothing_is_refused(empty_dsn, server_dsn):
    name = f"guest_{new_id()[:8]}"
    on_server(server_dsn, f"create role {name} login")
    try:
        with pytest.raises(DatabaseRefused, match="may not create"):
            await prepare(f"{empty_dsn.partition('?')[0]}?host={host_of(empty_dsn)}&user={name}")
    finally:
        on_server(server_dsn, f"drop role {name}")


@pytest.mark.parametrize("told", check._FOR_EVER)
def test_what_the_server_will_say_for_ever_is_known(told):
    error = psycopg.OperationalError(f'connection failed: FATAL:  {told} for "app"')

    assert str(refusal(error)).startswith("DATABASE_URL: ")


@pytest.mark.parametrize(
    "told",
    [
        "connection failed: connection refused",
        "FATAL:  the database system is starting up",
        "FATAL:  sorry, too many clients already",
        "server closed the connection unexpectedly",
        "could not translate host name",
    ],
)
def test_what_may_pass_is_waited_for(told):
    assert refusal(psycopg.OperationalError(told)) is None


async def test_a_server_that_is_not_there_is_waited_for():
    with pytest.raises(DatabaseUnavailable):
        await prepare("postgresql://app@127.0.0.1:1/postgres")


async def test_the_pool_says_for_ever_that_it_was_refused(database_of):
    dsn = database_of("encoding 'SQL_ASCII' locale_provider 'libc' locale 'C'")
    async with trio.open_nursery() as nursery:
        pool = Pool(dsn, UNHEARD, prepare=prepare)
        await nursery.start(pool.run)
        with trio.fail_after(PATIENCE_S):
            refused = await pool.wait_refused()
        assert "SQL_ASCII" in str(refused)
        assert not pool.is_ready
        nursery.cancel_scope.cancel()


async def test_the_pool_is_not_ready_before_it_has_read_our_tables(empty_dsn):
    async def forget_to_migrate(dsn: str) -> bool:
        del dsn
        return False

    async with trio.open_nursery() as nursery:
        pool = Pool(empty_dsn, UNHEARD, prepare=forget_to_migrate)
        await nursery.start(pool.run)
        with trio.fail_after(PATIENCE_S):
            while pool.statistics()["last_error"] is None:  # noqa: ASYNC110 - it has no event
                await trio.sleep(0.01)
        assert not pool.is_ready
        assert "leases" in pool.statistics()["last_error"]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("password", ["S3cret pass", "p@ss/w%rd", "abc"])
async def test_a_password_never_stands_in_a_reason(password):
    dsn = psycopg.conninfo.make_conninfo(host="127.0.0.1", port=1, dbname="x", password=password)

    async def repeat(dsn: str) -> bool:
        raise OSError(f"cannot use {dsn}")

    async with trio.open_nursery() as nursery:
        pool = Pool(dsn, UNHEARD, prepare=repeat)
        await nursery.start(pool.run)
        with trio.fail_after(PATIENCE_S):
            while pool.statistics()["last_error"] is None:  # noqa: ASYNC110 - it has no event
                await trio.sleep(0.01)
        assert "cannot use" in pool.statistics()["last_error"]
        assert password not in pool.statistics()["last_error"]
        nursery.cancel_scope.cancel()
