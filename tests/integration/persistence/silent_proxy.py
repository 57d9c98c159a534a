"""A TCP proxy before the server, whose peer can vanish without a word."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio
from psycopg.conninfo import conninfo_to_dict, make_conninfo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class SilentProxy:
    """Passes bytes on, until it is told to swallow those of the connections it has."""

    def __init__(self, dsn: str) -> None:
        self._parts = conninfo_to_dict(dsn)
        self._connections: list[trio.CancelScope] = []
        # Set once something was said to a vanished peer.
        self.was_asked = trio.Event()
        self.dsn = ""

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        self.dsn = make_conninfo(**{**self._parts, "host": "127.0.0.1", "port": port})
        await trio.serve_listeners(self._pass_on, listeners, task_status=task_status)

    def vanish(self) -> None:
        """Answer nothing more on the present connections; they stay open, and others may come."""
        for scope in self._connections:
            scope.cancel()

    async def _pass_on(self, client: trio.SocketStream) -> None:
        with trio.CancelScope() as scope:
            self._connections.append(scope)
            server = await self._connect()
            async with server, trio.open_nursery() as nursery:
                nursery.start_soon(self._pump, client, server, nursery.cancel_scope)
                nursery.start_soon(self._pump, server, client, nursery.cancel_scope)
        while scope.cancelled_caught and await client.receive_some():
            self.was_asked.set()

    async def _connect(self) -> trio.SocketStream:
        host, port = str(self._parts["host"]), int(str(self._parts.get("port", 5432)))
        if host.startswith("/"):
            return await trio.open_unix_socket(f"{host}/.s.PGSQL.{port}")
        return await trio.open_tcp_stream(host, port)

    async def _pump(
        self, source: trio.SocketStream, sink: trio.SocketStream, both: trio.CancelScope
    ) -> None:
        try:
            while data := await source.receive_some():
                await sink.send_all(data)
        except trio.BrokenResourceError:
            pass
        both.cancel()


@asynccontextmanager
async def silent_proxy(dsn: str) -> AsyncIterator[SilentProxy]:
    """Run a proxy before the server of ``dsn``."""
    async with trio.open_nursery() as nursery:
        proxy = SilentProxy(dsn)
        await nursery.start(proxy.run)
        yield proxy
        nursery.cancel_scope.cancel()
