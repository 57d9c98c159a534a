"""What stands between a plain socket and Hypercorn: deadlines, and the ends that are missing.

Hypercorn 0.18 on trio sends inside a shielded scope without a time limit, so a client that stops
reading would hang it through shutdown; here each wait for room has a deadline. Quart-Trio cancels
the task that sends the end of a response as soon as it learns of it, in the middle of Hypercorn's
work of recycling or closing the connection, which then stays open for ever: neither
``Connection: close`` nor the keep-alive limit works. Here that last message is sent under a shield
(``guard``), so Hypercorn finishes its work and both work again.
"""

from __future__ import annotations

import math
import socket
from typing import TYPE_CHECKING, Any

import trio

from bountyexpo.edge.refusal import read_away
from bountyexpo.edge.socket_paths import SOCKET_PATHS
from bountyexpo.errors import MalformedRequest, NotFound, UpgradeRequired

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from bountyexpo.edge.protocol_handler import Arrival
    from bountyexpo.edge.refusal import Refusals
    from bountyexpo.errors import BountyExpoError
    from bountyexpo.http.limits import HttpLimits

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    AsgiApp = Callable[[Any, Receive, Send], Awaitable[None]]

# Bytes handed to the kernel in one call.
SEND_CHUNK = 64 * 1024


