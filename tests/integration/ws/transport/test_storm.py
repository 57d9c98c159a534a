"""More connections than there are descriptors, and everybody at once: the server stays."""

from __future__ import annotations

import contextlib
import resource
import selectors
import socket
import struct
import subprocess
import sys
from collections import Counter
from contextlib import asynccontextmanager

import pytest
import trio

from tests.conformance.raw_client import frame
from tests.integration.plain_client import PlainClient, request
from tests.repetition import repeated, times

LIMIT = 128
# What the acceptor leaves of such a limit (a half is kept for everything else).
SERVED_MAX = 64
STORM = times(1_000, most=2_000)
ASK = request("GET /say/x")
UPGRADE = request(
    "GET /v1/socket",
    Upgrade="websocket",
    Connection="Upgrade",
    Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
    Sec_WebSocket_Version="13",
)

# Sockets of the great storm; each end of one needs a descriptor in its process.
SOCKETS = times(2_500, most=10_000)

# How long the server may say nothing to anybody of a crowd.
SILENCE_MAX_S = 30


pytestmark = repeated


@pytest.fixture(autouse=True)
def _many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Stormed:
    """The server in its own process."""

    def __init__(self, process, port):
        self.process = process
        self.port = port

    async def connect(self):
        return PlainClient(await trio.open_tcp_stream("127.0.0.1", self.port))

    async def status(self):
        """The status that a newcomer gets, or 0 for a connection that is just closed."""
        client = await self.connect()
        async with client.stream:
            with contextlib.suppress(trio.BrokenResourceError, AssertionError):
                await client.raw(ASK)
                return (await client.reply()).status
        return 0

    async def recovers(self):
        """Wait until newcomers are served again."""
        while await self.status() != 200:
            assert self.process.poll() is None


@asynccontextmanager
async def stormed_server(limit=LIMIT):
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "tests.integration.ws.transport.storm_server", str(limit)],
        stdout=subprocess.PIPE,
    )
    try:
        with trio.fail_after(150):
            line = b""
            while not line.endswith(b"\n"):
                line += await process.stdout.receive_some()
            yield Stormed(process, int(line))
            assert process.poll() is None
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            await process.stdout.aclose()


async def test_a_newcomer_near_the_limit_is_refused_with_503():
    async with stormed_server() as server:
        inside = [await server.connect() for _ in range(SERVED_MAX)]
        for client in inside:
            assert (await client.ask("GET /say/x")).status == 200
            # What is being asked is not given up for another.
            await client.send("POST /echo", Content_Length="10")

        assert [await server.status() for _ in range(3)] == [503, 503, 503]

        for client in inside:
            await client.stream.aclose()
        await server.recovers()


async def test_a_storm_of_connections_is_survived():
    async with stormed_server() as server:
        seen = Counter()

        async def arrive():
            with trio.move_on_after(30) as patience:
                seen[await server.status()] += 1
            assert not patience.cancelled_caught

        async with trio.open_nursery() as nursery:
            for _ in range(STORM):
                nursery.start_soon(arrive)

        assert seen.total() == STORM
        assert set(seen) <= {200, 503, 0}
        assert seen[200] >= SERVED_MAX
        await server.recovers()


async def test_a_storm_that_asks_nothing_leaves_room_when_it_is_over():
    async with stormed_server() as server:
        streams = []

        async def arrive():
            streams.append(await trio.open_tcp_stream("127.0.0.1", server.port))

        async with trio.open_nursery() as nursery:
            for _ in range(STORM):
                nursery.start_soon(arrive)
        # Meanwhile those who ask get the places of those who do not.
        await server.recovers()
        for stream in streams:
            await trio.aclose_forcefully(stream)
        await server.recovers()


class Crowd:
    """Clients with a socket each; one selector drives them, in a thread of its own.

    Tasks would take the machine more than the server does.
    """

    def __init__(self, port):
        self.port = port
        self.inside = []
        self._selector = selectors.DefaultSelector()

    def arrive(self, count):
        """Return when everybody is in; who is refused tries again."""
        target = len(self.inside) + count
        for _ in range(count):
            self._connect()
        while len(self.inside) < target:
            events = self._selector.select(SILENCE_MAX_S)
            assert events, len(self.inside)
            for key, mask in events:
                self._go_on(key.fileobj, mask)

    def lose_all(self):
        """Reset every connection without a word."""
        for sock in self.inside:
            sock.close()
        self.inside.clear()

    def count(self):
        """What the server says of how many it holds."""
        sock = self.inside[-1]
        sock.setblocking(True)
        sock.settimeout(SILENCE_MAX_S)
        sock.sendall(frame(1, b"{}"))
        answer = sock.recv(100)
        return int(answer.partition(b":")[2].rstrip(b"}"))

    def _connect(self):
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.connect_ex(("127.0.0.1", self.port))
        self._selector.register(sock, selectors.EVENT_WRITE)

    def _go_on(self, sock, mask):
        try:
            if mask & selectors.EVENT_WRITE:
                sock.sendall(UPGRADE)
                self._selector.modify(sock, selectors.EVENT_READ)
                return
            is_in = sock.recv(4096).startswith(b"HTTP/1.1 101")
        except OSError:
            is_in = False
        self._selector.unregister(sock)
        if is_in:
            self.inside.append(sock)
        else:
            sock.close()
            self._connect()


async def test_everybody_comes_back_at_once_after_all_sockets_broke():
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(SOCKETS, limit - 500)
    async with stormed_server(limit) as server:
        crowd = Crowd(server.port)
        await trio.to_thread.run_sync(crowd.arrive, count)
        assert crowd.count() == count

        crowd.lose_all()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, crowd.arrive, count)
            assert await server.status() in {200, 503}  # meanwhile
        while crowd.count() != count:  # until the old ones are forgotten
            assert server.process.poll() is None
        crowd.lose_all()
        await server.recovers()
