"""trio-websocket: "b…" goes to everybody, anything else goes back."""

from __future__ import annotations

import os

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, serve_websocket

CONNECTIONS: set[WebSocketConnection] = set()


async def handle(request: WebSocketRequest) -> None:
    connection = await request.accept()
    CONNECTIONS.add(connection)
    try:
        while True:
            message = await connection.get_message()
            for each in list(CONNECTIONS) if message[0] == "b" else (connection,):
                await each.send_message(message)
    except ConnectionClosed:
        pass
    finally:
        CONNECTIONS.discard(connection)


if __name__ == "__main__":
    trio.run(serve_websocket, handle, "127.0.0.1", int(os.environ["PORT"]), None)
