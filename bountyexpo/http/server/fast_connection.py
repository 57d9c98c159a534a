"""One connection on the fast path: read, answer, send, and again.

It runs in the acceptor's task of the connection. Every wait has a time limit, which is a number
that the watch of the fast path looks at: a timer for each wait would cost more than parsing the
request. The watch only ever wakes a connection that waits for its socket, so a request that has
been read completely is always answered.
"""

from __future__ import annotations

import math
import socket
from typing import TYPE_CHECKING

import trio

from bountyexpo.edge.refusal import NOTHING_ASKED, read_away
from bountyexpo.edge.request_head import HEAD_END
from bountyexpo.errors import BountyExpoError, HeadTooLarge, MalformedRequest, RequestTooSlow
from bountyexpo.http.server.request_parser import HeadParser, Unusual
from bountyexpo.observability import metrics

if TYPE_CHECKING:
    from bountyexpo.edge.protocol_handler import Arrival
    from bountyexpo.edge.refusal import Refusals
    from bountyexpo.http.limits import HttpLimits
    from bountyexpo.http.messages import Answer, Find, HttpRequest
    from bountyexpo.http.server.response_writer import ResponseWriter

# Bytes taken from the kernel in one call.
RECEIVE_BYTES = 64 * 1024


class FastConnection:
    """Serves requests of the catalogue until one comes that is none.

    Bounds: one head, one body and one read beyond them in memory; what a client sends ahead of
    its answers waits in the kernel.
    """

    __slots__ = (
        "_buffer",
        "_find",
        "_head_end",
        "_is_closing",
        "_is_idle",
        "_limits",
        "_parser",
        "_peer",
        "_refusals",
        "_seat",
        "_sock",
        "_turn",
        "_writer",
        "has_answered",
        "limit_at",
    )

    def __init__(
        self,
        arrival: Arrival,
        find: Find,
        writer: ResponseWriter,
        refusals: Refusals,
        limits: HttpLimits,
    ) -> None:
        self.has_answered = False
        self.limit_at = math.inf  # when the present wait has lasted too long
        self._sock = arrival.sock
        self._peer = arrival.peer
        self._seat = arrival.seat
        self._buffer = bytearray(arrival.data)
        self._head_end = 0
        self._find = find
        self._writer = writer
        self._refusals = refusals
        self._limits = limits
        self._parser = HeadParser()
        self._is_closing = False
        self._is_idle = False
        self._turn = 0

    async def serve(self) -> bytes | None:
        """Answer until the end; return what was read of a request that is none of ours."""
        asked = NOTHING_ASKED
        try:
            while await self._read_head():
                request, respond = self._understand()
                if request is None or respond is None:
                    return bytes(self._buffer)
                asked = request.headers
                await self._read_body(request)
                asked = NOTHING_ASKED
                if not await self._answer(request, respond):
                    break
        except trio.ClosedResourceError:
            pass  # The wait was ended by ``expire`` or ``drain``.
        except BountyExpoError as error:
            metrics.HTTP_CLIENT_ERRORS.labels("ANY", "unmatched", error.status).inc()
            await self._refusals.send(self._sock, error, asked=asked)
        finally:
            self._parser.close()
        return None

    def expire(self) -> None:
        """End the present wait for the socket, if there is one."""
        trio.lowlevel.notify_closing(self._sock)

    def drain(self) -> None:
        """End now if nothing was asked, else after the present answer."""
        self._is_closing = True
        if self._is_idle:
            self.expire()

    # Reading.

    async def _read_head(self) -> bool:
        """Read until a whole head is in the buffer; False when the client has gone."""
        buffer = self._buffer
        if not await self._await_first_byte():
            return False
        searched = 0
        while (end := buffer.find(HEAD_END, max(0, searched - len(HEAD_END)))) < 0:
            if not searched:
                self._wait_at_most(self._limits.head_s)
            searched = len(buffer)
            if searched > self._limits.head_bytes_max:
                raise HeadTooLarge
            self._seat.rest()
            if not await self._receive():
                return False
        if end > self._limits.head_bytes_max:
            raise HeadTooLarge
        self._head_end = end + len(HEAD_END)
        self._seat.work()
        return True

    async def _await_first_byte(self) -> bool:
        if self._buffer:
            # Sent ahead: others get their turn before the next one of a long row.
            self._turn += 1
            if self._turn >= self._limits.requests_per_turn:
                self._turn = 0
                await trio.lowlevel.checkpoint()
            return True
        self._turn = 0
        self._wait_at_most(self._limits.keep_alive_s)
        self._is_idle = True
        self._seat.rest()
        try:
            return await self._receive()
        finally:
            self._is_idle = False

    def _understand(self) -> tuple[HttpRequest | None, Answer | None]:
        """Return the request and who answers it, or None where that is the fallback."""
        end = self._head_end
        try:
            request = self._parser.parse(bytes(self._buffer[:end]))
        except Unusual:
            return None, None
        if self._parser.body_bytes > self._limits.body_bytes_max:
            return None, None
        respond = self._find(request.method, request.path)
        if respond is not None:
            request.peer = self._peer
            del self._buffer[:end]
        return request, respond

    async def _read_body(self, request: HttpRequest) -> None:
        """Read the counted body.

        Raises:
            RequestTooSlow: It did not come in time.
        """
        count = self._parser.body_bytes
        if not count:
            return
        self._wait_at_most(self._limits.body_s)
        while len(self._buffer) < count:
            try:
                is_open = await self._receive()
            except trio.ClosedResourceError:
                raise RequestTooSlow from None
            if not is_open:
                raise MalformedRequest("The body of the request is incomplete.")
        request.body = bytes(self._buffer[:count])
        del self._buffer[:count]

    async def _receive(self) -> bool:
        """Add what has arrived to the buffer; False at the end of it.

        Raises:
            ClosedResourceError: The wait was ended.
        """
        while True:
            await trio.lowlevel.wait_readable(self._sock)
            try:
                data = self._sock.recv(RECEIVE_BYTES)
            except BlockingIOError:
                continue
            self._buffer += data
            return bool(data)

    def _wait_at_most(self, seconds: float) -> None:
        self.limit_at = trio.current_time() + seconds

    # Answering.

    async def _answer(self, request: HttpRequest, respond: Answer) -> bool:
        """Answer one request; return whether the connection goes on."""
        response = await respond(request)
        self.has_answered = True
        goes_on = self._parser.keep_alive and not self._is_closing
        data = self._writer.encode(response, keep_alive=goes_on, with_body=request.method != "HEAD")
        sent = self._send(data)
        if sent < len(data):
            await self._send_rest(memoryview(data)[sent:])
        if not goes_on:
            # Closing with unread bytes would reset the connection before the answer is read.
            self._sock.shutdown(socket.SHUT_WR)
            self._wait_at_most(self._limits.send_s)
            await read_away(self._sock)
        return goes_on

    def _send(self, data: bytes | memoryview) -> int:
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0

    async def _send_rest(self, rest: memoryview) -> None:
        """Send what the kernel had no room for; each wait for room has the same limit."""
        while rest:
            self._wait_at_most(self._limits.send_s)
            await trio.lowlevel.wait_writable(self._sock)
            rest = rest[self._send(rest) :]
