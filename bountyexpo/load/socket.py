"""Thousands of sockets for little CPU: raw descriptors on one epoll, and frames made by hand.

No task, no stream object and no library stands behind a connection, so that a load client on the
same machine leaves the machine to the server. It is meant to run in a process of its own, and
knows only what it needs: text or binary frames, ping, close, and no fragments (the server sends
none). Masking keys are zero: RFC 6455 §5.3 wants them unpredictable to protect proxies from
hostile scripts, and there are neither here.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
import time
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

# The header that asks for the upgrade; the key may be the same for all (RFC 6455 §1.3).
REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: {subprotocol}\r\nAuthorization: Bearer {token}\r\n\r\n"
)
READ_BYTES = 65_536
# Connections from one source address to one port are limited by the range of local ports.
SOCKETS_PER_ADDRESS = 20_000


class FleetFailed(Exception):
    """The sockets could not be opened or kept open."""


class LeanSocket:
    """One connection; ``number`` says which of the fleet it is."""

    __slots__ = ("close_code", "descriptor", "incoming", "is_upgraded", "number", "outgoing")

    def __init__(self, number: int, descriptor: socket.socket, request: bytes) -> None:
        self.number = number
        self.descriptor = descriptor
        self.incoming = bytearray()
        self.outgoing = bytearray(request)
        self.is_upgraded = False
        self.close_code: int | None = None


class Fleet:
    """Many sockets to one server.

    ``on_message(socket, payload)`` gets every data frame, ``on_open(socket)`` every socket whose
    upgrade succeeded. Nothing happens outside of ``pump``.
    """

    def __init__(
        self,
        address: tuple[str, int],
        *,
        on_message: Callable[[LeanSocket, bytes], None],
        on_open: Callable[[LeanSocket], None],
        path: str = "/v1/socket",
        subprotocol: str = "bounty.v1.json",
    ) -> None:
        self.sockets: list[LeanSocket] = []
        self.open_count = 0
        self.closed: list[LeanSocket] = []
        self._address = address
        self._on_message = on_message
        self._on_open = on_open
        self._path = path
        self._subprotocol = subprotocol
        self._epoll = select.epoll()
        self._by_fd: dict[int, LeanSocket] = {}

    def open(self, tokens: Iterable[str], *, at_once: int = 100, deadline_s: float = 120) -> None:
        """Open one socket per token, at most ``at_once`` of them on their way at a time.

        Raises:
            FleetFailed: When one is refused, or not all are open within the deadline.
        """
        until = time.monotonic() + deadline_s
        waiting = deque(tokens)
        while waiting or self.open_count < len(self.sockets):
            on_the_way = len(self.sockets) - self.open_count
            for _ in range(min(len(waiting), at_once - on_the_way)):
                self._start(waiting.popleft())
            self.pump(0.1)
            if self.closed:
                raise FleetFailed(f"a socket was closed: {self.closed[0].close_code}")
            if time.monotonic() > until:
                raise FleetFailed(f"only {self.open_count} sockets opened in {deadline_s:g} s")

    def pump(self, timeout_s: float) -> None:
        """Serve what is ready, waiting at most ``timeout_s`` for it."""
        for fd, events in self._epoll.poll(max(timeout_s, 0), 1024):
            client = self._by_fd.get(fd)
            if client is None:
                continue
            if events & select.EPOLLOUT:
                self._flush(client)
            if events & ~select.EPOLLOUT:
                self._receive(client)

    def pump_for(self, seconds: float) -> None:
        """Serve for some time."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.pump(left)

    def send(self, client: LeanSocket, frame: bytes) -> None:
        """Send one ready frame, now or when the kernel has room."""
        if client.close_code is not None:
            return
        client.outgoing += frame
        if len(client.outgoing) == len(frame):
            self._flush(client)

    def close(self) -> None:
        """Close every connection without a word."""
        for client in self.sockets:
            client.descriptor.close()
        self._epoll.close()

    def _start(self, token: str) -> None:
        number = len(self.sockets)
        descriptor = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        descriptor.setblocking(False)
        descriptor.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host, port = self._address
        if host.startswith("127."):
            # IP_BIND_ADDRESS_NO_PORT (24) lets the kernel choose the port at connect.
            descriptor.setsockopt(socket.IPPROTO_IP, 24, 1)
            descriptor.bind((f"127.0.0.{1 + number // SOCKETS_PER_ADDRESS}", 0))
        problem = descriptor.connect_ex(self._address)
        if problem not in (0, errno.EINPROGRESS):
            raise FleetFailed(f"cannot connect to {host}:{port}: {errno.errorcode[problem]}")
        request = REQUEST.format(
            path=self._path, host=f"{host}:{port}", subprotocol=self._subprotocol, token=token
        )
        client = LeanSocket(number, descriptor, request.encode())
        self.sockets.append(client)
        self._by_fd[descriptor.fileno()] = client
        self._epoll.register(descriptor.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _flush(self, client: LeanSocket) -> None:
        try:
            sent = client.descriptor.send(client.outgoing) if client.outgoing else 0
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lose(client, error.errno or 1006)
            return
        del client.outgoing[:sent]
        wanted = select.EPOLLIN | (select.EPOLLOUT if client.outgoing else 0)
        self._epoll.modify(client.descriptor.fileno(), wanted)

    def _receive(self, client: LeanSocket) -> None:
        try:
            data = client.descriptor.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose(client, 1006)
            return
        client.incoming += data
        if not client.is_upgraded and not self._upgrade(client):
            return
        for opcode, payload in take_frames(client.incoming):
            if opcode in (TEXT, BINARY):
                self._on_message(client, payload)
            elif opcode == PING:
                self.send(client, make_frame(payload, PONG))
            elif opcode == CLOSE:
                self._lose(client, int.from_bytes(payload[:2], "big") or 1005)
                return

    def _upgrade(self, client: LeanSocket) -> bool:
        end = client.incoming.find(b"\r\n\r\n")
        if end < 0:
            return False
        status = bytes(client.incoming[:end]).split(b"\r\n", 1)[0].decode("latin-1")
        del client.incoming[: end + 4]
        if " 101 " not in f"{status} ":
            raise FleetFailed(f"the server refused a socket: {status}")
        client.is_upgraded = True
        self.open_count += 1
        self._on_open(client)
        return True

    def _lose(self, client: LeanSocket, code: int) -> None:
        if client.close_code is None:
            client.close_code = code
            self.closed.append(client)
            del self._by_fd[client.descriptor.fileno()]
            self._epoll.unregister(client.descriptor.fileno())
            client.descriptor.close()


_LONG_HEADER: Final = 126


def make_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One whole client frame, masked with zeros."""
    size = len(payload)
    if size < _LONG_HEADER:
        return struct.pack("!BBI", 0x80 | opcode, 0x80 | size, 0) + payload
    if size < 1 << 16:
        return struct.pack("!BBHI", 0x80 | opcode, 0x80 | 126, size, 0) + payload
    return struct.pack("!BBQI", 0x80 | opcode, 0x80 | 127, size, 0) + payload


def take_frames(incoming: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take every whole server frame out of what was received: its opcode and its payload."""
    start, end = 0, len(incoming)
    frames = []
    while end - start >= 2:
        size, header = incoming[start + 1] & 0x7F, 2
        if size >= _LONG_HEADER:
            header = 4 if size == _LONG_HEADER else 10
            size = int.from_bytes(incoming[start + 2 : start + header], "big")
        if end - start < header + size:
            break
        body = start + header
        frames.append((incoming[start] & 0x0F, bytes(incoming[body : body + size])))
        start = body + size
    del incoming[:start]
    return iter(frames)
