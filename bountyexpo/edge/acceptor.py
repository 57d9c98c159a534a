"""The one listening port: accepts, reads the first head, chooses a handler for each request.

A process may hold no more descriptors than its limit, and an address no more than a part of them
(``seats``): who comes beyond that gets the place of an idle connection, or a refusal. Should the
limit be hit all the same, a descriptor kept in reserve is given up for as long as it takes to
refuse. The acceptor never dies of either.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from bountyexpo.domain.addresses import EVERY_IPV4
from bountyexpo.edge.listeners import BACKLOG, open_listeners
from bountyexpo.edge.protocol_handler import Arrival, choose_handler
from bountyexpo.edge.refusal import Refusals
from bountyexpo.edge.request_head import HEAD_BYTES_MAX, HEAD_END, HEAD_S, parse_head
from bountyexpo.edge.seats import IDLE_MIN_S, REFUSALS_MAX, Seats, descriptor_budget
from bountyexpo.errors import BountyExpoError, HeadTooLarge, NotFound, Unavailable
from bountyexpo.observability import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from bountyexpo.edge.protocol_handler import ProtocolHandler
    from bountyexpo.edge.seats import Seat

_log = logs.get_logger("edge.acceptor")

# Connections accepted between two waits.
ACCEPT_BATCH = 64

# How long to leave the queue alone when the system is out of memory or descriptors.
EXHAUSTED_PAUSE_S = 0.1

OUT_OF_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})
OUT_OF_MEMORY = frozenset({errno.ENOBUFS, errno.ENOMEM})

# The listening socket itself is bad; any other failure concerns one client (accept(2)).
LISTENER_BROKEN = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP})

# Unsent bytes the kernel keeps per socket: beyond it frames wait where they can still be dropped.
KERNEL_UNSENT_MAX = 128 * 1024


@dataclass(frozen=True, slots=True)
class AcceptorSettings:
    """Where to listen, and the bounds of a connection that no handler has taken yet."""

    host: str = EVERY_IPV4
    port: int = 3001
    backlog: int = BACKLOG
    reuse_port: bool = False
    head_timeout_s: float = HEAD_S
    head_bytes_max: int = HEAD_BYTES_MAX
    sockets_max: int | None = None  # None: what the process's descriptor limit leaves
    idle_min_s: float = IDLE_MIN_S
    send_buffer_bytes: int | None = None  # None: the kernel's own tuning


class Acceptor:
    """Owner of the listening sockets and of every connection that still has a task.

    Restarts:  permanent; sockets live in the poller and survive it.

    ``is_free`` tells whether an address may hold any number of connections.
    """

    def __init__(
        self,
        handlers: Sequence[ProtocolHandler],
        now: Callable[[], datetime],
        settings: AcceptorSettings | None = None,
        *,
        is_free: Callable[[str], bool] = lambda _address: False,
    ) -> None:
        self.settings = settings or AcceptorSettings()
        self._refusals = Refusals(now)
        self.port = 0
        self._handlers = tuple(handlers)
        self._listeners: list[socket.socket] = []
        self._spare: int | None = None
        total = self.settings.sockets_max or descriptor_budget()
        idle_min_s = self.settings.idle_min_s
        self._seats = Seats(
            total, self._sockets_of_handlers, is_free=is_free, idle_min_s=idle_min_s
        )
        self._serving = 0
        self._refusing = 0
        self._all_served = trio.Event()

    @property
    def open_sockets(self) -> int:
        """Connections of every handler, and those that none has taken yet."""
        return self._serving + self._sockets_of_handlers()

    async def run(self, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
        """Accept until cancelled; ``task_status`` is given the port that is bound."""
        listeners = self._listen()
        self._spare = os.open(os.devnull, os.O_RDONLY)
        try:
            async with trio.open_nursery() as nursery:
                task_status.started(self.port)
                try:
                    async with trio.open_nursery() as accepting:
                        for listener in listeners:
                            accepting.start_soon(self._accept_forever, listener, nursery)
                finally:
                    for handler in self._handlers:
                        handler.stop()
        finally:
            self.stop_accepting()
            self._release_spare()

    def start_draining(self) -> None:
        """Let every handler refuse new lasting work; requests are still answered."""
        for handler in self._handlers:
            handler.start_draining()

    def stop_accepting(self) -> None:
        """Close the listening sockets; connections that have a task go on."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            trio.lowlevel.notify_closing(listener)
            listener.close()

    async def wait_served(self) -> None:
        """Wait until no connection has a task; of use after ``stop_accepting``."""
        while self._serving:
            self._all_served = trio.Event()
            await self._all_served.wait()

    def _sockets_of_handlers(self) -> int:
        return sum(handler.open_sockets for handler in self._handlers)

    def _listen(self) -> list[socket.socket]:
        settings = self.settings
        self._listeners = open_listeners(
            settings.host,
            settings.port or self.port,
            backlog=settings.backlog,
            reuse_port=settings.reuse_port,
        )
        self.port = self._listeners[0].getsockname()[1]
        return self._listeners

    async def _accept_forever(self, listener: socket.socket, nursery: trio.Nursery) -> None:
        while listener in self._listeners:
            try:
                await trio.lowlevel.wait_readable(listener)
            except trio.ClosedResourceError:
                break
            for _ in range(ACCEPT_BATCH):
                if not await self._accept_one(listener, nursery):
                    break
        await trio.sleep_forever()

    async def _accept_one(self, listener: socket.socket, nursery: trio.Nursery) -> bool:
        """Accept one connection; return whether to try the next at once."""
        try:
            sock, address = listener.accept()
        except BlockingIOError:
            return False
        except OSError as error:
            return await self._survive(error, listener)
        self._arrive(sock, address[0], nursery)
        return True

    async def _survive(self, error: OSError, listener: socket.socket) -> bool:
        """Answer a failed accept; return whether to try the next at once."""
        if listener not in self._listeners:
            return False
        if error.errno in LISTENER_BROKEN:
            raise error
        if error.errno in OUT_OF_DESCRIPTORS and self._refuse_by_spare(listener):
            return True
        if error.errno in OUT_OF_DESCRIPTORS | OUT_OF_MEMORY:
            _log.warning("cannot accept", reason=str(error))
            await trio.sleep(EXHAUSTED_PAUSE_S)
            return False
        _log.info("a connection was gone before it was accepted", reason=str(error))
        return True

    def _refuse_by_spare(self, listener: socket.socket) -> bool:
        """Refuse one client with the descriptor kept for this; False when there is none."""
        if self._spare is None:
            return False
        self._release_spare()
        try:
            sock, _ = listener.accept()
        except OSError:
            pass
        else:
            with sock:
                sock.setblocking(False)
                _send_once(sock, self._refusals.encode(Unavailable(retry_after_s=5)))
        try:
            self._spare = os.open(os.devnull, os.O_RDONLY)
        except OSError:
            return False
        return True

    def _release_spare(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None

    def _arrive(self, sock: socket.socket, address: str, nursery: trio.Nursery) -> None:
        sock.setblocking(False)
        peer = sys.intern(address.removeprefix("::ffff:"))
        try:
            seat = self._seats.take(peer)
        except BountyExpoError as error:
            if self._refusing < REFUSALS_MAX:
                nursery.start_soon(self._refuse, sock, error)
            else:
                sock.close()
        else:
            nursery.start_soon(self._serve, sock, peer, seat)

    async def _refuse(self, sock: socket.socket, error: BountyExpoError) -> None:
        self._refusing += 1
        with sock:
            try:
                await self._refusals.send(sock, error)
            finally:
                self._refusing -= 1

    async def _serve(self, sock: socket.socket, peer: str, seat: Seat) -> None:
        """Serve one connection; whatever goes wrong ends this one only."""
        arrival: Arrival | None = None
        self._serving += 1
        try:
            self._prepare(sock)
            with seat.scope:
                data = await self._read_head(sock)
                while data:
                    seat.work()
                    arrival = Arrival(sock, parse_head(data), data, peer, seat)
                    data = await self._hand_to_handler(arrival)
        except HeadTooLarge as error:
            await self._refusals.send(sock, error)
        except OSError:
            _log.debug("a connection broke", peer=peer)
        except Exception:  # noqa: BLE001 - logged, and kept to this connection
            _log.exception("a connection failed", peer=peer)
        finally:
            if arrival is None or not arrival.is_taken:
                sock.close()
            self._seats.leave(seat)
            self._serving -= 1
            if not self._serving:
                self._all_served.set()

    async def _hand_to_handler(self, arrival: Arrival) -> bytes | None:
        """Have one request served; return what was read of the next when it may be another's."""
        handler = choose_handler(self._handlers, arrival.head)
        if handler is None:
            await self._refusals.send(arrival.sock, NotFound(), asked=arrival.head.headers)
            return None
        return await handler.serve(arrival)

    def _prepare(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, KERNEL_UNSENT_MAX)
        if self.settings.send_buffer_bytes is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.settings.send_buffer_bytes)

    async def _read_head(self, sock: socket.socket) -> bytes | None:
        """Read up to the end of the head; None when the client is too slow or goes away.

        Raises:
            HeadTooLarge: It does not end within the limit.
        """
        data = bytearray()
        limit = self.settings.head_bytes_max
        with trio.move_on_after(self.settings.head_timeout_s):
            while True:
                try:
                    chunk = sock.recv(limit)
                except BlockingIOError:
                    await trio.lowlevel.wait_readable(sock)
                    continue
                if not chunk:
                    return None
                data += chunk
                end = data.find(HEAD_END, max(0, len(data) - len(chunk) - len(HEAD_END)))
                if end > limit or (end < 0 and len(data) > limit):
                    raise HeadTooLarge
                if end >= 0:
                    return bytes(data)
        return None


def _send_once(sock: socket.socket, data: bytes) -> None:
    try:
        sock.send(data)
    except OSError:
        return
