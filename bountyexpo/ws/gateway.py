"""The gateway: makes a handler for every socket, gives sockets their tasks, and drains them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from bountyexpo.close_codes import ADVICE, CloseCode
from bountyexpo.edge.socket_paths import EVENTS_PATH, MESSAGES_PATH
from bountyexpo.errors import Unavailable
from bountyexpo.observability import metrics
from bountyexpo.realtime.fan_out import CHUNK
from bountyexpo.ws.legacy.events import EventsListener
from bountyexpo.ws.legacy.socket import LegacySocket
from bountyexpo.ws.session.socket import ClientSocket
from bountyexpo.ws.v1 import protocol
from bountyexpo.ws.v1.credentials import credential_of
from bountyexpo.ws.v1.frame_handlers import FrameHandlers

if TYPE_CHECKING:
    from bountyexpo.ws.session.session import Context
    from bountyexpo.ws.transport.connection import Connection
    from bountyexpo.ws.transport.handler import ConnectionHandler
    from bountyexpo.ws.transport.handshake import UpgradeRequest
    from bountyexpo.ws.v1.protocol import Envelope

# The part of the grace time over which clients are asked to come back.
SPREAD = 0.8


class SessionGateway:
    """All sockets of one process; implements their ``SocketOwner`` and ``ListenerOwner``.

    Bounded by ``limits.sockets_max``: beyond it an upgrade is refused with 503.
    """

    def __init__(self, context: Context) -> None:
        self.sockets: set[ClientSocket] = set()
        self.listeners: set[EventsListener] = set()
        self.drained = trio.Event()
        self._context = context
        self._frames = FrameHandlers(context.features.frames)
        self._departure = trio.Event()
        self._nursery: trio.Nursery | None = None
        self._is_draining = False

    def admit(self, upgrade: UpgradeRequest) -> None:
        """Refuse an upgrade that cannot be served.

        Raises:
            Unavailable: draining, full, or not started.
            RateLimited: too many of this address.
        """
        context = self._context
        if self._is_draining or self._nursery is None:
            raise Unavailable
        if len(self.sockets) + len(self.listeners) >= context.limits.sockets_max:
            raise Unavailable(code="OVERLOADED", retry_after_s=5)
        is_anonymous = _is_for(upgrade, EVENTS_PATH)
        context.admission.check_upgrade(upgrade.peer, is_anonymous=is_anonymous)

    def handler_factory(self, connection: Connection, upgrade: UpgradeRequest) -> ConnectionHandler:
        """Make the handler of a new socket: who names a protocol gets that, on any path."""
        context = self._context
        if _is_for(upgrade, EVENTS_PATH):
            listener = EventsListener(connection, context, self)
            context.admission.opened(connection.peer, is_anonymous=True)
            self.listeners.add(listener)
            return listener
        if _is_for(upgrade, MESSAGES_PATH):
            socket: ClientSocket = LegacySocket(connection, context, self, upgrade)
        else:
            credential = credential_of(upgrade, context.redeem)
            socket = ClientSocket(connection, context, self, credential)
        context.admission.opened(connection.peer)
        self.sockets.add(socket)
        return socket

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold the tasks of features and of working sockets until cancelled."""
        context = self._context
        metrics.WS_RESUMABLE.set_function(lambda: context.resumable.waiting)
        async with trio.open_nursery() as keepers, trio.open_nursery() as nursery:
            keepers.start_soon(context.resumable.run)
            keepers.start_soon(context.features.run)
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
        self._context.resumable.close()
        if self._nursery is None:
            self.drained.set()
        else:
            self._nursery.start_soon(self._drain, grace_s, reason)

    # -- for sockets

    async def dispatch(
        self, socket: ClientSocket, envelope: Envelope, frame: dict[str, Any]
    ) -> None:
        """Carry out one frame."""
        await self._frames.handle(socket, envelope, frame)

    def start_work(self, socket: ClientSocket) -> None:
        """Start the task that works off a socket's queue, or close a socket that is too late."""
        if self._nursery is None:
            socket.disconnect(CloseCode.RESTART, "restart")
        else:
            self._nursery.start_soon(socket.work)

    def forget(self, socket: ClientSocket, code: int) -> None:
        """Drop a socket that closed."""
        self.sockets.discard(socket)
        self._context.admission.closed(socket.connection.peer)
        _count_close(code)
        self._departure.set()

    def forget_listener(self, listener: EventsListener, code: int) -> None:
        """Drop an anonymous socket that closed."""
        self.listeners.discard(listener)
        self._context.admission.closed(listener.connection.peer, is_anonymous=True)
        _count_close(code)

    # -- private parts

    async def _drain(self, grace_s: float, reason: str) -> None:
        deadline = trio.current_time() + grace_s
        sockets = list(self.sockets)
        grace_ms = round(grace_s * 1000)
        for index, socket in enumerate(sockets):
            after_ms = round(grace_ms * SPREAD * index / len(sockets))
            socket.send_now(protocol.reconnect(self._context.now(), after_ms, grace_ms, reason))
            if index % CHUNK == CHUNK - 1:
                await trio.lowlevel.checkpoint()
        with trio.move_on_at(deadline):
            while self.sockets:
                self._departure = trio.Event()
                await self._departure.wait()
        left: list[ClientSocket | EventsListener] = [*self.sockets, *self.listeners]
        for index, each in enumerate(left):
            each.disconnect(CloseCode.RESTART, "restart")
            if index % CHUNK == CHUNK - 1:
                await trio.lowlevel.checkpoint()
        self.drained.set()


def _is_for(upgrade: UpgradeRequest, path: str) -> bool:
    """Tell whether an upgrade wants an old protocol: it is on its path and names no other."""
    return upgrade.path == path and not upgrade.subprotocols


def _count_close(code: int) -> None:
    metrics.WS_CLOSES.labels(str(code) if code in ADVICE else "other").inc()
