"""More connections than there are descriptors: most are refused, and the server stays."""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
from collections import Counter
from contextlib import asynccontextmanager

import pytest
import trio

from tests.integration.ws.plain_client import PlainClient, request

LIMIT = 128
# What the acceptor leaves of such a limit (a half is kept for everything else).
SERVED_MAX = 64
STORM = 2_000
ASK = request("GET /say/x")


@pytest.fixture(autouse=True)
def _many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Narrow:
    """The server with few descriptors."""

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
async def narrow_server():
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "tests.integration.ws.storm_server", str(LIMIT)],
        stdout=subprocess.PIPE,
    )
    try:
        with trio.fail_after(60):
            line = b""
            while not line.endswith(b"\n"):
                line += await process.stdout.receive_some()
            yield Narrow(process, int(line))
            assert process.poll() is None
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            await process.stdout.aclose()


async def test_a_newcomer_near_the_limit_is_refused_with_503():
    async with narrow_server() as server:
        inside = [await server.connect() for _ in range(SERVED_MAX)]
        for client in inside:
            assert (await client.ask("GET /say/x")).status == 200

        assert [await server.status() for _ in range(3)] == [503, 503, 503]
        assert (await inside[0].ask("GET /say/still")).body == b"still"

        for client in inside:
            await client.stream.aclose()
        await server.recovers()


async def test_a_storm_of_connections_is_survived():
    async with narrow_server() as server:
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
    async with narrow_server() as server:
        streams = []

        async def arrive():
            streams.append(await trio.open_tcp_stream("127.0.0.1", server.port))

        async with trio.open_nursery() as nursery:
            for _ in range(STORM):
                nursery.start_soon(arrive)
        assert await server.status() in {503, 0}
        for stream in streams:
            await trio.aclose_forcefully(stream)
        await server.recovers()
