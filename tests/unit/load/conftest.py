"""A socket server that plays one script per connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
import trio
from bountyexpo.load.client.socket_client import SocketClient
from websockets.exceptions import ConnectionClosed
from websockets.trio.server import ServerConnection, serve

WELCOME = {"type": "welcome", "v": 1, "userId": "u1", "heads": {}}


class Peer:
    """The server's end of one connection."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.is_json = connection.subprotocol == "bounty.v1.json"

    async def hear(self) -> dict[str, Any]:
        """Return the next frame of the client."""
        data = await self.connection.recv()
        decode = msgspec.json.decode if self.is_json else msgspec.msgpack.decode
        return decode(data)

    async def say(self, frame: dict[str, Any]) -> None:
        """Send a frame."""
        encode = msgspec.json.encode if self.is_json else msgspec.msgpack.encode
        await self.connection.send(encode(frame).decode() if self.is_json else encode(frame))

    async def greet(self, **fields: Any) -> dict[str, Any]:
        """Take the hello, say the welcome, return the hello."""
        hello = await self.hear()
        await self.say({**WELCOME, **fields})
        return hello


Script = Callable[[Peer], Awaitable[None]]


class ScriptedServer:
    """Plays ``scripts`` one after the other; the last stays for all later connections."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.scripts: list[Script] = []
        self.url = ""
        self._nursery = nursery

    async def start(self) -> None:
        """Listen on a free port of this machine."""
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        await self._nursery.start(self._serve, listeners)

    def client(self, **options: Any) -> SocketClient:
        """Return a running client of this server."""
        client = SocketClient(self.url, "a-token", **options)
        self._nursery.start_soon(client.run)
        return client

    async def _serve(self, listeners: list[trio.SocketListener], task_status: Any) -> None:
        await serve(
            self._handle,
            listeners=listeners,
            subprotocols=["bounty.v1.json", "bounty.v1.msgpack"],
            compression=None,
            task_status=task_status,
        )

    async def _handle(self, connection: ServerConnection) -> None:
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        try:
            await script(Peer(connection))
            await connection.wait_closed()
        except ConnectionClosed:
            pass


@pytest.fixture
async def server(nursery: trio.Nursery) -> ScriptedServer:
    scripted = ScriptedServer(nursery)
    await scripted.start()
    return scripted
