"""Bring a database to the newest schema: plain SQL files, in order, forward only.

``yoyo`` reads the files of ``persistence/migrations``, runs each in one transaction and remembers
which have run. Its own lock is a row that a killed process leaves behind for ever, so any number of
nodes are kept apart by an advisory lock instead: PostgreSQL drops that with the session.

Everything lives in the schema ``app``; connections see it through their ``search_path``.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import psycopg
import trio
from psycopg.conninfo import conninfo_to_dict
from yoyo import get_backend, read_migrations  # type: ignore[import-untyped]

from bountyexpo.observability.logs import get_logger

FOLDER = Path(__file__).parent / "migrations"

SCHEMA = "app"

# The advisory lock of migrators, an arbitrary number nobody else uses.
_LOCK = 7_262_019_481

# How long one node waits for another that is migrating.
_LOCK_WAIT_S = 120

_log = get_logger(__name__)


async def migrate(dsn: str, folder: Path = FOLDER) -> None:
    """Apply what is missing, in a worker thread; safe from several nodes at once.

    Raises:
        psycopg.Error: the server is not there or refused a statement; the failed file left nothing.
    """
    await trio.to_thread.run_sync(migrate_now, dsn, folder, abandon_on_cancel=True)


def migrate_now(dsn: str, folder: Path = FOLDER) -> list[str]:
    """Apply what is missing and return the names of the files that ran. Blocks."""
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute(f"set statement_timeout = '{_LOCK_WAIT_S}s'")
        session.execute("select pg_advisory_lock(%s)", (_LOCK,))
        session.execute(f"create schema if not exists {SCHEMA}")
        return _apply(dsn, folder)


def _apply(dsn: str, folder: Path) -> list[str]:
    backend = get_backend(_yoyo_address(dsn))
    try:
        backend.break_lock()  # left by a killed process; the advisory lock says nobody is at work
        missing = backend.to_apply(read_migrations(str(folder)))
        names = [migration.id for migration in missing]
        backend.apply_migrations(missing)
    finally:
        backend.connection.close()
    if names:
        _log.info("database migrated", applied=names)
    return names


def _yoyo_address(dsn: str) -> str:
    """Translate any libpq address into the only form that yoyo reads."""
    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value}
    database = parts.pop("dbname", "postgres")
    return f"postgresql+psycopg:///{database}?{urlencode({**parts, 'schema': SCHEMA})}"
