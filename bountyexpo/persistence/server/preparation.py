"""What is done with a database before the pool lends any of its sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import trio

from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.observability.logs import get_logger
from bountyexpo.persistence.connection import Connection
from bountyexpo.persistence.migrate import migrate
from bountyexpo.persistence.server.check import check_server, is_pooled, refusal
from bountyexpo.persistence.statement import statement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bountyexpo.persistence.server.claim import ServiceClaim
    from bountyexpo.persistence.statement import Parameters, Row

from contextlib import asynccontextmanager

CONNECT_S = 5.0

# Looking at the server; migrating has a limit of its own.
CHECK_S = 15.0

STATEMENT_S = 10.0

_log = get_logger(__name__)


class Preparation:
    """Looks at the server, migrates the database, and claims it for this process."""

    def __init__(self, claim: ServiceClaim) -> None:
        self._claim = claim

    async def __call__(self, dsn: str) -> bool:
        """Prepare a database; tell whether a pooler in transaction mode stands before it.

        Raises:
            DatabaseUnavailable: it does not answer; what may pass by itself.
            DatabaseRefused: it can never be used as it is.
        """
        try:
            with trio.fail_after(CHECK_S):
                pooled = await _look_at(dsn)
            await migrate(dsn)
            async with _session(dsn) as session:
                await session.set_state(STATEMENT_S, pooled=pooled)
                await self._claim.take(_OneSession(session))
        except (DatabaseUnavailable, psycopg.Error, trio.TooSlowError) as error:
            refused = refusal(error.__cause__ or error)
            if refused is not None:
                raise refused from None
            raise DatabaseUnavailable from error.__cause__ or error
        if pooled:
            _log.warning("behind a pooler in transaction mode; its session mode would be faster")
        return pooled


class _OneSession:
    """A session by itself, for the few queries that need no pool."""

    def __init__(self, session: Connection) -> None:
        self._session = session

    async def fetch(self, sql: str, params: Parameters = ()) -> list[Row]:
        """Return every row."""
        prepared = statement(sql)
        return prepared.load(await self._session.query(prepared, params))

    async def fetch_one(self, sql: str, params: Parameters = ()) -> Row | None:
        """Return the first row, or None."""
        rows = await self.fetch(sql, params)
        return rows[0] if rows else None

    async def execute(self, sql: str, params: Parameters = ()) -> int:
        """Return the number of rows that changed."""
        return (await self._session.query(statement(sql), params)).command_tuples or 0


@asynccontextmanager
async def _session(dsn: str) -> AsyncIterator[Connection]:
    session = await Connection.open(dsn, timeout_s=CONNECT_S)
    try:
        yield session
    finally:
        session.close()


async def _look_at(dsn: str) -> bool:
    async with _session(dsn) as first:
        await check_server(first)
        async with _session(dsn) as second:
            return await is_pooled(first, second)
