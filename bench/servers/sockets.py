"""Our acceptor, poller and connections: "b…" goes to everybody, anything else goes back."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import trio
from bountyexpo.edge.acceptor import Acceptor, AcceptorSettings
from bountyexpo.runtime.clock import SystemClock
from bountyexpo.ws.socket_handler import SocketHandler
from bountyexpo.ws.transport.epoll_poller import create_poller
from bountyexpo.ws.transport.frames import TEXT, encode_frame
from bountyexpo.ws.transport.handshake import Handshake
from bountyexpo.ws.v1.serializer import SUBPROTOCOLS

if TYPE_CHECKING:
    from bountyexpo.ws.transport.connection import Connection
    from bountyexpo.ws.transport.handshake import UpgradeRequest

CONNECTIONS: set[Connection] = set()


class Handler:
    """Echoes and broadcasts."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection, _upgrade: UpgradeRequest) -> None:
        self._connection = connection
        CONNECTIONS.add(connection)

    def on_message(self, payload: bytes, *, is_text: bool) -> None:  # noqa: ARG002
        frame = encode_frame(TEXT, payload)
        if payload[:1] == b"b":
            # Encoded once, written to each: what the hub does with an event.
            for each in CONNECTIONS:
                each.send(frame)
        else:
            self._connection.send(frame)

    def on_closed(self, code: int) -> None:  # noqa: ARG002
        CONNECTIONS.discard(self._connection)

    def on_drained(self) -> None:
        pass

    def on_tick(self, now: float) -> float:  # noqa: ARG002
        return math.inf


async def main() -> None:
    clock = SystemClock()
    poller = create_poller()
    handler = SocketHandler(
        poller,
        Handler,
        Handshake(SUBPROTOCOLS),
        check_address=lambda _address: None,
        admit=lambda _upgrade: None,
        address_of=lambda peer, _headers: peer,
        now=clock.now,
    )
    settings = AcceptorSettings(host="127.0.0.1", port=int(os.environ["PORT"]))
    async with trio.open_nursery() as nursery:
        await nursery.start(poller.run)
        await nursery.start(Acceptor((handler,), clock.now, settings).run)


if __name__ == "__main__":
    trio.run(main)
