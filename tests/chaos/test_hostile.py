"""Clients that misbehave while people chat: they harm themselves and nobody else."""

from __future__ import annotations

import json
import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest
import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.integrations.tls import trusted
from bountyexpo.load.client.fleet import REQUEST

from tests.chaos import flood
from tests.chaos.chat import chatting
from tests.chaos.never_reader import ask
from tests.databases import fresh_database, temporary_folder
from tests.integration.product.product import Product, standing
from tests.server_process import ROOT, ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_S = 60.0
BAD_FRAMES_PER_S = 1_000
FLOOD_S = 2.5
QUEUE_BYTES_MAX = 256 * 1024
# What a process may have grown by when two thousand sockets have come and gone.
GROWTH_MIB_MAX = 32.0

# Where the flood that is judged comes from; the one before it comes from another address.
UNSPENT = "127.0.0.67"

REFUSED = b"HTTP/1.1 429 "

# How a bad frame may end its socket, or an upgrade be refused (contract realtime §4.8, §4.9).
ENDS = {"1002", "1003", "1007", "1009", "4400", "4401", "4409", "4429", "429"}


class Site:
    """A server with its limits on, and what can be asked of it from outside."""

    def __init__(self, server: ServerProcess, dsn: str) -> None:
        self.server = server
        self.product = Product(server, dsn)

    async def flood(self, *options: str) -> dict[str, Any]:
        """Let the hostile client come; returns what it was answered."""
        rate, seconds = str(BAD_FRAMES_PER_S), str(FLOOD_S)
        done = await trio.run_process(
            [
                *(sys.executable, "-m", "tests.chaos.flood", str(self.server.port)),
                *(rate, seconds, "--token", self.product.token(new_id()), *options),
            ],
            cwd=ROOT,
            capture_stdout=True,
        )
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    async def metric(self, name: str) -> float:
        """Read one figure of the server."""
        async with httpx.AsyncClient(
            verify=trusted(), base_url=self.product.url, trust_env=False
        ) as client:
            text = (await client.get("/metrics")).text
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    async def until(self, name: str, value: float) -> None:
        """Wait until a figure of the server has come to this."""
        while await self.metric(name) != value:
            pass

    def rss_mib(self) -> float:
        """The memory of the server."""
        return psutil.Process(self.server.process.pid).memory_info().rss / 2**20

    async def knock(self, source: str) -> bytes:
        """Ask for a socket from an address; returns the head of the answer."""
        request = REQUEST.format(
            path="/v1/socket",
            host=f"127.0.0.1:{self.server.port}",
            subprotocol="bounty.v1.json",
            token=self.product.token(new_id()),
        )
        with trio.socket.socket() as sock:
            await sock.bind((source, 0))
            await sock.connect(("127.0.0.1", self.server.port))
            await sock.send(request.encode())
            return await sock.recv(4_096)


@contextmanager
def site_with(dsn: str, **limits: str) -> Iterator[Site]:
    settings = {"DATABASE_URL": dsn, "RATE_LIMITS": "on", "RATE_LIMIT_MULTIPLIER": "1"}
    with (
        temporary_folder() as folder,
        standing(ServerProcess(folder, **settings, **limits)) as server,
    ):
        found = Site(server, dsn)
        yield found
        found.product.close()


@pytest.fixture(scope="module")
def site(module_dsn: str) -> Iterator[Site]:
    """People come from an address without limits, so that only the server itself can slow them."""
    with site_with(module_dsn, RATE_LIMIT_ALLOW="127.0.0.1/32") as found:
        yield found


@pytest.fixture(scope="module")
def narrow_site(server_dsn: str, template_database: str) -> Iterator[Site]:
    """Nobody is allowed more than anybody else; one database serves one server."""
    with fresh_database(server_dsn, template_database) as dsn, site_with(dsn) as found:
        yield found


async def test_a_thousand_bad_frames_a_second_end_their_own_sockets_only(site: Site) -> None:
    with trio.fail_after(LIMIT_S):
        await site.flood()
        before_mib = site.rss_mib()
        async with chatting(site.product) as chat:
            # From an address that has used up none of its limits, so that bad frames are read.
            said = await site.flood("--source", UNSPENT)
            await chat.goes_on()
            await site.until('websocket_connections_active{channel="v1"}', len(chat.speakers))
        assert chat.connections() == [1] * len(chat.speakers)

    assert said["sent"] >= BAD_FRAMES_PER_S
    closes = {name for name in said["answers"] if name.isdecimal()}
    assert {"1002", "1007", "1009"} <= closes <= ENDS
    assert site.rss_mib() - before_mib < GROWTH_MIB_MAX


async def test_open_sockets_behind_a_hostile_address_go_on(narrow_site: Site) -> None:
    with trio.fail_after(LIMIT_S):
        async with chatting(narrow_site.product) as chat:
            said: list[dict[str, Any]] = []

            async def flood_it() -> None:
                said.append(await narrow_site.flood("--source", "127.0.0.1"))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(flood_it)
                # What an address may do comes back bit by bit as soon as it is quiet.
                while not (refused := await narrow_site.knock("127.0.0.1")).startswith(REFUSED):
                    assert not said
                welcome = await narrow_site.knock("127.0.0.2")
            await chat.goes_on(1)
        assert chat.connections() == [1] * len(chat.speakers)

    assert said[0]["answers"]["429"] > 0
    assert b"\r\nRetry-After: " in refused
    assert welcome.startswith(b"HTTP/1.1 101 ")


async def test_who_never_reads_costs_a_queue_and_is_closed(site: Site) -> None:
    seen: list[float] = []

    async def watch() -> None:
        while True:
            seen.append(await site.metric("websocket_queued_bytes"))

    with trio.fail_after(LIMIT_S):
        before = await site.metric('ws_close_total{code="4430"}')
        async with chatting(site.product) as chat, trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            with pytest.raises(OSError):  # noqa: PT011 - whichever way the loss shows
                await ask(site.server.port, site.product.token(new_id()))
            await chat.goes_on()
            nursery.cancel_scope.cancel()
        assert chat.connections() == [1] * len(chat.speakers)

    assert await site.metric('ws_close_total{code="4430"}') == before + 1
    assert max(seen) <= QUEUE_BYTES_MAX


def test_the_flood_knows_every_way_to_be_wrong() -> None:
    assert len(flood.BLOWS) == len(set(flood.BLOWS.values()))
