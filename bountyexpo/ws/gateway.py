"""The gateway: makes a session for every socket, gives sessions their tasks, and drains them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from bountyexpo.close_codes import ADVICE, CloseCode, may_resume
from bountyexpo.errors import Unavailable
from bountyexpo.observability import metrics
from bountyexpo.realtime.fan_out import CHUNK
from bountyexpo.ws.legacy.session import EVENTS_PATH, MESSAGES_PATH, EventsListener, MessagesSession
from bountyexpo.ws.session.resumable import Parking
from bountyexpo.ws.session.session import Session
from bountyexpo.ws.v1 import protocol

if TYPE_CHECKING:
    from bountyexpo.domain.identity import Identity
    from bountyexpo.ws.session.context import SessionContext
    from bountyexpo.ws.transport.connection import Connection
    from bountyexpo.ws.transport.handshake import UpgradeRequest
    from bountyexpo.ws.transport.limits import ConnectionHandler

# The part of the grace time over which clients are asked to come back.
SPREAD = 0.8


class SessionGateway:
    """All sessions of one process.

    Bounded by ``limits.sockets_max``: beyond it an upgrade is refused with 503.
    """

    def __init__(self, context: SessionContext) -> None:
        self.context = context
        self.parking = Parking()
        self.sessions: set[Session] = set()
        self.listeners: set[EventsListener] = set()
        self.drained = trio.Event()
        self._departure = trio.Event()
        self._nursery: trio.Nursery | None = None
        self._is_draining = False

    def admit(self, upgrade: UpgradeRequest) -> None:
        """Refuse an upgrade that cannot be served.

        Raises:
            Unavailable: draining, full, or not started.
            RateLimited: too many of this address.
        """
        if self._is_draining or self._nursery is None:
            raise Unavailable
        if len(self.sessions) + len(self.listeners) >= self.context.limits.sockets_max:
            raise Unavailable(code="OVERLOADED", retry_after_s=5)
        is_anonymous = _is_for(upgrade, EVENTS_PATH)
        self.context.admission.check_upgrade(upgrade.peer, is_anonymous=is_anonymous)

    def handler_factory(self, connection: Connection, upgrade: UpgradeRequest) -> ConnectionHandler:
        """Make the handler of a new socket: who names a protocol gets that, on any path."""
        if _is_for(upgrade, EVENTS_PATH):
            listener = EventsListener(connection, self)
            self.context.admission.opened(connection.peer, is_anonymous=True)
            self.listeners.add(listener)
            return listener
        kind = MessagesSession if _is_for(upgrade, MESSAGES_PATH) else Session
        session = kind(connection, self, upgrade)
        self.context.admission.opened(connection.peer)
        self.sessions.add(session)
        return session

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold the tasks of working sessions until cancelled."""
        metrics.WS_PARKED.set_function(lambda: self.parking.parked)
        async with trio.open_nursery() as keepers, trio.open_nursery() as nursery:
            keepers.start_soon(self.parking.run)
            keepers.start_soon(self.context.presence.run)
            keepers.start_soon(self.context.presence.last_seen.run)
            keepers.start_soon(self.context.unread.run)
            self._nursery = nursery
            try:
                task_status.started()
                await trio.sleep_forever()
            finally:
                self._nursery = None
                await self.context.presence.finish()

    def start_draining(self, grace_s: float, reason: str = "deploy") -> None:
        """Ask every client to come back elsewhere; close with 1012 after ``grace_s``.

        ``drained`` is set when all have gone, which may be sooner. From now on new sockets are
        refused.
        """
        if self._is_draining:
            return
        self._is_draining = True
        self.parking.close()
        if self._nursery is None:
            self.drained.set()
        else:
            self._nursery.start_soon(self._drain, grace_s, reason)

    def statistics(self) -> dict[str, int]:
        """Counts for the admin page."""
        open_sessions = sum(1 for session in self.sessions if session.user_id)
        return {
            "sockets": len(self.sessions),
            "sessions": open_sessions,
            "parked": self.parking.parked,
            "resume_bytes": self.parking.size,
            **self.context.hub.statistics(),
        }

    # -- for sessions

    def start_work(self, session: Session) -> bool:
        """Start the task that works off the session's inbox; False when there is no time left."""
        if self._nursery is None:
            session.disconnect(CloseCode.RESTART, "restart")
            return False
        self._nursery.start_soon(session.work)
        return True

    def credential_of(self, upgrade: UpgradeRequest) -> str | Identity | None:
        """Return who the upgrade says it is; a ticket that is not good names nobody."""
        if upgrade.bearer is not None:
            return upgrade.bearer
        ticket = upgrade.query.get("ticket")
        return None if ticket is None else self.context.redeem(ticket) or ""

    def forget_listener(self, listener: EventsListener, code: int) -> None:
        """Drop an anonymous socket that left."""
        self.listeners.discard(listener)
        self.context.admission.closed(listener.connection.peer, is_anonymous=True)
        _count_close(code)

    def close_surplus(self, session: Session) -> None:
        """Close the oldest sockets of a user who has too many with this one."""
        for oldest in self.context.hub.surplus(
            session.user_id, self.context.limits.sockets_per_user
        ):
            if oldest is not session:
                oldest.disconnect(CloseCode.REPLACED, "replaced")

    def may_park(self, session: Session, code: int) -> bool:
        """Tell whether a session that lost its socket by ``code`` is kept for its client."""
        return may_resume(code) and self.parking.knows(session) and not self.parking.is_closed

    def detach(self, session: Session, code: int) -> None:
        """Count a session's socket no more; harmless when repeated."""
        if session not in self.sessions:
            return
        self.sessions.discard(session)
        self.context.admission.closed(session.connection.peer)
        if session.is_welcomed:
            self.context.presence.left(session)
        self.context.typing.left(session)
        self.context.unread.left(session)
        _count_close(code)
        self._departure.set()

    def park(self, session: Session, code: int) -> None:
        """Keep a session that lost its socket."""
        self.detach(session, code)
        self.parking.park(session)

    def hand_over(self, other: Session, session: Session) -> None:
        """Note that ``session`` goes on with the socket of ``other``."""
        self.sessions.discard(other)
        self.sessions.add(session)
        self.parking.unpark(session)

    def forget(self, session: Session, code: int) -> None:
        """Drop a session that left."""
        self.detach(session, code)
        self.parking.discard(session)
        self.context.presence.forget(session)

    # -- private parts

    async def _drain(self, grace_s: float, reason: str) -> None:
        deadline = trio.current_time() + grace_s
        sessions = list(self.sessions)
        grace_ms = round(grace_s * 1000)
        for index, session in enumerate(sessions):
            after_ms = round(grace_ms * SPREAD * index / len(sessions))
            session.send_now(protocol.reconnect(self.context.now(), after_ms, grace_ms, reason))
            if index % CHUNK == CHUNK - 1:
                await trio.lowlevel.checkpoint()
        with trio.move_on_at(deadline):
            while self.sessions:
                self._departure = trio.Event()
                await self._departure.wait()
        left: list[Session | EventsListener] = [*self.sessions, *self.listeners]
        for index, socket in enumerate(left):
            socket.disconnect(CloseCode.RESTART, "restart")
            if index % CHUNK == CHUNK - 1:
                await trio.lowlevel.checkpoint()
        self.drained.set()


def _is_for(upgrade: UpgradeRequest, path: str) -> bool:
    """Tell whether an upgrade wants an old protocol: it is on its path and names no other."""
    return upgrade.path == path and not upgrade.subprotocols


def _count_close(code: int) -> None:
    metrics.WS_CLOSES.labels(str(code) if code in ADVICE else "other").inc()
