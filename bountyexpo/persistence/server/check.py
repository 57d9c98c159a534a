"""What kind of server answers at ``DATABASE_URL``: one that we can use, and a pooler or none.

A pooler in transaction mode gives each transaction another session. Then a session keeps nothing
from one transaction to the next: no prepared statement, no setting. Two connections find it out:
their transactions end in both orders, so that a pooler which lends what came back first, or last,
gives at least one of them a session that it had not before. A pooler with a single session shows
itself by letting the second connection wait.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import psycopg
import trio

from bountyexpo.persistence.statement import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.persistence.connection import Connection

# Unique constraints in which nulls are the same (our ledger has some) came with this one.
VERSION_MIN: Final = 15

ENCODING: Final = "UTF8"

# A server answers a ``begin`` in no time; who waits so long waits for somebody else's session.
WAITS_S: Final = 3.0

_PID = statement("select pg_backend_pid() as pid")

_FACTS = statement(
    "select current_setting('server_encoding') as encoding,"
    " current_setting('server_version_num')::int / 10000 as version"
)

# What the server says, in words of its own, when it will say the same for ever. While a connection
# is made the driver tells no code.
_FOR_EVER: Final = {
    "password authentication failed": "the user or the password is wrong",
    "no password supplied": "it holds no password, and the server wants one",
    "no pg_hba.conf entry": "the server lets nobody in by this way (see its pg_hba.conf)",
    "does not support SSL": "its sslmode wants TLS, which the server does not speak",
    "unsupported startup parameter": (
        "the pooler there refuses the parameter that stands behind options="
    ),
    "certificate verify failed": "the server's certificate is not trusted (see sslrootcert)",
}
_MISSING: Final = {
    "database": "there is no such database; create it",
    "role": "there is no such role; create it",
}


class DatabaseRefused(Exception):
    """The database can never be used as it is; the text names the variable and what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"DATABASE_URL: {reason}.")


def refusal(error: BaseException) -> DatabaseRefused | None:
    """Return what is wrong for ever, or None for what may pass by itself."""
    told = str(error)
    for words, meaning in _FOR_EVER.items():
        if words in told:
            return DatabaseRefused(meaning)
    if "does not exist" in told and isinstance(error, psycopg.OperationalError):
        for what, meaning in _MISSING.items():
            if f'{what} "' in told:
                return DatabaseRefused(meaning)
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return DatabaseRefused("the role may not create our schema and tables; let it own them")
    return None


async def check_server(session: Connection) -> None:
    """Refuse a server that is too old, and a database that cannot hold every text.

    Raises:
        DatabaseRefused: says which.
    """
    (facts,) = _FACTS.load(await session.query(_FACTS, ()))
    if facts["version"] < VERSION_MIN:
        raise DatabaseRefused(
            f"the server is PostgreSQL {facts['version']}; {VERSION_MIN} or newer is needed"
        )
    if facts["encoding"] != ENCODING:
        raise DatabaseRefused(
            f"the database is encoded as {facts['encoding']}; make one with encoding 'UTF8'"
            " (create database … encoding 'UTF8' template template0)"
        )


async def is_pooled(first: Connection, second: Connection) -> bool:
    """Tell whether a transaction of a connection may have another session than the one before."""
    sessions = (first, second)
    for order in (sessions, (second, first)):
        before = await _pids_at_once(sessions, order)
        if before is None:
            return True
        after = [await _pid(each) for each in sessions]
        if before != after:
            return True
    return False


async def _pids_at_once(
    sessions: Sequence[Connection], ends: Sequence[Connection]
) -> list[int] | None:
    """Return the servers of two open transactions, ended in this order; None when one waits."""
    pids = []
    for session in sessions:
        with trio.move_on_after(WAITS_S) as scope:
            await session.command(b"begin")
            pids.append(await _pid(session))
        if scope.cancelled_caught:
            return None
    for session in ends:
        with suppress(psycopg.Error):
            await session.command(b"commit")
    return pids


async def _pid(session: Connection) -> int:
    (row,) = _PID.load(await session.query(_PID, ()))
    return int(row["pid"])
