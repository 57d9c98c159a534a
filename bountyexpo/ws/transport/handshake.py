"""The opening handshake of a WebSocket.

``websockets``' sans-IO server judges the request (RFC 6455 §4.2); this module adds what the
service asks for: the subprotocol, the origin, the place where a credential may stand. A request
that may not pass raises, so that a client learns the reason by plain HTTP before any upgrade.

A page of a foreign origin may open a socket only with a credential in the handshake itself. There
is no session by cookie, so nothing that a browser adds by itself ever signs anybody in; the rule
keeps it so (decision 23).
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha1
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from websockets.exceptions import InvalidHeaderFormat, InvalidUpgrade, NegotiationError
from websockets.headers import parse_extension
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol as SubprotocolName

from bountyexpo.edge.origins import Origins
from bountyexpo.edge.request_head import HEAD_END
from bountyexpo.edge.socket_paths import MESSAGES_PATH
from bountyexpo.errors import BountyExpoError, InvalidRequest, NotAllowed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bountyexpo.edge.request_head import RequestHead
    from bountyexpo.ws.transport.subprotocol import Subprotocol

# An item of the subprotocol list that carries a credential; it is never echoed.
BEARER_ITEM = "bearer."

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

    @property
    def has_credential(self) -> bool:
        """True when the handshake itself says who opens the socket, rightly or not."""
        is_old = self.path == MESSAGES_PATH
        return bool(self.bearer or self.query.get("ticket") or (is_old and self.query.get("token")))


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A handshake that passed: the request, what was agreed on, and the answer to send."""

    request: UpgradeRequest
    subprotocol: Subprotocol
    response: bytes


class Handshake:
    """Judges requests for an upgrade.

    ``subprotocols`` are those that are spoken here; a client that offers none speaks the first. A
    client without an ``Origin`` is no browser and is allowed; a browser's page must be one of
    ``origins``, or bring a credential.
    """

    def __init__(
        self, subprotocols: Iterable[Subprotocol], *, origins: Origins | None = None
    ) -> None:
        self._subprotocols = {each.name: each for each in subprotocols}
        self._usual = next(iter(self._subprotocols.values()))
        self._origins = origins or Origins()

    def judge(self, head: RequestHead, data: bytes, peer: str, hop: str = "") -> Upgrade:
        """Return the upgrade that the request asks for; ``data`` begins with the raw head.

        ``peer`` is the client's address, ``hop`` that of the connection's other end.

        Raises:
            InvalidRequest: The handshake is malformed, or offers only unknown subprotocols.
            NotAllowed: The page is of a foreign origin and brings no credential.
        """
        if "host" not in head.headers or "," in head.headers["host"]:
            # RFC 9112 §3.2; of a header that comes twice the values are joined with a comma.
            raise InvalidRequest("There must be one Host header.")
        offered = _offered(head)
        request = _upgrade_request(head, peer, offered)
        if not (self._origins.admits(head.headers, hop) or request.has_credential):
            raise NotAllowed("This origin may not open a socket.", code="ORIGIN_NOT_ALLOWED")
        if not _is_list_of_extensions(head.headers.get("sec-websocket-extensions")):
            raise InvalidRequest("The list of WebSocket extensions is malformed.")
        chosen = self._choose(offered)
        response = None if chosen is None else _quick_response(head, data, chosen, offered)
        if response is None:
            response = self._ask_library(data, chosen, offered)
        assert chosen is not None, "the library has refused an unknown subprotocol"
        return Upgrade(request, chosen, response)

    def _choose(self, offered: tuple[str, ...]) -> Subprotocol | None:
        """Return the first known of the offered subprotocols, of none offered the usual one."""
        if not offered:
            return self._usual
        known = self._subprotocols
        return next((known[name] for name in offered if name in known), None)

    def _ask_library(
        self, data: bytes, chosen: Subprotocol | None, offered: tuple[str, ...]
    ) -> bytes:
        """Return the library's answer; raises what ``judge`` raises."""

        def select(*_: object) -> SubprotocolName | None:
            if not offered:
                return None
            if chosen is None:
                raise NegotiationError("no known subprotocol")
            return SubprotocolName(chosen.name)

        protocol = ServerProtocol(origins=None, extensions=None, select_subprotocol=select)
        protocol.receive_data(data[: data.index(HEAD_END) + len(HEAD_END)])
        events = protocol.events_received()
        if not events or not isinstance(events[0], Request):
            raise InvalidRequest("The WebSocket handshake is malformed.")
        response = protocol.accept(events[0])
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            raise self._refusal_of(protocol.handshake_exc)
        return response.serialize()

    def _refusal_of(self, error: Exception | None) -> BountyExpoError:
        if isinstance(error, NegotiationError):
            known = ", ".join(self._subprotocols)
            return InvalidRequest(f"None of the offered subprotocols is known; use one of {known}.")
        if isinstance(error, InvalidUpgrade):
            return InvalidRequest("The request does not ask for a WebSocket properly.")
        return InvalidRequest("The WebSocket handshake is malformed.")


def quick_upgrade(head: RequestHead, data: bytes) -> bytes | None:
    """Return the begin of the answer to a perfectly ordinary handshake.

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

# What an ordinary handshake does not carry: a body, a wish for a reply before it.
_UNUSUAL = frozenset({"content-length", "transfer-encoding", "expect", "trailer"})


def _quick_response(
    head: RequestHead, data: bytes, chosen: Subprotocol, offered: tuple[str, ...]
) -> bytes | None:
    begin = quick_upgrade(head, data)
    if begin is None:
        return None
    if offered:
        begin += f"Sec-WebSocket-Protocol: {chosen.name}\r\n".encode()
    return begin + b"\r\n"


@lru_cache(maxsize=64)
def _is_list_of_extensions(text: str | None) -> bool:
    """Tell whether a header is well-formed (RFC 6455 §9.1); browsers all send the same few."""
    try:
        return text is None or bool(parse_extension(text))
    except InvalidHeaderFormat:
        return False


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
