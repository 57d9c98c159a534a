"""Bring a database to the newest schema: plain SQL files, in order, forward only.

Each file runs in one transaction, which first takes an advisory lock that ends with it. So any
number of nodes may migrate at once, a process that is killed leaves neither a lock nor half a file
behind, and a pooler that gives each transaction another session does no harm.

Everything lives in the schema ``app``; sessions see it through their ``search_path``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import trio
from psycopg.conninfo import make_conninfo

from bountyexpo.observability.logs import get_logger
from bountyexpo.persistence.server.address import parts_of

if TYPE_CHECKING:
    from typing import LiteralString

FOLDER = Path(__file__).parent / "migrations"

SCHEMA = "app"

# The advisory lock of migrators, an arbitrary number nobody else uses.
_LOCK = 7_262_019_481

# How long one node waits for another that is migrating, and how long a file may take.
_LOCK_WAIT_S = 120

_BEGIN: LiteralString = f"""
    set local statement_timeout = '{_LOCK_WAIT_S}s';
    set local timezone = 'UTC';
    select pg_advisory_xact_lock({_LOCK});
    create schema if not exists {SCHEMA};
    set local search_path to {SCHEMA}, public;
    create table if not exists schema_migrations (
        name        text primary key,
        applied_at  timestamptz not null default clock_timestamp()
    );
"""

# Databases of earlier days remember their files in the table of a tool.
_IS_OLD = "select 1 where to_regclass('_yoyo_migrations') is not null"
_ADOPT = """
    insert into schema_migrations (name) select migration_id from _yoyo_migrations
    on conflict do nothing
"""

_log = get_logger(__name__)


async def migrate(dsn: str, folder: Path = FOLDER) -> None:
    """Apply what is missing, in a worker thread; safe from several nodes at once.

    Raises:
        psycopg.Error: the server is not there or refused a statement; the failed file left nothing.
    """
    await trio.to_thread.run_sync(migrate_now, dsn, folder, abandon_on_cancel=True)


def migrate_now(dsn: str, folder: Path = FOLDER) -> list[str]:
    """Apply what is missing and return the names of the files that ran. Blocks."""
    # A statement that is sent often would be prepared, which no session of a pooler remembers.
    with psycopg.connect(
        make_conninfo(**parts_of(dsn)), autocommit=True, prepare_threshold=None
    ) as session:
        applied = [path.stem for path in sorted(folder.glob("*.sql")) if _apply(session, path)]
    if applied:
        _log.info("database migrated", applied=applied)
    return applied


def _apply(session: psycopg.Connection, path: Path) -> bool:
    """Run one file, unless it has run; tell whether it did."""
    with session.transaction():
        session.execute(_BEGIN)
        if session.execute(_IS_OLD).rowcount:
            session.execute(_ADOPT)
        wrote = session.execute(
            "insert into schema_migrations (name) values (%s) on conflict do nothing", (path.stem,)
        )
        if not wrote.rowcount:
            return False
        session.execute(path.read_text(encoding="utf-8"))
        return True
