"""One PostgreSQL session on trio, driven through psycopg's own non-blocking steps.

psycopg's ``AsyncConnection`` belongs to asyncio, and a third of its time per query goes into
cursor objects. What it is made of does not: ``PGconn`` (libpq), the generators that say which
readiness they wait for, and ``Transformer`` (dumps parameters, loads rows, in C). This module puts
those together: a statement is prepared once per session, from its second use on, and waiting is
``trio.lowlevel.wait_readable``.

A cancelled wait leaves the session in the middle of a statement. It must not be used again before
``restore()`` has asked the server to stop, read what is left, and rolled back.
"""

from __future__ import annotations

import hashlib
import os
import select
import socket
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import psycopg
import trio
from psycopg import generators, pq
from psycopg.waiting import Ready, Wait

from bountyexpo.errors import DatabaseUnavailable, Duplicate, NotStorable, StaleVersion
from bountyexpo.persistence.server.address import resolved
from bountyexpo.persistence.statement import statement

if TYPE_CHECKING:
    from collections.abc import Generator

    from psycopg.pq.abc import PGconn, PGresult

    from bountyexpo.persistence.statement import Parameters, Statement

T = TypeVar("T")

# A session that has prepared this many statements is replaced; SQL made at run time is bounded.
PREPARED_MAX = 1000

# How long asking the server to stop a statement may take before the session is thrown away.
RESTORE_TIMEOUT_S = 2.0

# What every session works with. JIT compilation costs more than our short statements.
_STATE = {"search_path": "app, public", "timezone": "UTC", "datestyle": "ISO", "jit": "off"}

_READ_BACK = statement(
    "select current_setting('search_path') as search_path, current_setting('timezone') as timezone"
)

_BEGIN = b"begin"

_IDLE = pq.TransactionStatus.IDLE
_IN_ERROR = pq.TransactionStatus.INERROR
_OK = pq.ConnStatus.OK
_FINE = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK, pq.ExecStatus.EMPTY_QUERY)


class StateLost(Exception):
    """A session does not remember what it was told: another one answers for it."""


