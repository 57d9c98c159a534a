"""A server in a process of its own with few or many descriptors.

``python -m … LIMIT`` prints its port.
"""

from __future__ import annotations

import resource
import sys

import trio
from bountyexpo.edge.acceptor import Acceptor, AcceptorSettings
from bountyexpo.http.server.fast_path import FastPath
from bountyexpo.http.server.hypercorn_fallback import HypercornFallback
from bountyexpo.ws.socket_handler import SocketHandler
from bountyexpo.ws.transport.epoll_poller import create_poller
from bountyexpo.ws.transport.handshake import Handshake
from bountyexpo.ws.v1.serializer import JSON, SUBPROTOCOLS

from tests.integration.http.server.http_sites import Answers, application
from tests.integration.socket_server import NOW, OPEN


class Counter:
    """Answers each message with the number of open sockets."""

    def __init__(self, poller, connection):
        self.poller = poller
        self.connection = connection

    def on_message(self, _payload, *, is_text):
        self.connection.send(JSON.frame({"sockets": len(self.poller)}))

    def on_closed(self, _code):
        """Keep nothing."""

    def on_drained(self):
        """Nothing was left out."""

    def on_tick(self, _now):
        """Nothing is ever due."""
        return float("inf")


async def main() -> None:
    poller = create_poller()
    sockets = SocketHandler(
        poller,
        lambda connection, _request: Counter(poller, connection),
        Handshake(SUBPROTOCOLS),
        **OPEN,
    )
    fallback = HypercornFallback(application(), lambda: NOW)
    fast_path = FastPath(Answers().find, fallback, lambda: NOW)
    acceptor = Acceptor(
        (sockets, fast_path, fallback),
        lambda: NOW,
        AcceptorSettings(host="127.0.0.1", port=0),
        is_free=lambda _address: True,
    )
    async with trio.open_nursery() as nursery:
        for child in (poller, fallback, fast_path):
            await nursery.start(child.run)
        port = await nursery.start(acceptor.run)
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(int(sys.argv[1]), hard), hard))
    trio.run(main)
