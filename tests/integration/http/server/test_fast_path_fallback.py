"""Which requests leave the fast path: unusual ones with all their bytes, bad ones with 400."""

from __future__ import annotations

import json

import pytest
import trio

from tests.integration.http.server.ambiguous_requests import AMBIGUOUS, SMUGGLED
from tests.integration.http.server.http_sites import fast_site
from tests.integration.plain_client import request
from tests.patience import PATIENCE_S

CHUNKED = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
# (request, what the application of the fallback makes of it)
UNUSUAL = {
    "chunked": (request("POST /echo", Transfer_Encoding="chunked") + CHUNKED, "POST /echo", 5),
    "http/1.0": (request("GET /say/x HTTP/1.0"), "GET /say/x", 0),
    "absolute": (request("GET http://x/say/x"), "GET /say/x", 0),
    "escaped": (request("GET /say/%41"), "GET /say/A", 0),
    "unknown": (request("POST /page", b"12"), "POST /page", 2),
}


async def prepared(connect, site, before):
    client = await connect(site)
    for _ in range(before):
        assert (await client.ask("GET /say/before")).body == b"before"
    return client


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_an_ambiguous_request_is_refused_and_nothing_behind_it_is_read(connect, name, before):
    async with fast_site() as site:
        client = await prepared(connect, site, before)
        await client.raw((AMBIGUOUS[name] + SMUGGLED).encode("latin-1"))
        reply = await client.reply()
        assert (reply.status, reply.closes) == (400, True)
        assert json.loads(reply.body)["code"] == "MALFORMED_REQUEST"
        assert await client.end() == b""
        assert set(site.answers.log) <= {"/say/before"}


@pytest.mark.parametrize("name", UNUSUAL)
async def test_an_unusual_request_is_passed_on_with_its_bytes(connect, name, before):
    data, asked, size = UNUSUAL[name]
    async with fast_site() as site:
        client = await prepared(connect, site, before)
        await client.raw(data)
        reply = await client.reply()
        assert reply.status == 200
        assert json.loads(reply.body) == {"fallback": True, "asked": asked, "bytes": size}


async def test_an_unusual_request_may_come_one_byte_at_a_time(connect, before):
    async with fast_site() as site:
        client = await prepared(connect, site, before)
        for byte in UNUSUAL["chunked"][0]:
            await client.raw(bytes([byte]))
        assert json.loads((await client.reply()).body)["bytes"] == 5


async def test_an_expectation_is_met_by_the_fallback(connect, before):
    async with fast_site() as site:
        client = await prepared(connect, site, before)
        await client.send("POST /echo", Content_Length="2", Expect="100-continue")
        assert (await client.reply()).status == 100
        await client.raw(b"ok")
        assert json.loads((await client.reply()).body)["bytes"] == 2


async def test_an_upgrade_is_not_ours(connect, before):
    async with fast_site() as site:
        client = await prepared(connect, site, before)
        await client.send("GET /say/x", Upgrade="other", Connection="Upgrade")
        assert json.loads((await client.reply()).body)["fallback"]


async def test_http_2_is_spoken_by_the_fallback(connect):
    async with fast_site() as site:
        client = await connect(site)
        await client.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
        frame = await client.stream.receive_some()
        assert frame[3] == 4  # SETTINGS (RFC 9113 §6.5)


async def test_a_body_that_is_too_large_is_refused_by_the_fallback(connect, before):
    async with fast_site() as site:
        client = await prepared(connect, site, before)
        await client.send("POST /echo", b"x" * 1000, Content_Length=str(1024 * 1024 + 1))
        assert (await client.reply()).status == 413


async def test_what_is_sent_behind_an_unusual_request_is_answered_too(connect, before):
    async with fast_site() as site:
        client = await prepared(connect, site, before)
        rows = [request("GET /say/1"), UNUSUAL["chunked"][0], request("GET /page")]
        await client.raw(b"".join(rows))
        assert (await client.reply()).body == b"1"
        assert json.loads((await client.reply()).body)["asked"] == "POST /echo"
        assert json.loads((await client.reply()).body)["asked"] == "GET /page"


async def test_draining_reaches_connections_that_were_passed_on(connect):
    async with fast_site() as site:
        client = await connect(site)
        await client.ask("GET /say/x")
        assert json.loads((await client.ask("GET /page")).body)["fallback"]
        site.server.acceptor.start_draining()
        with trio.fail_after(PATIENCE_S):
            assert await client.end() == b""