class Connection:
    """One session, used by one task at a time; the pool sees to that."""

    __slots__ = (
        *("_begin", "_fd", "_is_pooled", "_names", "_pgconn", "_poll", "_prepares", "_seen"),
        *("busy_since", "idle_since", "worn"),
    )

    def __init__(self, pgconn: PGconn) -> None:
        self._pgconn = pgconn
        self._fd = pgconn.socket
        self._names: dict[tuple[Statement, tuple[int, ...]], bytes] = {}
        self._begin = _BEGIN
        self._is_pooled = False
        # Not before it is known that the session keeps what it is told.
        self._prepares = False
        self._seen: set[tuple[Statement, tuple[int, ...]]] = set()
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self.busy_since = self.idle_since = trio.current_time()
        # Set when the session still works but should not be kept.
        self.worn = False

    @classmethod
    async def open(cls, dsn: str, *, timeout_s: float) -> Connection:
        """Open a session, which has the settings of its server until ``set_state``.

        Raises:
            DatabaseUnavailable: nobody answered, or the server refused us.
        """
        try:
            with trio.fail_after(timeout_s):
                address = await resolved(dsn)
                return cls(await _drive_connecting(generators.connect(address)))
        except (psycopg.Error, OSError, trio.TooSlowError) as error:
            raise DatabaseUnavailable from error

    @classmethod
    async def open_with_state(
        cls, dsn: str, *, timeout_s: float, statement_timeout_s: float, pooled: bool
    ) -> Connection:
        """Open a session with our settings.

        Raises:
            DatabaseUnavailable: as for ``open``.
            StateLost: as for ``set_state``.
        """
        session = await cls.open(dsn, timeout_s=timeout_s)
        try:
            with trio.fail_after(timeout_s):
                await session.set_state(statement_timeout_s, pooled=pooled)
        except BaseException as error:
            session.close()
            if isinstance(error, (psycopg.Error, trio.TooSlowError)):
                raise DatabaseUnavailable from error
            raise
        return session

    async def set_state(self, statement_timeout_s: float, *, pooled: bool) -> None:
        """Give the session our settings, by statements, and read them back.

        Poolers drop or refuse the options of a start. Where ``pooled``, each transaction may have
        another session of the server: it gets its settings as it begins, and nothing is prepared.

        Raises:
            StateLost: the session has forgotten them; there is such a pooler.
        """
        timeout_ms = int(statement_timeout_s * 1000)
        state = {
            **_STATE,
            "statement_timeout": str(timeout_ms),
            "idle_in_transaction_session_timeout": str(timeout_ms * 2),
        }
        if pooled:
            settings = "".join(f"; set local {name} = {value}" for name, value in state.items())
            self._begin = _BEGIN + settings.encode()
            self._is_pooled = True
        else:
            await self.command("; ".join(f"set {n} = {v}" for n, v in state.items()).encode())
        (found,) = _READ_BACK.load(await self.query(_READ_BACK, ()))
        if any(_STATE[name] != value for name, value in found.items()):
            raise StateLost
        self._prepares = not pooled

    @property
    def is_clean(self) -> bool:
        """Whether the next user may have it: alive, and nothing under way."""
        return self._pgconn.transaction_status == _IDLE and self._pgconn.status == _OK

    @property
    def is_alive(self) -> bool:
        """Whether the server has not gone away, as far as we were told."""
        return self._pgconn.status == _OK

    @property
    def has_failed(self) -> bool:
        """Whether an error has doomed the open transaction."""
        return self._pgconn.transaction_status == _IN_ERROR

    @property
    def is_waiting(self) -> bool:
        """Whether an answer of the server is outstanding."""
        return self._pgconn.transaction_status == pq.TransactionStatus.ACTIVE

    @property
    def pid(self) -> int:
        """The server process of this session."""
        return self._pgconn.backend_pid

    def has_hung_up(self) -> bool:
        """Look, without waiting, whether the server closed an idle session."""
        if not self._poll.poll(0):
            return False
        try:
            self._pgconn.consume_input()
        except psycopg.Error:
            return True
        return self._pgconn.status != _OK

    async def query(self, statement: Statement, params: Parameters) -> PGresult:
        """Run one statement and return its result.

        Raises:
            psycopg.Error: what the server answered, or that it is gone.
        """
        if not self._is_pooled:
            return await self._query(statement, params)
        if self._pgconn.transaction_status != _IDLE:
            return await self._query(statement, params)
        # By itself it would be a transaction without our settings.
        await self.command(_BEGIN)
        try:
            result = await self._query(statement, params)
        except psycopg.Error:
            await self.command(b"rollback")
            raise
        await self.command(b"commit")
        return result

    async def _query(self, statement: Statement, params: Parameters) -> PGresult:
        values, types, formats = statement.dump(params)
        key = (statement, types)
        name = self._names.get(key)
        if name is None and key in self._seen and self._prepares:
            name = await self._prepare(key)
        self.busy_since = trio.current_time()
        if name is None:
            self._seen.add(key)
            self._pgconn.send_query_params(
                statement.query, values, param_types=types, param_formats=formats
            )
        else:
            self._pgconn.send_query_prepared(name, values, param_formats=formats)
        result: PGresult = (await self._drive(generators.execute(self._pgconn)))[-1]
        if result.status not in _FINE:
            self._raise(result)
        return result

    async def command(self, sql: bytes) -> None:
        """Run a statement without parameters or rows, such as ``begin``."""
        self.busy_since = trio.current_time()
        self._pgconn.send_query(self._begin if sql == _BEGIN else sql)
        for result in await self._drive(generators.execute(self._pgconn)):
            if result.status not in _FINE:
                self._raise(result)

    async def notified(self) -> list[str] | None:
        """Wait for notifications and return their payloads; None when the server is gone."""
        try:
            found = await self._drive(generators.notifies(self._pgconn))
        except (psycopg.Error, trio.ClosedResourceError, OSError):
            return None
        return [notification.extra.decode() for notification in found]

    async def restore(self) -> None:
        """Make an interrupted session usable again, or close it when that takes too long."""
        with trio.move_on_after(RESTORE_TIMEOUT_S):
            try:
                if self._pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
                    cancel = self._pgconn.cancel_conn()
                    cancel.start()
                    await _drive_connecting(generators.cancel(cancel))
                    await self._drive(generators.execute(self._pgconn))
                if self._pgconn.transaction_status != _IDLE:
                    await self.command(b"rollback")
            except (psycopg.Error, trio.ClosedResourceError):
                self.close()
        if not self.is_clean:
            self.close()

    def hang_up(self) -> None:
        """Break the line under a session that does not answer; its user gets an error."""
        if self._line_is_open():
            with socket.socket(fileno=os.dup(self._fd)) as line:
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the session; whoever waits on it gets ``ClosedResourceError``."""
        if self._line_is_open():
            trio.lowlevel.notify_closing(self._fd)
        self._pgconn.finish()

    def _line_is_open(self) -> bool:
        # libpq closes its socket by itself when the server is gone, and the number may by now
        # belong to somebody else.
        try:
            return self._pgconn.socket == self._fd
        except psycopg.OperationalError:
            return False

    async def _prepare(self, key: tuple[Statement, tuple[int, ...]]) -> bytes:
        statement, types = key
        # By its text and types: whatever happens to the session, a name means one statement.
        told = statement.query + b"\0" + repr(types).encode()
        name = b"s" + hashlib.blake2b(told, digest_size=16).hexdigest().encode()
        # If nobody waits for what becomes of it, the server may know the name or not.
        was_worn, self.worn = self.worn, True
        self._pgconn.send_prepare(name, statement.query, param_types=types)
        for result in await self._drive(generators.execute(self._pgconn)):
            if result.status not in _FINE:
                self._raise(result)
        self._names[key] = name
        self.worn = was_worn or len(self._names) >= PREPARED_MAX
        return name

    async def _drive(self, steps: Generator[int, Any, T]) -> T:
        """Take steps until done, waiting for the socket between them."""
        fd = self._fd
        try:
            need = next(steps)
            while True:
                # While a large statement is being sent, either direction would do; the kernel's
                # buffer empties without our reading, so writability alone is waited for.
                if need == Wait.R:
                    await trio.lowlevel.wait_readable(fd)
                    need = steps.send(Ready.R)
                else:
                    await trio.lowlevel.wait_writable(fd)
                    need = steps.send(Ready.W)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    def _raise(self, result: PGresult) -> NoReturn:
        error = psycopg.errors.error_from_result(result, encoding="utf-8")
        # A table changed under a prepared statement: only a new session can plan it afresh. Nor is
        # one kept that has lost a statement, or has somebody else's.
        self.worn = self.worn or isinstance(error, _WEARING)
        raise error


def translated(error: Exception) -> Exception:
    """Return what the rest of the service is told: one of our errors, or a fault of ours.

    Of values that the database refuses (SQLSTATE classes 22 and 23) the caller is told, whoever
    passed them on: they are no fault of a part that others share.
    """
    if isinstance(error, (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)):
        return StaleVersion()
    if isinstance(error, _DUPLICATE):
        return Duplicate(error.diag.constraint_name)
    if isinstance(error, _NOT_STORABLE):
        return NotStorable(error.diag.constraint_name)
    if isinstance(error, _UNAVAILABLE):
        return DatabaseUnavailable()
    return error


# Another transaction has written the row first; who loads afresh will find it.
_DUPLICATE = (psycopg.errors.UniqueViolation, psycopg.errors.ExclusionViolation)

# Of the second, what is left of class 23. The third says that a value does not fit an index.
_NOT_STORABLE = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.StatementTooComplex,
)

_WEARING = (
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.InvalidSqlStatementName,
    psycopg.errors.DuplicatePreparedStatement,
)

# A standby that took over, a session ended for idling, a stale plan, and all loss of contact.
_UNAVAILABLE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    *_WEARING,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.ReadOnlySqlTransaction,
    trio.ClosedResourceError,
    OSError,
)


async def _drive_connecting(steps: Generator[tuple[int, int], Any, T]) -> T:
    try:
        fd, need = next(steps)
        while True:
            if need == Wait.R:
                await trio.lowlevel.wait_readable(fd)
                fd, need = steps.send(Ready.R)
            else:
                await trio.lowlevel.wait_writable(fd)
                fd, need = steps.send(Ready.W)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
