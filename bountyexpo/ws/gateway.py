"""The gateway: makes a session for every socket, gives sessions their tasks, and drains them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from bountyexpo.errors import Unavailable
from bountyexpo.operations.catalogue import CATALOGUE, Catalogue
from bountyexpo.ws import protocol
from bountyexpo.ws.broadcast import CHUNK
from bountyexpo.ws.close_codes import CloseCode
from bountyexpo.ws.limits import SessionLimits, Timings
from bountyexpo.ws.session import Session

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.operations.call import Services
    from bountyexpo.ws.connection import Connection
    from bountyexpo.ws.handshake import UpgradeRequest
    from bountyexpo.ws.hub import Hub
    from bountyexpo.ws.ports import NewId, Reader

# The part of the grace time over which clients are asked to come back.
SPREAD = 0.8


class SessionGateway:
    """All sessions of one process.

    Bounded by ``limits.sockets_max``: beyond it an upgrade is refused with 503.
    """

    def __init__(
        self,
        services: Services,
        reader: Reader,
        hub: Hub,
        *,
        new_id: NewId,
        limits: SessionLimits | None = None,
        timings: Timings | None = None,
        catalogue: Catalogue = CATALOGUE,
    ) -> None:
        self.services = services
        self.reader = reader
        self.hub = hub
        self.new_id = new_id
        self.limits = limits or SessionLimits()
        self.timings = timings or Timings()
        self.catalogue = catalogue
        self.sessions: set[Session] = set()
        self.drained = trio.Event()
        self._departure = trio.Event()
        self._nursery: trio.Nursery | None = None
        self._is_draining = False

    def admit(self, upgrade: UpgradeRequest) -> None:  # noqa: ARG002 - load decides
        """Refuse an upgrade that cannot be served.

        Raises:
            Unavailable: draining, full, or not started.
        """
        if self._is_draining or self._nursery is None:
            raise Unavailable
        if len(self.sessions) >= self.limits.sockets_max:
            raise Unavailable(code="OVERLOADED", retry_after_s=5)

    def handler_factory(self, connection: Connection, upgrade: UpgradeRequest) -> Session:
        """Make the handler of a new socket."""
        session = Session(connection, self, upgrade)
        self.sessions.add(session)
        return session

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold the tasks of working sessions until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                task_status.started()
                await trio.sleep_forever()
            finally:
                self._nursery = None

    def start_draining(self, grace_s: float, reason: str = "deploy") -> None:
        """Ask every client to come back elsewhere; close with 1012 after ``grace_s``.

        ``drained`` is set when all have gone, which may be sooner. From now on new sockets are
        refused.
        """
        if self._is_draining:
            return
        self._is_draining = True
        if self._nursery is None:
            self.drained.set()
        else:
            self._nursery.start_soon(self._drain, grace_s, reason)

    def statistics(self) -> dict[str, int]:
        """Counts for the admin page."""
        open_sessions = sum(1 for session in self.sessions if session.user_id)
        return {"sockets": len(self.sessions), "sessions": open_sessions, **self.hub.statistics()}

    # -- for sessions

    def start_work(self, session: Session) -> bool:
        """Start the task that works off the session's inbox; False when there is no time left."""
        if self._nursery is None:
            session.disconnect(CloseCode.RESTART, "restart")
            return False
        self._nursery.start_soon(session.work)
        return True

    def forget(self, session: Session) -> None:
        """Drop a session that left."""
        self.sessions.discard(session)
        self._departure.set()

    def now(self) -> datetime:
        """The present moment."""
        return self.services.clock.now()

    # -- private parts

    async def _drain(self, grace_s: float, reason: str) -> None:
        deadline = trio.current_time() + grace_s
        sessions = list(self.sessions)
        grace_ms = round(grace_s * 1000)
        for index, session in enumerate(sessions):
            after_ms = round(grace_ms * SPREAD * index / len(sessions))
            session.send_now(protocol.reconnect(self.now(), after_ms, grace_ms, reason))
            if index % CHUNK == CHUNK - 1:
                await trio.lowlevel.checkpoint()
        with trio.move_on_at(deadline):
            while self.sessions:
                self._departure = trio.Event()
                await self._departure.wait()
        for index, session in enumerate(list(self.sessions)):
            session.disconnect(CloseCode.RESTART, "restart")
            if index % CHUNK == CHUNK - 1:
                await trio.lowlevel.checkpoint()
        self.drained.set()
