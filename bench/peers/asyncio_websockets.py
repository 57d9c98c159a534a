"""`websockets` on asyncio with uvloop: "b…" goes to everybody, anything else goes back."""

from __future__ import annotations

import asyncio
import os

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

CONNECTIONS: set[ServerConnection] = set()


async def handle(connection: ServerConnection) -> None:
    CONNECTIONS.add(connection)
    try:
        async for message in connection:
            if message[0] == "b":
                broadcast(CONNECTIONS, message)
            else:
                await connection.send(message)
    except ConnectionClosed:
        pass
    finally:
        CONNECTIONS.discard(connection)


async def main() -> None:
    port = int(os.environ["PORT"])
    async with serve(handle, "127.0.0.1", port, compression=None, backlog=4096) as server:
        await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
