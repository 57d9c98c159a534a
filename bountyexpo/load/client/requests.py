"""Plain HTTP requests of the lean kind: kept connections and answers taken by hand.

An open loop never waits: a request that finds no free connection waits in line, and its latency
counts from when it was due. A connection that breaks takes its request with it and is opened
again for the next one.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any

from bountyexpo.load.client.connections import Connection, Connections, FleetFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSING = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
LAST_CHUNK = b"0\r\n\r\n"


class Exchange(Connection):
    """One connection; ``context`` is whatever the caller gave with its request, None when free."""

    __slots__ = ("context",)

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.context: Any = None


class Requests(Connections):
    """A pool of connections to one server.

    ``on_reply(context, status, body)`` gets each answer, ``on_failure(context)`` each request
    whose connection broke.
    """

    def __init__(
        self,
        address: tuple[str, int],
        connections: int,
        *,
        on_reply: Callable[[Any, int, bytes], None],
        on_failure: Callable[[Any], None],
        sources: Sequence[str] = (),
    ) -> None:
        super().__init__(address, sources=sources)
        self.waiting: deque[tuple[Any, bytes]] = deque()
        self._on_reply = on_reply
        self._on_failure = on_failure
        self._free = [Exchange(number) for number in reversed(range(connections))]

    def ask(self, context: Any, request: bytes) -> None:
        """Send a request now, or when a connection is free."""
        if self._free:
            self._send_on(self._free.pop(), context, request)
        else:
            self.waiting.append((context, request))

    def _send_on(self, exchange: Exchange, context: Any, request: bytes) -> None:
        exchange.context = context
        if exchange.descriptor is not None:
            self.send(exchange, request)
            return
        try:
            self._connect(exchange, request)
        except (FleetFailed, OSError):
            self._lost(exchange)

    def _received(self, connection: Connection) -> None:
        assert isinstance(connection, Exchange)
        data = connection.incoming
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return
        head, start = bytes(data[: end + 2]), end + 4
        length = _LENGTH.search(head)
        if length is not None:
            size = int(length[1])
        elif _CHUNKED.search(head):
            if not data.endswith(LAST_CHUNK):
                return
            size = len(data) - start
        else:
            size = 0
        if len(data) < start + size:
            return
        body = bytes(data[start : start + size])
        data.clear()
        if _CLOSING.search(head):
            self.drop(connection)
        self._finish(connection, int(head[9:12]), body if length is not None else unchunk(body))

    def _finish(self, exchange: Exchange, status: int, body: bytes) -> None:
        context, exchange.context = exchange.context, None
        self._release(exchange)
        self._on_reply(context, status, body)

    def _lost(self, connection: Connection) -> None:
        assert isinstance(connection, Exchange)
        if connection.context is None:
            return
        context, connection.context = connection.context, None
        self._release(connection)
        self._on_failure(context)

    def _release(self, exchange: Exchange) -> None:
        if self.waiting:
            self._send_on(exchange, *self.waiting.popleft())
        else:
            self._free.append(exchange)


def make_request(
    method: str, path: str, *, host: str, token: str | None = None, body: bytes | None = None
) -> bytes:
    """One whole HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "\r\n"]).encode() + (body or b"")


def unchunk(data: bytes) -> bytes:
    """Put the chunks of a body together (RFC 9112 §7.1)."""
    body = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        length = int(size.partition(b";")[0] or b"0", 16)
        body += rest[:length]
        data = rest[length + 2 :] if length else b""
    return body
