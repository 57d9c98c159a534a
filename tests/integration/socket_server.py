"""A socket server on a free port with recording handlers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime

import trio
from bountyexpo.edge.acceptor import Acceptor, AcceptorSettings
from bountyexpo.ws.socket_handler import SocketHandler
from bountyexpo.ws.transport.epoll_poller import EpollPoller
from bountyexpo.ws.transport.handshake import Handshake
from bountyexpo.ws.transport.limits import Limits
from bountyexpo.ws.v1.serializer import SUBPROTOCOLS, serializer_of

from tests.conformance.raw_client import RawClient
from tests.patience import PATIENCE_S

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)

# Lets everybody in: what ``SocketHandler`` asks of the edge around it.
OPEN = {
    "check_address": lambda _address: None,
    "admit": lambda _upgrade: None,
    "address_of": lambda peer, _headers: peer,
    "now": lambda: NOW,
}


class Recorder:
    """A handler that notes what it is told, and echoes."""

    def __init__(self, server, connection, request):
        self.server = server
        self.connection = connection
        self.request = request
        self.messages = []
        self.ticks = 0
        self.drained = 0
        self.closed = trio.Event()
        self.code = None

    def on_message(self, payload, *, is_text):
        self.messages.append(payload)
        self.server.on_message(self, payload)

    def on_closed(self, code):
        assert self.code is None
        self.code = code
        self.closed.set()

    def on_drained(self):
        self.drained += 1

    def on_tick(self, now):
        self.ticks += 1
        self.server.on_tick(self)
        return now


class Server:
    """Poller and acceptor as the edge runs them."""

    def __init__(self, poller, acceptor_settings, handlers, **options):
        self.poller = poller
        self.handlers = []
        self.socket_handler = SocketHandler(
            poller, self.create, Handshake(SUBPROTOCOLS), **{**OPEN, **options}
        )
        self.acceptor = Acceptor((self.socket_handler, *handlers), lambda: NOW, acceptor_settings)
        self.arrived = trio.Event()
        self.on_message = self.echo
        self.on_tick = lambda handler: None

    @property
    def port(self):
        return self.acceptor.port

    def create(self, connection, request):
        handler = Recorder(self, connection, request)
        self.handlers.append(handler)
        self.arrived.set()
        return handler

    @staticmethod
    def echo(handler, payload):
        serializer = serializer_of(handler.connection.subprotocol)
        handler.connection.send(serializer.frame({"echo": len(payload)}))

    def connect(self, **options):
        return RawClient.connect(self.port, **options)


def fast(**changes):
    """Limits with a wheel that turns in a moment."""
    return Limits(**{"tick_interval_s": 0.02, "close_timeout_s": 0.1, **changes})


@asynccontextmanager
async def serve(
    *, poller=EpollPoller, limits=None, settings=None, handlers=(), before=(), **options
):
    """Run a server; ``before`` are children that must be up before the acceptor."""
    settings = settings or AcceptorSettings(host="127.0.0.1", port=0)
    server = Server(poller(limits or Limits()), settings, handlers, **options)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.poller.run)
        for child in before:
            await nursery.start(child)
        await nursery.start(server.acceptor.run)
        with trio.fail_after(PATIENCE_S):
            yield server
        nursery.cancel_scope.cancel()
    assert len(server.poller) == 0
