"""A REST client that outlives a restart of the server.

Every request it makes may be repeated (a read, or a write with an idempotency key or a natural
key), so one that meets a refused or broken connection, a 502, 503 or 504, or a 500 or 409 that
asks for another try, is made again until ``patience_s`` is over. Any other answer is given back as
it is: the caller judges it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import msgspec
import trio

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

# Answers of a server that is not able to serve now but may be soon.
PASSING_STATUSES = frozenset({502, 503, 504})
# A crash, and a request whose first try is still at work, where they say when to come again.
ASKING_STATUSES = frozenset({409, 500})
# One try takes at most this long; a deploy that hangs is then tried again.
REQUEST_TIMEOUT_S = 10.0
# The first pause between tries; it doubles up to the second.
PAUSE_S = (0.05, 1.0)


class ServerAway(Exception):
    """The server did not answer in time."""


@dataclass(frozen=True)
class Reply:
    """One answer: its status, and its body where that is JSON."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def message(self) -> str:
        """What the server said about itself, for people."""
        if isinstance(self.body, dict):
            return str(self.body.get("message") or self.body.get("error") or "")
        return str(self.body or "")


class Rest:
    """Requests to one server; close with ``aclose``."""

    def __init__(
        self,
        url: str,
        *,
        patience_s: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.patience_s = patience_s
        self._client = httpx.AsyncClient(
            base_url=self.url,
            timeout=REQUEST_TIMEOUT_S,
            transport=transport,
            verify=_trusted(),
            trust_env=not is_loopback(url),
        )

    async def get(self, path: str, *, token: str | None = None) -> Reply:
        """Read something."""
        return await self.request("GET", path, token=token)

    async def post(
        self, path: str, body: Any = None, *, token: str | None = None, key: str | None = None
    ) -> Reply:
        """Do something; ``key`` is sent as Idempotency-Key."""
        return await self.request("POST", path, body, token=token, key=key)

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        key: str | None = None,
    ) -> Reply:
        """Make one request until it is answered.

        Raises:
            ServerAway: When no answer came within the patience.
        """
        headers = {"authorization": f"Bearer {token}"} if token else {}
        if key:
            headers["idempotency-key"] = key
        problem = "nothing was tried"
        pause_s = PAUSE_S[0]
        with trio.move_on_after(self.patience_s):
            while True:
                try:
                    response = await self._client.request(method, path, json=body, headers=headers)
                except httpx.TransportError as error:
                    problem = str(error) or type(error).__name__
                else:
                    reply = _reply(response)
                    if not is_passing(reply):
                        return reply
                    problem = f"{reply.status} {reply.message}".strip()
                await trio.sleep(pause_s)
                pause_s = min(pause_s * 2, PAUSE_S[1])
        raise ServerAway(
            f"{self.url} did not answer {method} {path} within {self.patience_s:g} s: {problem}"
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def is_passing(reply: Reply) -> bool:
    """Tell whether an answer says that another try is worth it."""
    is_asked = reply.status in ASKING_STATUSES and "retry-after" in reply.headers
    return is_asked or reply.status in PASSING_STATUSES


def is_loopback(url: str) -> bool:
    """Tell whether the address is this machine, where no proxy must come between."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def sandbox_at(url: str) -> str:
    """Return the address of the emulators that listen on the port after the server's.

    Raises:
        ValueError: The address of the server has no port that there is.
    """
    at = urlsplit(url)
    port = at.port or (443 if at.scheme == "https" else 80)
    return f"http://127.0.0.1:{port + 1}"


@cache
def _trusted() -> ssl.SSLContext:
    """Read what is trusted once: it takes as long as many requests, and a story has a client."""
    return httpx.create_ssl_context()


def _reply(response: httpx.Response) -> Reply:
    try:
        body = msgspec.json.decode(response.content) if response.content else None
    except msgspec.DecodeError:
        body = response.text
    return Reply(response.status_code, body, response.headers)
