"""The database: reachable, new enough, in the right encoding, migrated, and of the same time."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from bountyexpo.doctor.diagnosis import failure, warning, well
from bountyexpo.persistence import migrate
from bountyexpo.persistence.server.check import ENCODING, VERSION_MIN, refusal
from bountyexpo.runtime.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bountyexpo.doctor.diagnosis import Diagnosis

CONNECT_TIMEOUT_S: Final = 5

# Tokens and webhooks are judged by the time of day; a lease by that of the database.
SKEW_WARNING_S: Final = 2.0
SKEW_FAILURE_S: Final = 30.0

# Where the migrator notes what has run.
MIGRATIONS_TABLE: Final = f"{migrate.SCHEMA}.schema_migrations"

Session = psycopg.Connection[tuple[Any, ...]]


def examine(dsn: str) -> Iterator[Diagnosis]:
    """Ask the database about itself; nothing is changed, and its address is never repeated."""
    try:
        session = psycopg.connect(dsn, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S)
    except psycopg.OperationalError as error:
        yield _no_connection(error)
        return
    with session:
        yield _version(session)
        yield _encoding(session)
        yield _schema(session)
        yield _clock(session)


def _no_connection(error: psycopg.OperationalError) -> Diagnosis:
    for_ever = refusal(error)
    if for_ever is not None:
        return failure("database", str(for_ever), "Correct it: the service ends at this.")
    told = f"no connection: {_cause(error)}"
    return failure("database", told, "Start it; the service waits for it meanwhile.")


def _cause(error: psycopg.OperationalError) -> str:
    # The driver's own text names host and user, and lists every attempt on a line of its own.
    return (error.sqlstate or str(error).strip().rpartition("failed: ")[2]).splitlines()[0]


def _version(session: Session) -> Diagnosis:
    number = session.info.server_version
    told = f"PostgreSQL {number // 10_000}.{number % 10_000}"
    if number < VERSION_MIN * 10_000:
        return failure("database", told, f"Use PostgreSQL {VERSION_MIN} or newer.")
    return well("database", told)


def _encoding(session: Session) -> Diagnosis:
    encoding = str(_value(session, "select current_setting('server_encoding')"))
    if encoding != ENCODING:
        return failure(
            "encoding",
            f"the database is {encoding}",
            "Create one with encoding UTF8: create database … encoding 'UTF8' template template0.",
        )
    return well("encoding", encoding)


def _schema(session: Session) -> Diagnosis:
    wanted = {path.stem for path in migrate.FOLDER.glob("*.sql") if ".rollback" not in path.name}
    applied = _applied(session)
    if unknown := sorted(applied - wanted):
        return warning(
            "migrations",
            f"{len(unknown)} are of a newer version ({unknown[-1]})",
            "Run the version that made them, or a newer one.",
        )
    if missing := sorted(wanted - applied):
        return warning(
            "migrations",
            f"{len(missing)} to come, up to {missing[-1]}",
            "Nothing: the service applies them when it starts.",
        )
    return well("migrations", f"at {max(wanted)}")


def _applied(session: Session) -> set[str]:
    if _value(session, "select to_regclass(%s)", MIGRATIONS_TABLE) is None:
        return set()
    table = sql.Identifier(*MIGRATIONS_TABLE.split("."))
    query = sql.SQL("select name from {}").format(table)
    return {str(row[0]) for row in session.execute(query)}


def _clock(session: Session) -> Diagnosis:
    before = SystemClock().now()
    there = _value(session, "select clock_timestamp()")
    after = SystemClock().now()
    assert isinstance(there, datetime)
    return clock("clock", before, there, after, whose="the database's")


def clock(
    subject: str, before: datetime, there: datetime, after: datetime, *, whose: str
) -> Diagnosis:
    """Judge a clock that was asked between ``before`` and ``after`` of ours."""
    skew_s = max((before - there).total_seconds(), (there - after).total_seconds(), 0.0)
    told = f"{skew_s:.1f} s off {whose}"
    advice = "Let both machines keep the time with NTP."
    if skew_s > SKEW_FAILURE_S:
        return failure(subject, told, advice)
    if skew_s > SKEW_WARNING_S:
        return warning(subject, told, advice)
    return well(subject, told)


def _value(session: Session, query: str, *parameters: object) -> Any:
    row = session.execute(query.encode(), parameters).fetchone()
    return None if row is None else row[0]
