"""WebSockets of the lean kind: frames made and taken by hand, on ``connections.py``.

It knows only what it needs: text or binary frames, ping, close, and no fragments (the server sends
none). Masking keys are zero: RFC 6455 §5.3 wants them unpredictable to protect proxies from
hostile scripts, and there are neither here.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from bountyexpo.close_codes import CloseCode
from bountyexpo.load.client.connections import Connection, Connections, FleetFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["Fleet", "FleetFailed", "LeanSocket", "make_frame", "take_frames"]

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

# The header that asks for the upgrade; the key may be the same for all (RFC 6455 §1.3).
REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: {subprotocol}\r\nAuthorization: Bearer {token}\r\n\r\n"
)


class LeanSocket(Connection):
    """One socket; ``close_code`` is the HTTP status where the upgrade was refused."""

    __slots__ = ("is_upgraded", "request")

    def __init__(self, number: int, request: bytes) -> None:
        super().__init__(number)
        self.request = request
        self.is_upgraded = False


class Fleet(Connections):
    """Many sockets to one server.

    ``on_message(socket, payload)`` gets every data frame, ``on_open(socket)`` every socket whose
    upgrade succeeded, ``on_close(socket)`` every one that ended by itself. Without ``on_close`` a
    refused upgrade is a failure of the whole fleet.
    """

    def __init__(
        self,
        address: tuple[str, int],
        *,
        on_message: Callable[[LeanSocket, bytes], None],
        on_open: Callable[[LeanSocket], None],
        on_close: Callable[[LeanSocket], None] | None = None,
        path: str = "/v1/socket",
        subprotocol: str = "bounty.v1.json",
        sources: Sequence[str] = (),
    ) -> None:
        super().__init__(address, sources=sources)
        self.sockets: list[LeanSocket] = []
        self.open_count = 0
        self.closed: list[LeanSocket] = []
        self._on_message = on_message
        self._on_open = on_open
        self._on_close = on_close
        self._path = path
        self._subprotocol = subprotocol

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
                self.start(waiting.popleft())
            self.pump(0.1)
            if self.closed:
                raise FleetFailed(f"a socket was closed: {self.closed[0].close_code}")
            if time.monotonic() > until:
                raise FleetFailed(f"only {self.open_count} sockets opened in {deadline_s:g} s")

    def start(self, token: str) -> LeanSocket:
        """Begin to open one more socket."""
        host, port = self._address
        request = REQUEST.format(
            path=self._path, host=f"{host}:{port}", subprotocol=self._subprotocol, token=token
        )
        client = LeanSocket(len(self.sockets), request.encode())
        self.sockets.append(client)
        self.restart(client)
        return client

    def restart(self, client: LeanSocket) -> None:
        """Begin to open a socket again that was dropped or lost."""
        client.is_upgraded = False
        self._connect(client, client.request)

    def _received(self, connection: Connection) -> None:
        assert isinstance(connection, LeanSocket)
        if not connection.is_upgraded and not self._upgrade(connection):
            return
        for opcode, payload in take_frames(connection.incoming):
            if opcode in (TEXT, BINARY):
                self._on_message(connection, payload)
            elif opcode == PING:
                self.send(connection, make_frame(payload, PONG))
            elif opcode == CLOSE:
                self._lose(connection, int.from_bytes(payload[:2], "big") or CloseCode.NO_CODE)
                return

    def _upgrade(self, client: LeanSocket) -> bool:
        end = client.incoming.find(b"\r\n\r\n")
        if end < 0:
            return False
        status = bytes(client.incoming[:end]).split(b"\r\n", 1)[0].decode("latin-1")
        del client.incoming[: end + 4]
        if " 101 " not in f"{status} ":
            if self._on_close is None:
                raise FleetFailed(f"the server refused a socket: {status}")
            code = status.split(" ")[1:2]
            self._lose(client, int(code[0]) if code and code[0].isdecimal() else CloseCode.ABNORMAL)
            return False
        client.is_upgraded = True
        self.open_count += 1
        self._on_open(client)
        return True

    def _lost(self, connection: Connection) -> None:
        assert isinstance(connection, LeanSocket)
        if self._on_close is None:
            self.closed.append(connection)
        else:
            self._on_close(connection)


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
