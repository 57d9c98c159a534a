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
from typing import TYPE_CHECKING, Any

import msgspec
import trio

if TYPE_CHECKING:
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


def problem_body(
    error: BountyExpoError, *, request_id: str | None = None, now: datetime | None = None
) -> bytes:
    """Describe ``error``; who knows the request and the moment says them."""
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
    }
    if now is not None:
        body["timestamp"] = timestamp(now)
    if request_id is not None:
        body["requestId"] = request_id
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
    return headers


def timestamp(moment: datetime) -> str:
    """Write a moment as the clients read it: UTC, milliseconds, Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def refusal(error: BountyExpoError, *headers: tuple[str, str]) -> bytes:
    """Return a whole HTTP/1.1 answer; the connection closes after it."""
    status = HTTPStatus(error.status)
    payload = problem_body(error)
    lines = [
        *headers,
        *((name.title(), value) for name, value in problem_headers(error).items()),
        ("Content-Length", str(len(payload))),
        ("Cache-Control", "no-store"),
        ("Connection", "close"),
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"HTTP/1.1 {int(status)} {status.phrase}\r\n{head}\r\n".encode() + payload


async def refuse(sock: socket.socket, error: BountyExpoError, *headers: tuple[str, str]) -> None:
    """Send a refusal and let it arrive; the caller closes the socket."""
    rest = memoryview(refusal(error, *headers))
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
