"""A connection that has served requests goes on with whatever comes next, a socket too."""

from __future__ import annotations

import base64
import json

import pytest
import trio

from tests.conformance.raw_client import frame
from tests.integration.http.server.http_sites import fallback_site, fast_site
from tests.integration.plain_client import PlainClient, request
from tests.patience import PATIENCE_S

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec_WebSocket_Key": base64.b64encode(bytes(16)).decode(),
    "Sec_WebSocket_Version": "13",
}
# What may have come before: (request, how it is answered). A refusal may end the connection.
BEFORE = {
    "operation": request("GET /say/x"),
    "operation with a body": request("POST /echo", b"abc"),
    "head": request("HEAD /say/x"),
    "page": request("GET /page"),
    "chunked": request("POST /page", Transfer_Encoding="chunked") + b"1\r\na\r\n0\r\n\r\n",
    "no such method": request("DELETE /page"),
    "other upgrade": request("GET /page", Upgrade="other", Connection="Upgrade"),
}
SITES = {"fast": fast_site, "fallback": fallback_site}
TEXT = 1
ECHO = b'\x81\x0a{"echo":2}'  # unmasked, as a server's frames are


@pytest.fixture(params=SITES)
def site(request):
    return SITES[request.param]


async def asked(client, name):
    await client.raw(BEFORE[name])
    return await client.reply(with_body=name != "head")


async def check_socket(client, server):
    """Both directions work, and the poller has the connection."""
    reply = await client.reply()
    assert reply.status == 101
    await client.raw(frame(TEXT, b"{}"))
    data = client.data
    while len(data) < len(ECHO):
        data += await client.stream.receive_some()
    assert data == ECHO
    assert len(server.poller) == 1


@pytest.mark.parametrize("name", BEFORE)
@pytest.mark.parametrize("times", [1, 3])
async def test_a_socket_opens_after_any_request(raw, site, name, times):
    async with site() as running:
        client = PlainClient(await raw(running.port))
        for _ in range(times):
            await asked(client, name)
        await client.send("GET /v1/socket", **UPGRADE)
        await check_socket(client, running.server)


async def test_a_socket_opens_after_one_of_each(raw, site):
    async with site() as running:
        client = PlainClient(await raw(running.port))
        for name in BEFORE:
            await asked(client, name)
        await client.send("GET /v1/socket", **UPGRADE)
        await check_socket(client, running.server)


async def test_a_socket_may_be_asked_for_ahead_of_the_answers(raw, site):
    async with site() as running:
        client = PlainClient(await raw(running.port))
        upgrade = request("GET /v1/socket", **UPGRADE)
        await client.raw(BEFORE["operation"] + BEFORE["page"] + upgrade)
        assert (await client.reply()).status == 200
        assert (await client.reply()).status == 200
        await check_socket(client, running.server)


async def test_a_later_upgrade_may_come_one_byte_at_a_time(raw, site):
    async with site() as running:
        client = PlainClient(await raw(running.port))
        await asked(client, "page")
        for byte in request("GET /v1/socket", **UPGRADE):
            await client.raw(bytes([byte]))
        await check_socket(client, running.server)


@pytest.mark.parametrize("name", [None, "operation", "page"])
@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Sec_WebSocket_Version": "12"}, 400),
        ({"Sec_WebSocket_Protocol": "unknown"}, 400),
        ({"Origin": "https://evil.example"}, 403),
    ],
)
async def test_a_refused_upgrade_says_that_the_connection_ends(raw, site, name, fields, status):
    async with site() as running:
        client = PlainClient(await raw(running.port))
        if name:
            await asked(client, name)
        await client.send("GET /v1/socket", **UPGRADE | fields)
        reply = await client.reply()
        assert (reply.status, reply.closes) == (status, True)
        assert json.loads(reply.body)["statusCode"] == status
        assert await client.end() == b""
        await running.all_served()


async def test_an_operation_behind_a_page_takes_the_fast_path_again(raw):
    async with fast_site() as site:
        client = PlainClient(await raw(site.port))
        for number in range(3):
            assert (await client.ask("GET /page")).status == 200
            assert (await client.ask(f"GET /say/{number}")).status == 200
        assert site.answers.log == ["/say/0", "/say/1", "/say/2"]


async def test_a_socket_that_comes_while_we_drain_is_sent_elsewhere(raw):
    async with fast_site() as site:
        client = PlainClient(await raw(site.port))
        await client.send("GET /slow")
        await site.answers.entered.wait()
        # It waits behind a request in flight, whose connection is the last to end.
        await client.send("GET /v1/socket", **UPGRADE)
        site.server.acceptor.start_draining()
        site.answers.release.set()
        reply = await client.reply()
        assert (reply.body, reply.closes) == (b"slow", True)
        with trio.fail_after(PATIENCE_S):
            assert await client.end() == b""
        assert len(site.server.poller) == 0
