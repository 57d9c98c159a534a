"""The opening handshake of a WebSocket.

``websockets``' sans-IO server judges the request (RFC 6455 §4.2); this module adds what the
service asks for: the subprotocol, the origin, the place where a credential may stand. A request
that may not pass raises, so that a client learns the reason by plain HTTP before any upgrade.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from dataclasses import dataclass
from hashlib import sha1
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from websockets.exceptions import InvalidOrigin, InvalidUpgrade, NegotiationError
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Origin
from websockets.typing import Subprotocol as SubprotocolName

from bountyexpo.edge.request_head import HEAD_END
from bountyexpo.errors import BountyExpoError, InvalidRequest, NotAllowed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bountyexpo.edge.request_head import RequestHead
    from bountyexpo.ws.transport.subprotocol import Subprotocol

# An item of the subprotocol list that carries a credential; it is never echoed.
BEARER_ITEM = "bearer."

# In the list of allowed origins: any.
ANY_ORIGIN = "*"

# Each refused handshake names the one version there is (RFC 6455 §4.4).
VERSION_HEADER = ("Sec-WebSocket-Version", "13")


@dataclass(slots=True)
class UpgradeRequest:
    """What a client said before it had a socket."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    peer: str
    subprotocols: tuple[str, ...]  # without credentials
    bearer: str | None


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A handshake that passed: the request, what was agreed on, and the answer to send."""

    request: UpgradeRequest
    subprotocol: Subprotocol
    response: bytes


class Handshake:
    """Judges requests for an upgrade.

    ``subprotocols`` are those that are spoken here; a client that offers none speaks the first. A
    client without an ``Origin`` is no browser and is allowed; a browser must come from one of
    ``origins`` or from the very host it calls.
    """

    def __init__(self, subprotocols: Iterable[Subprotocol], *, origins: Iterable[str] = ()) -> None:
        self._subprotocols = {each.name: each for each in subprotocols}
        self._usual = next(iter(self._subprotocols.values()))
        self._origins = tuple(origins)

    def judge(self, head: RequestHead, data: bytes, peer: str) -> Upgrade:
        """Return the upgrade that the request asks for; ``data`` begins with the raw head.

        Raises:
            InvalidRequest: The handshake is malformed, or offers only unknown subprotocols.
            NotAllowed: The origin is not on the list.
        """
        if "host" not in head.headers or "," in head.headers["host"]:
            # RFC 9112 §3.2; of a header that comes twice the values are joined with a comma.
            raise InvalidRequest("There must be one Host header.")
        offered = _offered(head)
        chosen = self._choose(offered)
        response = None if chosen is None else _quick_response(head, data, chosen, offered)
        if response is None:
            response = self._ask_library(head, data, chosen, offered)
        assert chosen is not None, "the library has refused an unknown subprotocol"
        return Upgrade(_upgrade_request(head, peer, offered), chosen, response)

    def _choose(self, offered: tuple[str, ...]) -> Subprotocol | None:
        """Return the first known of the offered subprotocols, of none offered the usual one."""
        if not offered:
            return self._usual
        known = self._subprotocols
        return next((known[name] for name in offered if name in known), None)

    def _ask_library(
        self, head: RequestHead, data: bytes, chosen: Subprotocol | None, offered: tuple[str, ...]
    ) -> bytes:
        """Return the library's answer; raises what ``judge`` raises."""

        def select(*_: object) -> SubprotocolName | None:
            if not offered:
                return None
            if chosen is None:
                raise NegotiationError("no known subprotocol")
            return SubprotocolName(chosen.name)

        protocol = ServerProtocol(
            origins=self._allowed(head), extensions=None, select_subprotocol=select
        )
        protocol.receive_data(data[: data.index(HEAD_END) + len(HEAD_END)])
        events = protocol.events_received()
        if not events or not isinstance(events[0], Request):
            raise InvalidRequest("The WebSocket handshake is malformed.")
        response = protocol.accept(events[0])
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            raise self._refusal_of(protocol.handshake_exc)
        return response.serialize()

    def _allowed(self, head: RequestHead) -> list[Origin | None] | None:
        if ANY_ORIGIN in self._origins:
            return None
        host = head.headers.get("host", "")
        own = (f"http://{host}", f"https://{host}")
        return [None, *(Origin(origin) for origin in (*own, *self._origins))]

    def _refusal_of(self, error: Exception | None) -> BountyExpoError:
        if isinstance(error, InvalidOrigin):
            return NotAllowed("This origin may not open a socket.", code="ORIGIN_NOT_ALLOWED")
        if isinstance(error, NegotiationError):
            known = ", ".join(self._subprotocols)
            return InvalidRequest(f"None of the offered subprotocols is known; use one of {known}.")
        if isinstance(error, InvalidUpgrade):
            return InvalidRequest("The request does not ask for a WebSocket properly.")
        return InvalidRequest("The WebSocket handshake is malformed.")


def quick_upgrade(head: RequestHead, data: bytes) -> bytes | None:
    """Return the begin of the answer to a perfectly ordinary handshake without an origin.

    The library takes five times as long, which counts when everybody comes back at once. This
    only ever says yes; whatever it does not accept is for the library to judge.
    """
    headers = head.headers
    is_plain = (
        headers.get("upgrade", "").lower() == "websocket"
        and "upgrade" in headers.get("connection", "").lower().replace(" ", "").split(",")
        and headers.get("sec-websocket-version") == "13"
        and _UNUSUAL.isdisjoint(headers)
        and _PLAIN_HEAD.match(data) is not None
    )
    key = headers.get("sec-websocket-key", "")
    if not is_plain or _KEY.fullmatch(key) is None:
        return None
    digest = sha1(key.encode() + _KEY_GUID, usedforsecurity=False).digest()
    accept = b2a_base64(digest, newline=False)
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n"
    )


# A head whose every line is beyond doubt; the key is 16 bytes in base64 (RFC 6455 §4.1).
_PLAIN_HEAD = re.compile(
    rb"GET [!-~]+ HTTP/1\.1\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~]*\r\n)+\r\n"
)
_KEY = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")
_KEY_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

# What an ordinary handshake does not carry: a browser's origin, a body, a wish for a reply before.
_UNUSUAL = frozenset({"origin", "content-length", "transfer-encoding", "expect", "trailer"})


def _quick_response(
    head: RequestHead, data: bytes, chosen: Subprotocol, offered: tuple[str, ...]
) -> bytes | None:
    begin = quick_upgrade(head, data)
    if begin is None:
        return None
    if offered:
        begin += f"Sec-WebSocket-Protocol: {chosen.name}\r\n".encode()
    return begin + b"\r\n"


def _offered(head: RequestHead) -> tuple[str, ...]:
    items = head.headers.get("sec-websocket-protocol", "").split(",")
    names = (item.strip() for item in items)
    return tuple(name for name in names if name and not name.startswith(BEARER_ITEM))


def _upgrade_request(head: RequestHead, peer: str, offered: tuple[str, ...]) -> UpgradeRequest:
    _, _, query = head.target.partition("?")
    return UpgradeRequest(
        path=head.path,
        query=dict(parse_qsl(query, keep_blank_values=True)) if query else {},
        headers=head.headers,
        peer=peer,
        subprotocols=offered,
        bearer=_bearer(head),
    )


def _bearer(head: RequestHead) -> str | None:
    scheme, _, token = head.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    for item in head.headers.get("sec-websocket-protocol", "").split(","):
        name = item.strip()
        if name.startswith(BEARER_ITEM) and len(name) > len(BEARER_ITEM):
            return name.removeprefix(BEARER_ITEM)
    return None
