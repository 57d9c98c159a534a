"""Migrations: once, in order, from any number of nodes."""

from __future__ import annotations

import psycopg
import pytest
import trio
from bountyexpo.persistence.migrate import FOLDER, migrate, migrate_now
from bountyexpo.persistence.pool import Pool


def tables(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as session:
        rows = session.execute("select tablename from pg_tables where schemaname = 'app'")
        return {row[0] for row in rows}


def test_every_file_runs_once(empty_dsn: str):
    applied = migrate_now(empty_dsn)

    assert applied == sorted(path.stem for path in FOLDER.glob("*.sql"))
    assert migrate_now(empty_dsn) == []
    assert {"streams", "outbox", "messages"} <= tables(empty_dsn)


async def test_two_nodes_may_migrate_at_once(empty_dsn: str):
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(migrate, empty_dsn)

    assert "messages" in tables(empty_dsn)


def test_a_failed_file_leaves_nothing(empty_dsn: str, tmp_path):
    (tmp_path / "0001_good.sql").write_text("create table good (id int);")
    (tmp_path / "0002_bad.sql").write_text("create table half (id int); select 1 / 0;")

    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate_now(empty_dsn, tmp_path)

    assert {"good"} == tables(empty_dsn) & {"good", "half"}
    (tmp_path / "0002_bad.sql").write_text("create table half (id int);")
    assert migrate_now(empty_dsn, tmp_path) == ["0002_bad"]


def test_the_lock_row_of_a_killed_migrator_holds_nobody_up(empty_dsn: str):
    migrate_now(empty_dsn)
    with psycopg.connect(empty_dsn, autocommit=True) as session:
        session.execute("insert into app.yoyo_lock (locked, ctime, pid) values (1, now(), 1)")

    assert migrate_now(empty_dsn) == []


async def test_the_pool_migrates_before_it_is_ready(empty_dsn: str):
    async with trio.open_nursery() as nursery:
        pool = Pool(empty_dsn, migrate=migrate)
        await nursery.start(pool.run)
        with trio.fail_after(20):
            await pool.wait_ready()

        assert await pool.fetch("select * from leases") == []
        nursery.cancel_scope.cancel()
