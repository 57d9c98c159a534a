"""What holds for every request to the emulators, whichever of them it is for.

* Its body is read before it is answered: what stays unread on a kept-alive connection stands in
  front of the next request.
* Its errors are JSON, in the shape of the provider that is played: a 404 or 405, too, which belong
  to no route.
* Pages of any origin may sign people in, as on the real auth server; no page from elsewhere may
  press the buttons of the sandbox or read its mail.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import trio
from quart import Response, request
from werkzeug import exceptions

from bountyexpo.domain.addresses import parse_address
from bountyexpo.edge.refusal import Refusals
from bountyexpo.errors import (
    BountyExpoError,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotAllowed,
    NotFound,
    RequestTooSlow,
    TooLarge,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from quart_trio import QuartTrio

    ErrorReply = Callable[[BountyExpoError], Response]
    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]

# The auth API takes no more than this, and no call of the others comes near.
BODY_BYTES_MAX = 1 << 20

# What a client sends beyond that is read and thrown away, so that it can read why it is refused.
DRAIN_BYTES_MAX = 16 << 20

# How long a body may take to arrive.
BODY_S = 10.0

BUTTONS = "/sandbox/"

_ERRORS: Mapping[int, type[BountyExpoError]] = {
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.METHOD_NOT_ALLOWED: MethodNotAllowed,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TooLarge,
}


class BodyFirst:
    """An ASGI app that has read each body before the app inside sees the request."""

    def __init__(self, app: Any, now: Callable[[], datetime]) -> None:
        self._app = app
        self._refusals = Refusals(now)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Read the body, then let the app inside answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            with trio.fail_after(BODY_S):
                body = await _whole(receive)
        except trio.TooSlowError:
            await self._refuse(scope, RequestTooSlow(), send)
            return
        except TooLarge as error:
            await self._refuse(scope, error, send)
            return
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Any:
            return unread.pop() if unread else await receive()

        await self._app(scope, replay, send)

    async def _refuse(self, scope: Any, error: BountyExpoError, send: Send) -> None:
        """Answer a request whose body never came whole; the connection closes behind it."""
        asked = {name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]}
        headers, body = self._refusals.describe(error, asked)
        headers["connection"] = "close"
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": error.status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})


def apply(app: QuartTrio, shapes: Mapping[str, ErrorReply], now: Callable[[], datetime]) -> None:
    """Let ``app`` keep the rules above; ``shapes`` tells how errors look below each address."""
    refusals = Refusals(now)

    def problem(error: BountyExpoError) -> Response:
        asked = {name.lower(): value for name, value in request.headers.items()}
        headers, body = refusals.describe(error, asked)
        return Response(body, error.status, headers)

    async def failed(error: Exception) -> Response:
        found = error if isinstance(error, BountyExpoError) else _error_of(error)
        response = next((s for p, s in shapes.items() if request.path.startswith(p)), problem)(
            found
        )
        if isinstance(error, exceptions.MethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response

    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    app.register_error_handler(BountyExpoError, failed)
    app.register_error_handler(exceptions.HTTPException, failed)
    app.before_request(_refuse_strangers)
    app.before_request(_preflight)
    app.after_request(_allow_browsers)


def is_local(host: str) -> bool:
    """Tell whether a host with or without port is this machine by its own names."""
    name = urlsplit(f"//{host}").hostname or ""
    address = parse_address(name)
    return name == "localhost" or (address is not None and address.is_loopback)


async def _whole(receive: Receive) -> bytes:
    """Return the body, and only a little more than is allowed of one that is too large.

    Raises:
        TooLarge: it is so large that not even its end is waited for.
    """
    body, seen = bytearray(), 0
    while seen <= DRAIN_BYTES_MAX:
        message = await receive()
        part = message.get("body", b"")
        seen += len(part)
        body += part[: max(0, BODY_BYTES_MAX + 1 - len(body))]
        # Somebody who has gone sends no more, either.
        if not message.get("more_body", False):
            return bytes(body)
    raise TooLarge


def _error_of(error: Exception) -> BountyExpoError:
    if not isinstance(error, exceptions.HTTPException) or (error.code or 500) >= 500:
        return InternalError()
    kind = _ERRORS.get(error.code or 0, InvalidRequest)
    return kind("There is nothing at this address.") if kind is NotFound else kind()


async def _refuse_strangers() -> None:
    """Refuse whoever is sent to the buttons by a page from elsewhere, or by a foreign name."""
    if not request.path.startswith(BUTTONS):
        return
    # A name that was turned to this machine makes a foreign page look like one of ours.
    if not is_local(request.host):
        raise NotAllowed("The sandbox is for programs on this machine.")
    origin = request.headers.get("Origin")
    if origin is None:
        is_ours = request.headers.get("Sec-Fetch-Site", "none") in {"none", "same-origin"}
    else:
        is_ours = is_local(urlsplit(origin).netloc)
    if not is_ours:
        raise NotAllowed("Pages from elsewhere may not use the sandbox.")


async def _preflight() -> Response | None:
    return Response("", 204) if request.method == "OPTIONS" else None


async def _allow_browsers(response: Response) -> Response:
    """Let ``supabase-js`` call from any page; the other parts are for programs only."""
    if request.path.startswith("/auth/"):
        asked = request.headers.get("Access-Control-Request-Headers", "*")
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
        response.headers["Access-Control-Allow-Headers"] = asked
        response.headers["Access-Control-Expose-Headers"] = "X-Supabase-Api-Version"
        response.headers["Access-Control-Max-Age"] = "3600"
    return response
