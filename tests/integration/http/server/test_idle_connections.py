"""Whoever holds connections without asking anything gives way to those who ask."""

from __future__ import annotations

import json

import pytest
import trio.testing

from tests.integration.http.server.http_sites import fast_site
from tests.integration.plain_client import PlainClient, request

HERE, THERE = "127.0.0.5", "127.0.0.9"

# How many connections there may be in all, and of one address.
TOTAL, PART = 16, 4
PLACES = {"sockets_max": TOTAL, "idle_min_s": 0, "watch_s": 60}

HTTP_2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


async def nothing(_client):
    """Connect and say no word."""


async def part_of_a_head(client):
    await client.raw(b"GET /say/x HT")


async def kept_alive(client):
    assert (await client.ask("GET /say/x")).status == 200


async def part_of_a_second_head(client):
    await kept_alive(client)
    await part_of_a_head(client)


async def kept_alive_by_the_fallback(client):
    assert (await client.ask("GET /page")).status == 200


async def http_2(client):
    await client.raw(HTTP_2)
    assert await client.stream.receive_some()


# Every way of holding a connection while nothing is being answered.
IDLE = (
    nothing,
    part_of_a_head,
    kept_alive,
    part_of_a_second_head,
    kept_alive_by_the_fallback,
    http_2,
)


@pytest.fixture
async def hold(raw):
    """Open connections of one address, each of which idles in its way."""

    async def held(site, idle, count, source):
        clients = []
        for _ in range(count):
            client = PlainClient(await raw(site.port, source=source))
            await idle(client)
            clients.append(client)
        await trio.testing.wait_all_tasks_blocked(0.01)
        return clients

    return held


@pytest.mark.parametrize("idle", IDLE)
async def test_an_address_never_has_more_than_its_part(raw, hold, idle):
    async with fast_site(**PLACES) as site:
        clients = await hold(site, idle, PART + 2, HERE)

        assert site.server.acceptor.open_sockets == PART
        # Those that rested longest have ended.
        for client in clients[:2]:
            await client.end()
        newcomer = PlainClient(await raw(site.port, source=THERE))
        assert (await newcomer.ask("GET /say/hello")).body == b"hello"


@pytest.mark.parametrize("idle", IDLE)
async def test_a_full_house_serves_newcomers(raw, hold, idle):
    async with fast_site(**PLACES) as site:
        for number in range(TOTAL // PART + 1):
            await hold(site, idle, PART, f"127.0.1.{number}")
        assert site.server.acceptor.open_sockets == TOTAL

        for _ in range(PART):
            newcomer = PlainClient(await raw(site.port, source=THERE))
            assert (await newcomer.ask("GET /say/hello")).body == b"hello"
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert site.server.acceptor.open_sockets == TOTAL


async def test_who_is_being_answered_never_gives_way(raw):
    async with fast_site(**PLACES) as site:
        busy = [PlainClient(await raw(site.port, source=HERE)) for _ in range(PART)]
        for client in busy:
            await client.raw(request("GET /slow"))
        await trio.testing.wait_all_tasks_blocked(0.01)

        surplus = PlainClient(await raw(site.port, source=HERE))
        refusal = await surplus.reply()
        assert refusal.status == 429
        assert int(refusal.headers["retry-after"]) > 0
        assert json.loads(refusal.body)["code"] == "RATE_LIMIT_EXCEEDED"

        site.answers.release.set()
        for client in busy:
            assert (await client.reply()).body == b"slow"


async def test_a_house_full_of_work_refuses_with_503(raw):
    async with fast_site(**PLACES) as site:
        for number in range(TOTAL):
            client = PlainClient(await raw(site.port, source=f"127.0.1.{number // PART}"))
            await client.raw(request("GET /slow"))
        await trio.testing.wait_all_tasks_blocked(0.01)

        refusal = await PlainClient(await raw(site.port, source=THERE)).reply()
        assert refusal.status == 503
        assert int(refusal.headers["retry-after"]) > 0
        site.answers.release.set()


async def test_a_connection_that_works_again_is_the_last_to_give_way(raw, hold):
    async with fast_site(**PLACES) as site:
        first, second, *_ = await hold(site, kept_alive, PART, HERE)
        await kept_alive(first)

        await hold(site, kept_alive, 1, HERE)

        await kept_alive(first)
        assert await second.end() == b""


async def test_who_has_only_just_come_keeps_the_place(raw, hold):
    async with fast_site(**PLACES | {"idle_min_s": 60}) as site:
        held = await hold(site, nothing, PART, HERE)

        assert (await PlainClient(await raw(site.port, source=HERE)).reply()).status == 429
        for client in held:
            await kept_alive(client)
