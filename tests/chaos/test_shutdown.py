"""A server is told to stop: it sends its clients elsewhere, finishes what it does, and ends."""

from __future__ import annotations

import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest
import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.integrations.tls import trusted

from tests.conformance.raw_client import frame
from tests.integration.product.product import Person, Product
from tests.integration.product.scene import wish
from tests.integration.product.wire import UPGRADE, Wire
from tests.patience import PATIENCE_S
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

# Longer than any test: whoever waits for its end fails.
GRACE_S = 600.0
SHORT_GRACE_S = 1.0
# Sockets are closed after a part of it; in the rest a busy machine tells them why.
CLOSING_GRACE_S = 6.0

WAITING = """
    select 1 from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'
        and position('bounties' in query) > 0
"""


@pytest.fixture
def dsn(module_dsn: str) -> str:
    """One database for all servers of this module, each of which is stopped."""
    return module_dsn


@asynccontextmanager
async def stoppable(dsn: str, tmp_path: Path, grace_s: float = GRACE_S) -> AsyncIterator[Product]:
    """A server that the test stops; whatever runs of it at the end is killed."""
    server = ServerProcess(tmp_path / "data", DATABASE_URL=dsn, SHUTDOWN_GRACE_S=f"{grace_s:g}")
    product = Product(server, dsn)
    async with trio.open_nursery() as nursery:
        await server.start(nursery)
        try:
            yield product
        finally:
            product.close()
            if server.process.poll() is None:
                server.process.kill()


class Held:
    """A request that is in flight until the test lets it finish."""

    def __init__(self, product: Product, person: Person) -> None:
        self._product = product
        self._headers = {"authorization": f"Bearer {person.token}"}
        self.answer: httpx.Response | None = None

    @asynccontextmanager
    async def in_flight(self) -> AsyncIterator[psycopg.Connection]:
        """Inside, the request waits in the database; committing the lock lets it go on."""
        with psycopg.connect(self._product.dsn) as lock:
            lock.execute("lock table app.bounties in access exclusive mode")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._post)
                await trio.to_thread.run_sync(self._wait_until_it_waits)
                yield lock

    async def _post(self) -> None:
        body = wish(amount=0, is_for_honor=True)
        async with httpx.AsyncClient(
            verify=trusted(), base_url=self._product.url, trust_env=False
        ) as client:
            try:
                self.answer = await client.post("/api/bounties", json=body, headers=self._headers)
            except httpx.TransportError:
                return  # cut off; ``answer`` stays empty

    def _wait_until_it_waits(self) -> None:
        while not self._product.rows(WAITING):
            pass


async def told(product: Product) -> None:
    """Wait until the server has heard the signal."""
    while not any("draining" in line for line in product.server.output):
        await trio.lowlevel.checkpoint()


async def test_a_stop_turns_readiness_off_and_sends_sockets_elsewhere(
    dsn: str, tmp_path: Path
) -> None:
    with trio.fail_after(PATIENCE_S):
        async with stoppable(dsn, tmp_path) as product:
            person = product.person()
            async with Wire.opened(product, person) as wire:
                product.server.process.send_signal(signal.SIGTERM)
                notice = await wire.hear("reconnect")
                async with httpx.AsyncClient(
                    verify=trusted(), base_url=product.url, trust_env=False
                ) as client:
                    readiness = await client.get("/readyz")
                    life = await client.get("/livez")
                async with httpx.AsyncClient(
                    verify=trusted(), base_url=product.url, trust_env=False
                ) as client:
                    upgrade = await client.get("/v1/socket", headers=UPGRADE)
                await wire.say(type="ping", t=3)
                pong = await wire.hear("pong")
            code = await product.server.process.wait()

    assert notice["resumable"] is True
    assert 0 <= notice["afterMs"] <= notice["graceMs"] <= GRACE_S * 1000
    assert (readiness.status_code, readiness.json()["error"]) == (503, "draining")
    assert readiness.headers["retry-after"]
    assert life.status_code == 200
    assert upgrade.status_code == 503
    assert upgrade.headers["retry-after"]
    assert pong["t"] == 3
    assert code == 0


async def test_a_socket_that_stays_is_closed_with_the_code_of_a_restart(
    dsn: str, tmp_path: Path
) -> None:
    with trio.fail_after(PATIENCE_S):
        async with stoppable(dsn, tmp_path, CLOSING_GRACE_S) as product:
            person = product.person()
            async with Wire.opened(product, person) as wire:
                product.server.process.send_signal(signal.SIGTERM)

                assert await wire.closed() == 1012
            assert await product.server.process.wait() == 0


