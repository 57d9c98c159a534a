"""The gateway: makes a session for every socket, gives sessions their tasks, and drains them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from bountyexpo.errors import Unavailable
from bountyexpo.observability import metrics
from bountyexpo.operations.catalogue import CATALOGUE, Catalogue
from bountyexpo.realtime.fan_out import CHUNK
from bountyexpo.realtime.last_seen import LastSeen
from bountyexpo.realtime.presence import Presence
from bountyexpo.realtime.typing_tracker import TypingTracker
from bountyexpo.realtime.unread_counts import Unread
from bountyexpo.ws.admission import Admission
from bountyexpo.ws.legacy.session import EVENTS_PATH, MESSAGES_PATH, EventsListener, MessagesSession
from bountyexpo.ws.session.limits import SessionLimits, Timings
from bountyexpo.ws.session.resumable import Parking
from bountyexpo.ws.session.session import Session
from bountyexpo.ws.transport.close_codes import ADVICE, CloseCode, may_resume
from bountyexpo.ws.v1 import protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from bountyexpo.domain.identity import Identity
    from bountyexpo.operations.call import Services, Verifier
    from bountyexpo.realtime.hub import Hub
    from bountyexpo.realtime.listener import NewId, Reader
    from bountyexpo.ws.transport.connection import Connection
    from bountyexpo.ws.transport.handshake import UpgradeRequest
    from bountyexpo.ws.transport.limits import ConnectionHandler

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
        # What the composition root adds: how tokens are checked without touching the account, how
        # an account is made, how a ticket is redeemed.
        self.tokens: Verifier = services.verifier
        self.make_account: Callable[[Identity], Awaitable[None]] = _no_account
        self.redeem: Callable[[str], Identity | None] = lambda _ticket: None
        self.admission = Admission(services.rate_limiter)
        self.parking = Parking()
        self.presence = Presence(hub, services.clock.now, LastSeen(reader.last_seen))
        self.typists = TypingTracker(hub)
        self.unread = Unread(hub, reader.unread, services.clock.now)
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
        if len(self.sessions) + len(self.listeners) >= self.limits.sockets_max:
            raise Unavailable(code="OVERLOADED", retry_after_s=5)
        self.admission.check_upgrade(upgrade.peer, is_anonymous=_is_for(upgrade, EVENTS_PATH))

    def handler_factory(self, connection: Connection, upgrade: UpgradeRequest) -> ConnectionHandler:
        """Make the handler of a new socket: who names a protocol gets that, on any path."""
        if _is_for(upgrade, EVENTS_PATH):
            listener = EventsListener(connection, self)
            self.admission.opened(connection.peer, is_anonymous=True)
            self.listeners.add(listener)
            return listener
        kind = MessagesSession if _is_for(upgrade, MESSAGES_PATH) else Session
        session = kind(connection, self, upgrade)
        self.admission.opened(connection.peer)
        self.sessions.add(session)
        return session

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold the tasks of working sessions until cancelled."""
        metrics.WS_PARKED.set_function(lambda: self.parking.parked)
        async with trio.open_nursery() as keepers, trio.open_nursery() as nursery:
            keepers.start_soon(self.parking.run)
            keepers.start_soon(self.presence.run)
            keepers.start_soon(self.presence.last_seen.run)
            keepers.start_soon(self.unread.run)
            self._nursery = nursery
            try:
                task_status.started()
                await trio.sleep_forever()
            finally:
                self._nursery = None
                await self.presence.finish()

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
            **self.hub.statistics(),
        }

    # -- for operations

    async def presence_of(self, user_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Tell how these users are seen."""
        return await self.presence.views(user_ids)

    def separate(self, one: str, other: str) -> None:
        """Let two people no longer see each other come and go."""
        for viewer, seen in ((one, other), (other, one)):
            self.presence.cover(viewer, seen)

    def disconnect_user(
        self,
        user_id: str,
        code: int = CloseCode.REVOKED,
        reason: str = "revoked",
        *,
        session_id: str | None = None,
    ) -> int:
        """Close the sockets of a user, or those of one sign-in; returns how many."""
        return self.hub.disconnect_user(user_id, code, reason, session_id=session_id)

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
        return None if ticket is None else self.redeem(ticket) or ""

    def forget_listener(self, listener: EventsListener, code: int) -> None:
        """Drop an anonymous socket that left."""
        self.listeners.discard(listener)
        self.admission.closed(listener.connection.peer, is_anonymous=True)
        _count_close(code)

    def close_surplus(self, session: Session) -> None:
        """Close the oldest sockets of a user who has too many with this one."""
        for oldest in self.hub.surplus(session.user_id, self.limits.sockets_per_user):
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
        self.admission.closed(session.connection.peer)
        self.presence.left(session)
        self.typists.left(session)
        self.unread.left(session)
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
        self.presence.unwatch(session)

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


async def _no_account(_identity: Identity) -> None:
    """Stand in where accounts are made elsewhere."""