class HttpStream:
    """The stream that Hypercorn serves, and the ASGI application it calls, of one connection.

    ``aclose`` ends both directions but leaves the descriptor to the acceptor, which closes it when
    the handler has returned.
    """

    def __init__(
        self, app: AsgiApp, arrival: Arrival, refusals: Refusals, limits: HttpLimits
    ) -> None:
        self.socket = arrival.sock  # Hypercorn reads the addresses from it
        self.refusals = refusals
        self.scope = trio.CancelScope()  # around Hypercorn's work for this connection
        self.is_mid_body: Callable[[], bool] = lambda: False  # by whoever parses what we read
        self._app = app
        self._early = arrival.data
        self._seat = arrival.seat
        self._limits = limits
        self._requests = 0  # in flight
        self._bodies = 0  # not read to their end
        self.is_late = False  # a body did not come in time, which ended the reading
        self.handed_back: bytes | None = None  # what was read of a request for somebody else
        self._is_at_end = False
        self._is_closed = False
        self._lingers = False
        self._counted = trio.Event()  # one of the two has changed
        self._stop_at = math.inf
        self._receive_scope: trio.CancelScope | None = None
        self._send_scope: trio.CancelScope | None = None

    # The stream, as Hypercorn uses it.

    async def receive_some(self, max_bytes: int) -> bytes:
        """Return what arrived, at first what the acceptor had read; b"" at the end or too late."""
        if self._early:
            data, self._early = self._early[:max_bytes], self._early[max_bytes:]
            return data
        if self.handed_back is not None:
            await trio.sleep_forever()  # until the last request is done, which ends the scope
        try:
            data = await self._receive(max_bytes)
        except trio.BrokenResourceError:
            # To Hypercorn like the end: on an error it waits for the rest of the keep-alive time.
            data = b""
        else:
            if not data and not self.is_late:
                await self._wait_answered()
        if not data:
            self._end()
        return data

    async def send_all(self, data: bytes) -> None:
        """Send everything; each wait for room has a deadline.

        Raises:
            BrokenResourceError: The client is gone, or does not read.
        """
        rest = memoryview(data)
        while rest:
            if self._is_closed:
                raise trio.ClosedResourceError
            try:
                rest = rest[self.socket.send(rest[:SEND_CHUNK]) :]
            except BlockingIOError:
                await self._wait_for_room()
            except OSError as error:
                raise trio.BrokenResourceError from error

    async def send_eof(self) -> None:
        """Say that nothing follows."""
        if self.handed_back is None:
            self._shut(socket.SHUT_WR)

    async def aclose(self) -> None:
        """End the connection and wake whoever waits on it; one that is handed back goes on."""
        if not self._is_closed and self.handed_back is None:
            self._is_closed = True
            # Closing with unread bytes would reset the connection before the answer is read.
            self._lingers = not self._is_at_end
            self._shut(socket.SHUT_WR)
            trio.lowlevel.notify_closing(self.socket)
            self._end()

    # The application, as Hypercorn calls it.

    async def guard(self, scope: Any, receive: Receive, send: Send) -> None:
        """Run the application, watch its body, and shield the end of its response."""
        if scope["type"] == "websocket":
            # Over HTTP/1.1 a wish for a socket does not come this far: at a socket's address it is
            # the socket handler's business, and anywhere else a plain request (RFC 9110 §7.8).
            # Over HTTP/2 (RFC 8441) Hypercorn announces it.
            is_known = scope["path"] in SOCKET_PATHS
            error = (UpgradeRequired if is_known else NotFound)("Sockets are opened over HTTP/1.1.")
            await self._refuse(scope, send, error, "websocket.http.response")
            return
        if not scope["query_string"].isascii():
            # An address is ASCII (RFC 3986 §2); over HTTP/1.1 the head was refused for it.
            await self._refuse(scope, send, MalformedRequest(), "http.response")
            return
        reading = True
        self._count(requests=1, bodies=1)

        async def watched_receive() -> Message:
            nonlocal reading
            message = await receive()
            if reading and not message.get("more_body", False):
                reading = False
                self._count(requests=0, bodies=-1)
            return message

        async def guarded_send(message: Message) -> None:
            if message["type"] != "http.response.body" or message.get("more_body", False):
                await send(message)
                return
            if message.get("body"):
                await send({**message, "more_body": True})
            with trio.move_on_after(self._limits.send_s, shield=True):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        try:
            await self._app(scope, watched_receive, guarded_send)
        finally:
            self._count(requests=-1, bodies=-1 if reading else 0)

    async def _refuse(self, scope: Any, send: Send, error: BountyExpoError, kind: str) -> None:
        """Answer in the application's place."""
        asked = {name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]}
        headers, body = self.refusals.describe(error, asked)
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": f"{kind}.start", "status": error.status, "headers": encoded})
        await send({"type": f"{kind}.body", "body": body})

    # The life of the connection, as the fallback uses it.

    def stop(self) -> None:
        """Let no send wait longer than the grace; the connection is about to be cancelled."""
        self._stop_at = trio.current_time() + self._limits.stop_grace_s
        if self._send_scope is not None:
            self._send_scope.deadline = min(self._send_scope.deadline, self._stop_at)

    def hand_back(self, data: bytes) -> None:
        """End Hypercorn's work, but not the connection: ``data`` may be another's request."""
        self.handed_back, self._early = data + self._early, b""
        self._end()

    async def linger(self) -> None:
        """Let an early answer arrive at a client that is still sending its body."""
        if self._lingers:
            await read_away(self.socket)

    # Steps.

    async def _receive(self, max_bytes: int) -> bytes:
        while not self._is_closed:
            try:
                return self.socket.recv(max_bytes)
            except BlockingIOError:
                pass
            except OSError as error:
                raise trio.BrokenResourceError from error
            if not self._requests:
                self._seat.rest()
            with trio.CancelScope() as self._receive_scope:
                self._set_read_deadline()
                await trio.lowlevel.wait_readable(self.socket)
            self.is_late = self._receive_scope.cancelled_caught
            self._receive_scope = None
            if self.is_late:
                return b""
        raise trio.ClosedResourceError

    async def _wait_answered(self) -> None:
        """Let a client that has said all get its answers; Hypercorn would drop them at the end."""
        # A request that has just been read counts itself only when its task has run.
        await trio.lowlevel.checkpoint()
        while self._requests and not self.is_mid_body() and not self._is_closed:
            self._counted = trio.Event()
            await self._counted.wait()

    async def _wait_for_room(self) -> None:
        deadline = min(trio.current_time() + self._limits.send_s, self._stop_at)
        with trio.CancelScope(deadline=deadline) as self._send_scope:
            await trio.lowlevel.wait_writable(self.socket)
        is_late = self._send_scope.cancelled_caught
        self._send_scope = None
        if is_late:
            await self.aclose()
            self.scope.cancel()
            raise trio.BrokenResourceError("the client does not read")

    def _end(self) -> None:
        self._is_at_end = True
        self._count(requests=0, bodies=0)

    def _count(self, *, requests: int, bodies: int) -> None:
        self._requests += requests
        self._bodies += bodies
        if self._requests:
            self._seat.work()
        else:
            self._seat.rest()
        self._set_read_deadline()
        self._counted.set()
        if self._is_at_end and not self._requests:
            # Hypercorn would hold the connection for the rest of the keep-alive time.
            self.scope.cancel()

    def _set_read_deadline(self) -> None:
        """Limit the wait for a body; between requests Hypercorn's keep-alive limit counts."""
        if self._receive_scope is not None:
            limit = self._limits.body_read_s if self._bodies else math.inf
            self._receive_scope.deadline = trio.current_time() + limit

    def _shut(self, how: int) -> None:
        try:
            self.socket.shutdown(how)
        except OSError:
            return