async def test_nothing_to_wait_for_is_not_waited_for(dsn: str, tmp_path: Path) -> None:
    with trio.fail_after(PATIENCE_S):
        async with stoppable(dsn, tmp_path) as product:
            assert product.get("/livez").status_code == 200  # the connection stays, idle
            product.server.process.send_signal(signal.SIGTERM)

            assert await product.server.process.wait() == 0


async def test_a_request_in_flight_is_finished(dsn: str, tmp_path: Path) -> None:
    with trio.fail_after(PATIENCE_S):
        async with stoppable(dsn, tmp_path) as product:
            person = product.person()
            request = Held(product, person)
            async with request.in_flight() as lock:
                product.server.process.send_signal(signal.SIGTERM)
                await told(product)
                lock.commit()
            code = await product.server.process.wait()

            assert request.answer is not None
            assert request.answer.status_code == 201
            assert code == 0
            found = "select status from app.bounties where id = %s"
            assert product.value(found, request.answer.json()["id"]) == "open"


async def test_a_message_in_flight_is_acknowledged(dsn: str, tmp_path: Path) -> None:
    with trio.fail_after(PATIENCE_S):
        async with stoppable(dsn, tmp_path) as product:
            sender, friend = product.person(), product.person()
            body = {"participantIds": [friend.id]}
            conversation = product.post("/api/conversations", body, by=sender).json()["id"]
            async with Wire.opened(product, sender) as wire:
                product.server.process.send_signal(signal.SIGTERM)
                await wire.hear("reconnect")
                sent = {"conversationId": conversation, "clientMsgId": new_id(), "text": "Bye"}
                ack = await wire.ask("message.send", **sent)
            code = await product.server.process.wait()

            stored = "select count(*) from app.messages where id = %s"
            assert (ack["type"], ack["seq"]) == ("ack", 1)
            assert product.value(stored, ack["messageId"]) == 1
            assert code == 0


async def test_an_interrupt_that_is_repeated_stops_at_once(dsn: str, tmp_path: Path) -> None:
    with trio.fail_after(PATIENCE_S):
        async with stoppable(dsn, tmp_path) as product:
            process = product.server.process
            request = Held(product, product.person())
            async with request.in_flight():
                process.send_signal(signal.SIGTERM)
                await told(product)
                async with trio.open_nursery() as nursery:
                    # The first ones are the same order as the termination.
                    nursery.start_soon(interrupt_again_and_again, process)
                    code = await process.wait()
                    nursery.cancel_scope.cancel()

            assert code != 0
            assert request.answer is None


async def interrupt_again_and_again(process: trio.Process) -> None:
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        await trio.lowlevel.checkpoint()


async def test_terminated_twice_is_terminated_once(dsn: str, tmp_path: Path) -> None:
    with trio.fail_after(PATIENCE_S):
        async with stoppable(dsn, tmp_path) as product:
            request = Held(product, product.person())
            async with request.in_flight() as lock:
                product.server.process.send_signal(signal.SIGTERM)
                await told(product)
                product.server.process.send_signal(signal.SIGTERM)
                lock.commit()
            code = await product.server.process.wait()

            assert request.answer is not None
            assert request.answer.status_code == 201
            assert code == 0


async def test_the_end_of_the_grace_time_stops_whatever_is_stuck(dsn: str, tmp_path: Path) -> None:
    with trio.fail_after(PATIENCE_S):
        async with stoppable(dsn, tmp_path, SHORT_GRACE_S) as product:
            request = Held(product, product.person())
            async with request.in_flight():
                product.server.process.send_signal(signal.SIGTERM)
                await product.server.process.wait()

            assert request.answer is None or request.answer.status_code == 503


@pytest.mark.parametrize("kind", ["a socket", "half a request", "half a body", "no reader"])
async def test_a_stuck_client_does_not_hold_the_end(dsn: str, tmp_path: Path, kind: str) -> None:
    with trio.fail_after(PATIENCE_S):
        async with stoppable(dsn, tmp_path, SHORT_GRACE_S) as product:
            line = await stuck(product, kind)
            product.server.process.send_signal(signal.SIGTERM)
            await product.server.process.wait()
            await line.aclose()


async def stuck(product: Product, kind: str) -> trio.SocketStream:
    """A client that has begun something, and neither reads nor writes any more."""
    stream = await trio.open_tcp_stream("127.0.0.1", product.port)
    head = b"POST /api/bounties HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    upgrade = "".join(f"{name}: {value}\r\n" for name, value in UPGRADE.items())
    match kind:
        case "a socket":
            await stream.send_all(f"GET /v1/socket HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n".encode())
            assert b" 101 " in await stream.receive_some()
            await stream.send_all(frame(1, b'{"type":"hello"', final=False))
        case "half a request":
            await stream.send_all(head)
        case "half a body":
            await stream.send_all(head + b"Content-Length: 100\r\n\r\n{")
        case _:
            question = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
            await stream.send_all(question * 200)
    return stream
