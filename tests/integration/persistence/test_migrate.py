"""Migrations: once, in order, from any number of nodes."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import psycopg
import pytest
import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.persistence.migrate import FOLDER, migrate, migrate_now
from bountyexpo.persistence.pool import Pool

from tests.commits import UNHEARD
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path


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


def test_a_killed_migrator_holds_nobody_up(empty_dsn: str):
    """Its lock ends with its transaction, and its transaction with its session."""
    with psycopg.connect(empty_dsn) as killed:
        killed.execute("select pg_advisory_xact_lock(7262019481)")
        killed.execute("create table lost (id int)")
        killed.cancel()
        killed.close()

    assert migrate_now(empty_dsn) != []
    assert "lost" not in tables(empty_dsn)


def test_a_database_of_the_tool_of_earlier_days_is_taken_as_it_is(empty_dsn: str):
    applied = migrate_now(empty_dsn)
    with psycopg.connect(empty_dsn, autocommit=True, options="-c search_path=app") as session:
        session.execute(
            "create table _yoyo_migrations"
            " (migration_hash text, migration_id text, applied_at_utc timestamp)"
        )
        session.execute(
            "insert into _yoyo_migrations select name, name, now() from schema_migrations"
        )
        session.execute("drop table schema_migrations")

    assert migrate_now(empty_dsn) == []
    with psycopg.connect(empty_dsn, options="-c search_path=app") as session:
        rows = session.execute("select name from schema_migrations order by 1").fetchall()
    assert [name for (name,) in rows] == applied


async def test_the_pool_migrates_before_it_is_ready(empty_dsn: str):
    async with trio.open_nursery() as nursery:
        pool = Pool(empty_dsn, UNHEARD, prepare=migrate)
        await nursery.start(pool.run)
        with trio.fail_after(PATIENCE_S):
            await pool.wait_ready()

        assert await pool.fetch("select * from leases") == []
        nursery.cancel_scope.cancel()


def test_escrows_move_out_of_their_bounties(empty_dsn: str, tmp_path: Path) -> None:
    for path in FOLDER.glob("*.sql"):
        if path.name < "0010":
            shutil.copy(path, tmp_path)
    migrate_now(empty_dsn, tmp_path)
    with psycopg.connect(empty_dsn, autocommit=True, options="-c search_path=app") as session:
        poster, hunter = new_id(), new_id()
        for user_id in (poster, hunter):
            session.execute(
                "insert into users (id, username) values (%s, %s)", (user_id, user_id[:13])
            )
        for state, cents in (("held", 500), ("released", 700), ("none", 0)):
            session.execute(
                """insert into bounties (id, poster_id, hunter_id, title, description, amount_cents,
                       is_for_honor, platform_fee_bps, policy_version, escrow_state)
                   values (%s, %s, %s, 'A title', 'A description', %s, %s, 400, 1, %s)""",
                (new_id(), poster, hunter, cents, not cents, state),
            )

        migrate_now(empty_dsn)

        rows = session.execute(
            """select e.state, e.amount_cents, e.round, e.source, e.platform_fee_bps,
                      e.poster_id = b.poster_id and e.hunter_id = b.hunter_id
               from escrows e join bounties b on b.id = e.bounty_id order by e.amount_cents"""
        )
        assert rows.fetchall() == [
            ("held", 500, 1, "wallet", 400, True),
            ("released", 700, 1, "wallet", 400, True),
        ]
