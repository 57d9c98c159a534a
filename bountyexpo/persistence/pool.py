"""The bounded pool of PostgreSQL sessions, and the service's only way to the database.

A supervised child keeps it alive: ``run()`` starts at once and connects in the background, so the
service stands while the database does not; until the schema is in place, and whenever no session
can be had, every call is refused at once with ``DatabaseUnavailable``.

Waiting callers are served in the order in which they came, by direct hand-over. What would cost a
timer per query is done by one watch that looks round a few times a second: it refuses callers that
waited too long, breaks the line under sessions that do not answer (the server's own
``statement_timeout`` should have come first), notices idle sessions that the server has closed, and
lets surplus ones go. It waits for nothing itself: idle sessions are probed beside it.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.observability import metrics
from bountyexpo.observability.logs import get_logger
from bountyexpo.persistence.connection import Connection, StateLost, translated
from bountyexpo.persistence.server.address import without_secrets
from bountyexpo.persistence.server.check import DatabaseRefused
from bountyexpo.persistence.statement import Json, statement
from bountyexpo.persistence.transaction import Transaction
from bountyexpo.persistence.waiting_line import WaitingLine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from psycopg.pq.abc import PGresult

    from bountyexpo.persistence.after_commit import AfterCommit
    from bountyexpo.persistence.statement import Parameters, Row, Statement

__all__ = ["Json", "Pool"]

# How often the watch looks round.
WATCH_INTERVAL_S = 0.25

# A session idle for this long is let go when surplus, else asked whether it is still there.
PROBE_AFTER_S = 30.0

# How long such a session has for its answer.
PROBE_TIMEOUT_S = 5.0

# How much longer than the server's own limit a statement may take before we hang up.
HANG_UP_GRACE_S = 2.0

# Pauses between attempts to reach a server that is down.
BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 5.0

# The one pool of a process, as the old dashboards tell it from others.
POOL_NAME = "main"

# How long a server has to let us in.
CONNECT_TIMEOUT_S = 5.0

_PROBE = statement("select 1")
_OURS = statement("select 1 from leases limit 1")

_log = get_logger(__name__)


class Pool:
    """Sessions to one database.

    Bounds: at most ``size_max`` sessions, and as many waiting callers as a ``WaitingLine`` takes; a
    caller beyond that, or one that waited ``acquire_timeout_s``, gets ``DatabaseUnavailable``.
    """

    def __init__(
        self,
        dsn: str | Callable[[], str],
        after_commit: AfterCommit,
        *,
        size_min: int = 2,
        size_max: int = 10,
        statement_timeout_s: float = 10,
        acquire_timeout_s: float = 5,
        prepare: Callable[[str], Awaitable[bool | None]] | None = None,
    ) -> None:
        assert 1 <= size_min <= size_max
        self._address = partial(str, dsn) if isinstance(dsn, str) else dsn
        self._size_min = size_min
        self._size_max = size_max
        self._statement_timeout_s = statement_timeout_s
        self._acquire_timeout_s = acquire_timeout_s
        self._prepare = prepare
        self.after_commit = after_commit
        self._nursery: trio.Nursery | None = None
        self._sessions: set[Connection] = set()
        self._idle: list[Connection] = []
        self._line = WaitingLine()
        self._opening = 0
        self._is_prepared = prepare is None
        self._is_pooled = False
        self._refused = trio.Event()
        self._refused_as: list[DatabaseRefused] = []
        self._ready = trio.Event()
        self._keeper_wake = trio.Event()
        self._last_error: str | None = None

    def __repr__(self) -> str:
        state = "ready" if self.is_ready else "down"
        use = f"{self._in_use()}/{len(self._sessions)} in use"
        return f"<Pool {state} {use}, {len(self._line)} waiting>"

    @property
    def is_ready(self) -> bool:
        """Whether the schema is in place and the database answered last."""
        return self._ready.is_set()

    async def wait_ready(self) -> None:
        """Wait until ``is_ready``."""
        while not self.is_ready:
            await self._ready.wait()

    async def wait_refused(self) -> DatabaseRefused:
        """Wait until the database turns out to be one that this service can never use."""
        await self._refused.wait()
        return self._refused_as[0]

    def refuse(self, refusal: DatabaseRefused) -> None:
        """Give the database up, for ever; whoever waits for that ends the service."""
        _log.error("database refused", reason=str(refusal))
        self._refused_as.append(refusal)
        self._refused.set()

    def statistics(self) -> dict[str, Any]:
        """Facts for the admin page."""
        return {
            "ready": self.is_ready,
            "size": len(self._sessions),
            "size_max": self._size_max,
            "in_use": self._in_use(),
            "waiting": len(self._line),
            "last_error": self._last_error,
            "pooled": self._is_pooled,
        }

    def _in_use(self) -> int:
        return len(self._sessions) - len(self._idle)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the sessions, until cancelled."""
        metrics.DB_POOL_SIZE.set_function(lambda: len(self._sessions))
        metrics.DB_POOL_IN_USE.set_function(self._in_use)
        metrics.DB_CONNECTIONS_ACTIVE.labels(POOL_NAME).set_function(self._in_use)
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._watch)
                nursery.start_soon(self._keep_until_the_end)
                task_status.started()
        finally:
            self._stop()

    async def fetch(self, sql: str, params: Parameters = ()) -> list[Row]:
        """Run one statement in a transaction of its own and return every row.

        Raises:
            DatabaseUnavailable: there is no session, or it was lost; the statement may have run.
            NotStorable, Duplicate: the database refuses a value, or has such a row.
        """
        prepared = statement(sql)
        return prepared.load(await self._run(prepared, params))

    async def fetch_one(self, sql: str, params: Parameters = ()) -> Row | None:
        """Like ``fetch``, for the first row or None."""
        prepared = statement(sql)
        rows = prepared.load(await self._run(prepared, params))
        return rows[0] if rows else None

    async def execute(self, sql: str, params: Parameters = ()) -> int:
        """Like ``fetch``, for the number of rows that changed."""
        return (await self._run(statement(sql), params)).command_tuples or 0

    def transaction(self) -> Transaction:
        """Open a unit of work: ``async with pool.transaction() as tx``. See ``Transaction``."""
        return Transaction(self)

    async def acquire(self) -> Connection:
        """Take a session; for the unit of work. Give it back with ``release``."""
        while self._idle:
            session = self._idle.pop()
            if session.has_hung_up():
                self._discard(session)
                continue
            return session
        return await self._wait_for_session()

    def release(self, session: Connection) -> None:
        """Take a session back, in whatever state it is."""
        if session not in self._sessions:
            return  # the pool stopped meanwhile and closed it
        if session.is_clean and not session.worn:
            self._hand_over(session)
        elif session.is_alive and not session.worn and self._nursery is not None:
            self._nursery.start_soon(self._restore, session)
        else:
            self._discard(session)

    async def _run(self, prepared: Statement, params: Parameters) -> PGresult:
        session = await self.acquire()
        began = trio.current_time()
        try:
            return await session.query(prepared, params)
        except Exception as error:
            prepared.errors.inc()
            meaning = translated(error)
            if meaning is error:
                raise
            raise meaning from error
        finally:
            prepared.count.inc()
            prepared.milliseconds.observe((trio.current_time() - began) * 1000)
            self.release(session)

    # Waiting for a session.

    async def _wait_for_session(self) -> Connection:
        if not self.is_ready or self._line.is_full:
            raise DatabaseUnavailable
        self._grow(newcomers=1)
        return await self._line.wait(self._acquire_timeout_s)

    def _hand_over(self, session: Connection) -> None:
        if not self._line.hand_over(session):
            session.idle_since = trio.current_time()
            self._idle.append(session)

    # Opening and closing sessions.

    def _grow(self, *, newcomers: int = 0) -> None:
        """Open one more session if somebody waits, or will, for whom none is being opened."""
        is_full = len(self._sessions) + self._opening >= self._size_max
        is_needed = self._opening < len(self._line) + newcomers
        if self._nursery is not None and is_needed and not is_full:
            self._opening += 1
            self._nursery.start_soon(self._open_for_waiters)

    async def _open_for_waiters(self) -> None:
        try:
            self._add(await self._open())
        except DatabaseUnavailable as error:
            self._note_failure(error)
        finally:
            self._opening -= 1

    async def _open(self) -> Connection:
        try:
            return await Connection.open_with_state(
                self._address(),
                timeout_s=CONNECT_TIMEOUT_S,
                statement_timeout_s=self._statement_timeout_s,
                pooled=self._is_pooled,
            )
        except StateLost as error:
            self._is_pooled = True
            raise DatabaseUnavailable from error

    def _add(self, session: Connection) -> None:
        self._last_error = None
        if not self._ready.is_set():
            _log.info("database ready")
            self._ready.set()
        self._sessions.add(session)
        self._hand_over(session)

    def _discard(self, session: Connection) -> None:
        self._sessions.discard(session)
        session.close()
        self._grow()
        if len(self._sessions) < self._size_min:
            self._keeper_wake.set()

    async def _restore(self, session: Connection) -> None:
        await session.restore()
        if session.is_clean:
            self.release(session)
        else:
            self._discard(session)

    def _note_failure(self, error: Exception) -> None:
        """Remember why no session could be opened; without any, refuse everybody."""
        cause = error.__cause__ or error
        reason = str(cause).strip() or type(cause).__name__
        with suppress(DatabaseUnavailable):
            reason = without_secrets(reason, self._address())
        if reason != self._last_error:
            _log.warning("database not reachable", reason=reason)
        self._last_error = reason
        self._keeper_wake.set()
        if self._sessions:
            return
        if self._ready.is_set():
            self._ready = trio.Event()
        self._line.refuse_all()

    async def _keep_until_the_end(self) -> None:
        try:
            await self._keep()
        finally:
            # Sessions may still come back, but a nursery that ends takes no more tasks.
            self._nursery = None

    async def _keep(self) -> None:
        """Connect, prepare once, then keep the minimum of sessions for ever."""
        backoff_s = BACKOFF_FIRST_S
        while True:
            self._keeper_wake = trio.Event()
            try:
                while len(self._sessions) + self._opening < self._size_min:
                    await self._open_kept()
                    backoff_s = BACKOFF_FIRST_S
            except DatabaseRefused as refusal:
                self.refuse(refusal)
                await trio.sleep_forever()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                self._note_failure(error)
                await trio.sleep(backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
            else:
                await self._keeper_wake.wait()

    async def _open_kept(self) -> None:
        self._opening += 1
        try:
            if not self._is_prepared and self._prepare is not None:
                self._is_pooled = bool(await self._prepare(self._address()))
                self._is_prepared = True
            session = await self._open()
        finally:
            self._opening -= 1
        try:
            if self._prepare is not None and not self.is_ready:
                # Who could not read our tables must not say that it is ready.
                await session.query(_OURS, ())
        except BaseException:
            session.close()
            raise
        self._add(session)

    def _stop(self) -> None:
        if self._ready.is_set():
            self._ready = trio.Event()
        for session in self._sessions:
            session.close()
        self._sessions.clear()
        self._idle.clear()
        self._line.refuse_all()

    # The watch.

    async def _watch(self) -> None:
        while True:
            await trio.sleep(WATCH_INTERVAL_S)
            now = trio.current_time()
            self._line.refuse_late(now)
            self._hang_up_on_silent(now)
            self._look_at_idle(now)

    def _hang_up_on_silent(self, now: float) -> None:
        limit_s = self._statement_timeout_s + HANG_UP_GRACE_S
        for session in self._sessions:
            if session.is_waiting and now - session.busy_since > limit_s:
                session.hang_up()

    def _look_at_idle(self, now: float) -> None:
        """Drop idle sessions that are dead or surplus; probe the one that was idle longest."""
        dead = [session for session in self._idle if session.has_hung_up()]
        for session in dead:
            self._idle.remove(session)
            self._discard(session)
        if not self._idle or now - self._idle[0].idle_since < PROBE_AFTER_S:
            return
        session = self._idle.pop(0)
        if len(self._sessions) > self._size_min:
            self._discard(session)
        elif self._nursery is not None:
            # Not here: a peer that vanished would keep the watch from everything else.
            self._nursery.start_soon(self._probe, session)

    async def _probe(self, session: Connection) -> None:
        with trio.move_on_after(PROBE_TIMEOUT_S) as scope:
            try:
                await session.query(_PROBE, ())
            except Exception:  # noqa: BLE001 - release() sees what has become of it
                _log.info("idle database session lost")
        if scope.cancelled_caught:
            _log.info("idle database session does not answer")
            self._discard(session)
        else:
            self.release(session)
