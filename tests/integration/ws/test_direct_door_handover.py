"""Which requests leave the catalogue door: unusual ones with all their bytes, bad ones with 400."""

from __future__ import annotations

import json

import pytest
import trio

from tests.integration.ws.direct_site import direct_site
from tests.integration.ws.plain_client import PlainClient, request

CHUNKED = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
SAY = "GET /say/x HTTP/1.1\r\n"
ECHO = "POST /echo HTTP/1.1\r\nHost: x\r\n"
OLD = "POST /echo HTTP/1.0\r\n"
SMUGGLED = "GET /say/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

# What one reader could take for something else than another one (RFC 9112 §2.2, §3.2, §5, §6.3).
AMBIGUOUS = {
    "length and coding": f"{ECHO}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding and length": f"{ECHO}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "both in the old version": f"{OLD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0",
    "two lengths": f"{ECHO}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "one length twice": f"{ECHO}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of lengths": f"{ECHO}Content-Length: 3, 3\r\n\r\nabc",
    "a signed length": f"{ECHO}Content-Length: +3\r\n\r\nabc",
    "a negative length": f"{ECHO}Content-Length: -3\r\n\r\nabc",
    "a hexadecimal length": f"{ECHO}Content-Length: 0x3\r\n\r\nabc",
    "a length with a line": f"{ECHO}Content-Length: 1_0\r\n\r\nabc",
    "an empty length": f"{ECHO}Content-Length:\r\n\r\nabc",
    "an endless length": f"{ECHO}Content-Length: {'9' * 30}\r\n\r\nabc",
    "an unknown coding": f"{ECHO}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a coding after chunked": f"{ECHO}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": f"{ECHO}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
    "a coding behind a tab": f"{ECHO}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "a folded line": f"{SAY}Host: x\r\nA: b\r\n c\r\n\r\n",
    "a fold at once": f"{SAY} A: b\r\nHost: x\r\n\r\n",
    "a bare line feed": f"{SAY}Host: x\nA: b\r\n\r\n",
    "a bare line feed in the first line": "GET /say/x HTTP/1.1\nHost: x\r\nA: b\r\n\r\n",
    "an early end": f"{SAY}Host: x\n\n{SMUGGLED}",
    "a bare carriage return": f"{SAY}Host: x\rA: b\r\n\r\n",
    "a carriage return in a value": f"{SAY}Host: x\r\nA: b\rc\r\n\r\n",
    "a space before the colon": f"{SAY}Host : x\r\n\r\n",
    "a space before a length": f"{ECHO}Content-Length : 3\r\n\r\nabc",
    "a line without a colon": f"{SAY}Host: x\r\nnothing\r\n\r\n",
    "a header without a name": f"{SAY}Host: x\r\n: b\r\n\r\n",
    "a NUL in a value": f"{SAY}Host: x\r\nA: b\x00c\r\n\r\n",
    "a NUL in a name": f"{SAY}Host: x\r\nA\x00: b\r\n\r\n",
    "a NUL in the target": "GET /say/x\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a control character": f"{SAY}Host: x\r\nA: b\x01c\r\n\r\n",
    "two spaces": "GET  /say/x HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tab for a space": "GET\t/say/x HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host": f"{SAY}A: b\r\n\r\n",
    "two hosts": f"{SAY}Host: x\r\nHost: y\r\n\r\n",
}

# (request, what the application behind the next door makes of it)
UNUSUAL = {
    "chunked": (request("POST /echo", Transfer_Encoding="chunked") + CHUNKED, "POST /echo", 5),
    "http/1.0": (request("GET /say/x HTTP/1.0"), "GET /say/x", 0),
    "absolute": (request("GET http://x/say/x"), "GET /say/x", 0),
    "escaped": (request("GET /say/%41"), "GET /say/A", 0),
    "unknown": (request("POST /page", b"12"), "POST /page", 2),
}


@pytest.fixture
async def connect(raw):
    async def open_connection(site):
        return PlainClient(await raw(site.port))

    return open_connection


@pytest.fixture(params=[0, 2], ids=["first", "later"])
def before(request):
    """How many good requests came before on the same connection."""
    return request.param


async def prepared(connect, site, before):
    client = await connect(site)
    for _ in range(before):
        assert (await client.ask("GET /say/before")).body == b"before"
    return client


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_an_ambiguous_request_is_refused_and_nothing_behind_it_is_read(connect, name, before):
    async with direct_site() as site:
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
    async with direct_site() as site:
        client = await prepared(connect, site, before)
        await client.raw(data)
        reply = await client.reply()
        assert reply.status == 200
        assert json.loads(reply.body) == {"quart": True, "asked": asked, "bytes": size}


async def test_an_unusual_request_may_come_one_byte_at_a_time(connect, before):
    async with direct_site() as site:
        client = await prepared(connect, site, before)
        for byte in UNUSUAL["chunked"][0]:
            await client.raw(bytes([byte]))
        assert json.loads((await client.reply()).body)["bytes"] == 5


async def test_an_expectation_is_met_behind_the_next_door(connect, before):
    async with direct_site() as site:
        client = await prepared(connect, site, before)
        await client.send("POST /echo", Content_Length="2", Expect="100-continue")
        assert (await client.reply()).status == 100
        await client.raw(b"ok")
        assert json.loads((await client.reply()).body)["bytes"] == 2


async def test_an_upgrade_is_not_ours(connect, before):
    async with direct_site() as site:
        client = await prepared(connect, site, before)
        await client.send("GET /say/x", Upgrade="other", Connection="Upgrade")
        assert json.loads((await client.reply()).body)["quart"]


async def test_http_2_is_spoken_behind_the_next_door(connect):
    async with direct_site() as site:
        client = await connect(site)
        await client.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
        frame = await client.stream.receive_some()
        assert frame[3] == 4  # SETTINGS (RFC 9113 §6.5)


async def test_a_body_that_is_too_large_is_refused_behind_the_next_door(connect, before):
    async with direct_site() as site:
        client = await prepared(connect, site, before)
        await client.send("POST /echo", b"x" * 1000, Content_Length=str(1024 * 1024 + 1))
        assert (await client.reply()).status == 413


async def test_what_is_sent_behind_an_unusual_request_is_answered_too(connect, before):
    async with direct_site() as site:
        client = await prepared(connect, site, before)
        rows = [request("GET /say/1"), UNUSUAL["chunked"][0], request("GET /page")]
        await client.raw(b"".join(rows))
        assert (await client.reply()).body == b"1"
        assert json.loads((await client.reply()).body)["asked"] == "POST /echo"
        assert json.loads((await client.reply()).body)["asked"] == "GET /page"


async def test_draining_reaches_connections_that_were_passed_on(connect):
    async with direct_site() as site:
        client = await connect(site)
        await client.ask("GET /say/x")
        assert json.loads((await client.ask("GET /page")).body)["quart"]
        site.server.acceptor.start_draining()
        with trio.fail_after(5):
            assert await client.end() == b""
