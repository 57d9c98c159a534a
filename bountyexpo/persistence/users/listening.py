"""Hearing of changes that other processes commit: LISTEN, and the proof that it works.

A session of its own listens. Silence may mean that nothing happens, or that nothing gets through:
behind a pooler that lends sessions by transaction, LISTEN is accepted and never heard of again. So
a beat is sent through the pool every few seconds, and who does not hear their own beat is deaf, and
says so. Whoever keeps copies trusts them for a moment only while it is deaf, and drops them when it
hears again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import trio

from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.observability.logs import get_logger
from bountyexpo.persistence.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.persistence.queries import Queries

# How often a beat is sent, and after what silence the listener is deaf.
BEAT_S: Final = 3.0
DEAF_AFTER_S: Final = 7.0

# Pauses between attempts to listen again.
PAUSE_FIRST_S: Final = 0.1
PAUSE_MAX_S: Final = 5.0

CONNECT_TIMEOUT_S: Final = 5.0

BEAT: Final = "beat:"

_BEAT = "select pg_notify(%s, %s)"

_log = get_logger(__name__)


class Hearer(Protocol):
    """Who is told what was heard; nothing here blocks."""

    def heard(self, payload: str) -> None:
        """Learn of one change."""

    def hears(self) -> None:
        """From now on every change is heard of; those before may have been missed."""

    def is_deaf(self) -> None:
        """Changes may be missed from now on."""


class Listening:
    """Listens on one channel for as long as it runs.

    Bounded: nothing is kept here; what was heard is handed on at once.
    """

    def __init__(
        self, dsn: str | Callable[[], str], db: Queries, channel: str, node: str, hearer: Hearer
    ) -> None:
        assert channel.isidentifier(), channel
        self._dsn = dsn
        self._db = db
        self._channel = channel
        self._beat = f"{BEAT}{node}"
        self._hearer = hearer
        self._heard_at = float("-inf")
        self._is_hearing = False
        self._is_warned = False

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen until cancelled, and again whenever the session is lost."""
        task_status.started()
        pause_s = PAUSE_FIRST_S
        while True:
            try:
                session = await self._open()
            except DatabaseUnavailable:
                pause_s = min(pause_s * 2, PAUSE_MAX_S)
            else:
                pause_s = PAUSE_FIRST_S
                try:
                    await self._listen(session)
                finally:
                    session.close()
                self._lose()
            await trio.sleep(pause_s)

    async def _open(self) -> Connection:
        dsn = self._dsn if isinstance(self._dsn, str) else self._dsn()
        return await Connection.open(dsn, timeout_s=CONNECT_TIMEOUT_S)

    async def _listen(self, session: Connection) -> None:
        """Listen over one session until it is lost or has been silent for too long."""
        try:
            await session.command(b"listen " + self._channel.encode())
        except Exception:  # noqa: BLE001 - whatever it is, it is tried again
            _log.info("listening refused", channel=self._channel)
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send_beats)
            self._heard_at = trio.current_time()
            while (left_s := self._heard_at + DEAF_AFTER_S - trio.current_time()) > 0:
                with trio.move_on_after(left_s):
                    payloads = await session.notified()
                    if payloads is None:
                        break
                    for payload in payloads:
                        self._take(payload)
            nursery.cancel_scope.cancel()

    async def _send_beats(self) -> None:
        while True:
            try:
                await self._db.execute(_BEAT, (self._channel, self._beat))
            except DatabaseUnavailable:
                _log.debug("no beat sent", channel=self._channel)
            await trio.sleep(BEAT_S)

    def _take(self, payload: str) -> None:
        if payload == self._beat:
            self._heard_at = trio.current_time()
            if not self._is_hearing:
                self._is_hearing, self._is_warned = True, False
                self._hearer.hears()
        elif not payload.startswith(BEAT):
            self._hearer.heard(payload)

    def _lose(self) -> None:
        if not self._is_warned:
            self._is_warned = True
            _log.warning("changes by others are looked for, not heard of", channel=self._channel)
        if self._is_hearing:
            self._is_hearing = False
            self._hearer.is_deaf()
