"""What a client is told that cannot be served: one body for every error, wherever it is met.

The body is RFC 9457's and has, beside, the fields that the shipped client reads (contract rest-core
§4.2). That client treats the mere presence of ``details`` or ``hint`` as a fault of the database
and a code that begins with 22, 23, 42 or PGRST likewise: neither is ever sent.

Before a protocol handler has taken a connection there is no response to put it in; then a refusal
is the bytes of a whole answer, after which the connection closes.
"""

from __future__ import annotations

import socket
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from bountyexpo.edge.request_id import HEADER, request_id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from bountyexpo.errors import BountyExpoError

CONTENT_TYPE = "application/problem+json"

FORBIDDEN_FIELDS = frozenset({"details", "hint"})

# What a client waits when an error itself does not say, in seconds, by status.
RETRY_AFTER_DEFAULT_S = {429: 60, 503: 1}

# How long a refused client may take to read its answer.
ANSWER_S = 5.0

# How long a refused client is read from, so that the reset of a closed descriptor with unread
# bytes does not overtake the answer.
LINGER_S = 1.0

# What is read and thrown away in that time, at most.
LINGER_BYTES_MAX = 256 * 1024

# The headers of a request that was not read.
NOTHING_ASKED: Mapping[str, str] = MappingProxyType({})


def problem_body(error: BountyExpoError, *, request_id: str, now: datetime) -> bytes:
    """Describe ``error``, met at this moment in answering this request."""
    body: dict[str, Any] = {
        name: value for name, value in error.fields.items() if name not in FORBIDDEN_FIELDS
    }
    body |= {
        "success": False,
        "error": error.message,
        "message": error.message,
        "code": error.error_code,
        "statusCode": error.status,
        "type": f"/docs#{type(error).code}",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "timestamp": timestamp(now),
        "requestId": request_id,
    }
    wait_s = _wait_s(error)
    if wait_s is not None:
        body["retryAfter"] = wait_s
    return msgspec.json.encode(body, enc_hook=str)


def problem_headers(error: BountyExpoError) -> dict[str, str]:
    """Return the headers that belong to the body."""
    headers = {"content-type": CONTENT_TYPE}
    wait_s = _wait_s(error)
    if wait_s is not None:
        headers["retry-after"] = str(wait_s)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    if error.status == HTTPStatus.UPGRADE_REQUIRED:
        headers |= {"upgrade": "websocket", "connection": "Upgrade"}
    return headers


def timestamp(moment: datetime) -> str:
    """Write a moment as the clients read it: UTC, milliseconds, Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Refusals:
    """Writes whole HTTP/1.1 answers, after which the connection closes.

    ``now`` is the clock of the edge, ``asked`` are the headers of the request, as far as they are
    known, and ``headers`` are further ones of the answer.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def describe(
        self, error: BountyExpoError, asked: Mapping[str, str]
    ) -> tuple[dict[str, str], bytes]:
        """Return headers and body of an answer."""
        request_id = request_id_of(asked)
        body = problem_body(error, request_id=request_id, now=self._now())
        headers = problem_headers(error) | {
            "content-length": str(len(body)),
            "cache-control": "no-store",
            HEADER: request_id,
        }
        return headers, body

    def encode(
        self,
        error: BountyExpoError,
        *headers: tuple[str, str],
        asked: Mapping[str, str] = NOTHING_ASKED,
    ) -> bytes:
        """Return the bytes of an answer."""
        status = HTTPStatus(error.status)
        described, payload = self.describe(error, asked)
        described["connection"] = "close"
        lines = [*headers, *((name.title(), value) for name, value in described.items())]
        head = "".join(f"{name}: {value}\r\n" for name, value in lines)
        return f"HTTP/1.1 {int(status)} {status.phrase}\r\n{head}\r\n".encode() + payload

    async def send(
        self,
        sock: socket.socket,
        error: BountyExpoError,
        *headers: tuple[str, str],
        asked: Mapping[str, str] = NOTHING_ASKED,
    ) -> None:
        """Send an answer and let it arrive; the caller closes the socket."""
        rest = memoryview(self.encode(error, *headers, asked=asked))
        with trio.move_on_after(ANSWER_S):
            try:
                while rest:
                    try:
                        rest = rest[sock.send(rest) :]
                    except BlockingIOError:
                        await trio.lowlevel.wait_writable(sock)
                sock.shutdown(socket.SHUT_WR)
                await read_away(sock)
            except OSError:
                return


async def read_away(sock: socket.socket) -> None:
    """Throw away what a client still sends, for a short while.

    Raises:
        OSError: The connection is broken.
    """
    left = LINGER_BYTES_MAX
    with trio.move_on_after(LINGER_S):
        while left > 0:
            try:
                data = sock.recv(65536)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(sock)
                continue
            if not data:
                return
            left -= len(data)


def _wait_s(error: BountyExpoError) -> int | None:
    return error.retry_after_s or RETRY_AFTER_DEFAULT_S.get(error.status)
