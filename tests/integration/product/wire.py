"""A socket of one test: it can break every rule, and reads what the server says to that."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from tests.conformance.raw_client import RawClient, frame
from tests.integration.product.product import is_sentence

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.integration.product.product import Person, Product

TEXT, BINARY = 1, 2

# The headers of a good handshake (RFC 6455 §1.2).
UPGRADE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}

Frame = dict[str, Any]


class Wire:
    """One socket; ``heard`` holds all frames so far, and ``raw`` the same as they came."""

    def __init__(self, client: RawClient, codec: str) -> None:
        self.client = client
        self.codec = codec
        self.heard: list[Frame] = []
        self.raw: list[bytes] = []
        self._kept: list[Frame] = []
        self._asked = 0

    @classmethod
    @asynccontextmanager
    async def connected(
        cls,
        product: Product,
        *,
        codec: str = "json",
        bearer: str | None = None,
        path: str = "/v1/socket",
    ) -> AsyncIterator[Wire]:
        """A socket that has said nothing yet."""
        offered = [f"bounty.v1.{codec}", *([f"bearer.{bearer}"] if bearer else [])]
        async with await RawClient.connect(product.port, path=path, subprotocols=offered) as client:
            yield cls(client, codec)

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, product: Product, person: Person, *, codec: str = "json", **hello: Any
    ) -> AsyncIterator[Wire]:
        """A socket that was welcomed."""
        async with cls.connected(product, codec=codec) as wire:
            await wire.say(type="hello", v=1, token=person.token, **hello)
            await wire.hear("welcome")
            yield wire

    async def say(self, **fields: Any) -> None:
        """Send a frame of the protocol."""
        if self.codec == "json":
            await self.client.send(frame(TEXT, msgspec.json.encode(fields)))
        else:
            await self.client.send(frame(BINARY, msgspec.msgpack.encode(fields)))

    async def send(self, data: bytes) -> None:
        """Send any bytes."""
        await self.client.send(data)

    async def hear(self, *kinds: str) -> Frame:
        """The next frame of one of these types; what comes in between is kept for later."""
        return await self._take(lambda heard: heard["type"] in kinds)

    async def ask(self, kind: str, **fields: Any) -> Frame:
        """Send a frame and return its reply, good or bad."""
        self._asked += 1
        name = f"q{self._asked}"
        await self.say(type=kind, id=name, **fields)
        return await self._take(lambda heard: heard.get("re") == name)

    async def refusal(self) -> Frame:
        """The next error, with a text that a person may be shown."""
        error = await self.hear("error")
        assert is_sentence(error["message"]), error
        assert isinstance(error["retryable"], bool)
        assert not {"details", "hint"} & error.keys()
        return error

    async def closed(self) -> int | None:
        """Read to the end; the code of the server's close frame."""
        return await self.client.closed()

    async def _take(self, matches: Callable[[Frame], bool]) -> Frame:
        for heard in self._kept:
            if matches(heard):
                self._kept.remove(heard)
                return heard
        while not matches(heard := await self._next()):
            self._kept.append(heard)
        return heard

    async def _next(self) -> Frame:
        data = await self.client.echo()
        decode = msgspec.json.decode if self.codec == "json" else msgspec.msgpack.decode
        heard: Frame = decode(data)
        self.heard.append(heard)
        self.raw.append(data)
        return heard
