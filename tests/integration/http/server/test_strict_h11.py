"""The fallback alone is as strict as the fast path, and keeps nothing of who broke off."""

from __future__ import annotations

import json
import socket
import struct

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest
import trio
from bountyexpo.edge import acceptor

from tests.integration.http.server.ambiguous_requests import AMBIGUOUS, SMUGGLED
from tests.integration.http.server.http_sites import fallback_site
from tests.integration.plain_client import request

SOCKET = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec_WebSocket_Version": "13",
}
OLD_HTTP_2 = {
    "Upgrade": "h2c",
    "Connection": "Upgrade, HTTP2-Settings",
    "HTTP2_Settings": "AAMAAABkAAQAAP__",
}


async def prepared(connect, site, before):
    client = await connect(site)
    for _ in range(before):
        assert (await client.ask("GET /before")).status == 200
    return client


async def is_forgotten(site, client):
    """Hang up; the server must have nothing left long before any time limit of requests."""
    await client.stream.aclose()
    await site.all_served()


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_an_ambiguous_request_is_refused_and_nothing_behind_it_is_read(connect, name, before):
    async with fallback_site() as site:
        client = await prepared(connect, site, before)
        await client.raw((AMBIGUOUS[name] + SMUGGLED).encode("latin-1"))
        reply = await client.reply()
        assert (reply.status, reply.closes) == (400, True)
        assert json.loads(reply.body)["code"] == "MALFORMED_REQUEST"
        assert await client.end() == b""
        await is_forgotten(site, client)


@pytest.mark.parametrize(
    "fields",
    [{f"A{number}": "b" for number in range(101)}, {"Padding": "x" * 20_000}],
    ids=["number", "size"],
)
async def test_too_much_of_a_head_is_refused(connect, before, fields):
    async with fallback_site() as site:
        client = await prepared(connect, site, before)
        await client.send("GET /page", **fields)
        reply = await client.reply()
        assert (reply.status, reply.closes) == (431, True)
        await is_forgotten(site, client)


async def test_a_head_without_an_end_is_refused(connect):
    async with fallback_site() as site:
        client = await prepared(connect, site, 1)
        await client.raw(b"GET /page HTTP/1.1\r\nPadding: " + b"x" * 20_000)
        assert (await client.reply()).status == 431
        await is_forgotten(site, client)


async def test_a_head_that_would_end_by_bare_line_feeds_is_refused_before_its_end(connect):
    async with fallback_site() as site:
        client = await prepared(connect, site, 1)
        await client.raw(b"GET /page HTTP/1.1\nHost: x\n\n")
        assert (await client.reply()).status == 400


@pytest.mark.parametrize(
    "chunk",
    [
        b"-2\r\n{}\r\n",
        b"2\r\n{}XX0\r\n\r\n",
        b"0x2\r\n{}\r\n",
        b"F" * 30 + b"\r\n",
        b"2;a\nb\r\n{}\r\n",
    ],
    ids=["sign", "end", "prefix", "huge", "extension"],
)
async def test_a_bad_chunk_is_refused_and_nothing_behind_it_is_read(connect, before, chunk):
    async with fallback_site() as site:
        client = await prepared(connect, site, before)
        head = request("POST /page", Transfer_Encoding="chunked")
        await client.raw(head + chunk + SMUGGLED.encode())
        reply = await client.reply()
        assert (reply.status, reply.closes) == (400, True)
        assert json.loads(reply.body)["code"] == "MALFORMED_REQUEST"
        assert await client.end() == b""
        await is_forgotten(site, client)


async def test_a_chunked_body_with_extensions_and_trailers_may_come_byte_by_byte(connect, before):
    async with fallback_site() as site:
        client = await prepared(connect, site, before)
        chunks = b'3;a="b"\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: c\r\n\r\n'
        for byte in request("POST /page", Transfer_Encoding="chunked") + chunks:
            await client.raw(bytes([byte]))
        assert json.loads((await client.reply()).body)["bytes"] == 5
        assert (await client.ask("GET /page")).status == 200


async def test_a_coding_that_nobody_knows_is_refused(connect, before):
    async with fallback_site() as site:
        client = await prepared(connect, site, before)
        await client.raw(request("POST /page", Transfer_Encoding="gzip, chunked"))
        assert (await client.reply()).status == 501
        await is_forgotten(site, client)


@pytest.mark.parametrize(
    "last", [request("GET /page", Connection="close"), request("GET /page HTTP/1.0")]
)
async def test_what_comes_behind_a_last_request_is_not_read(connect, before, last):
    async with fallback_site() as site:
        client = await prepared(connect, site, before)
        await client.raw(last + SMUGGLED.encode() * 100)
        assert (await client.reply()).status == 200
        assert await client.end() == b""
        await is_forgotten(site, client)


# Other protocols.


@pytest.mark.parametrize("wish", [OLD_HTTP_2, SOCKET], ids=["h2c", "websocket"])
async def test_a_wish_for_another_protocol_is_not_followed(connect, before, wish):
    async with fallback_site() as site:
        client = await prepared(connect, site, before)
        assert json.loads((await client.ask("GET /page", **wish)).body)["asked"] == "GET /page"
        assert (await client.ask("GET /page")).status == 200


@pytest.mark.parametrize(("path", "status"), [("/v1/socket", "426"), ("/page", "404")])
async def test_a_socket_over_http_2_is_refused(connect, path, status):
    async with fallback_site() as site:
        client = await connect(site)
        peer = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        peer.initiate_connection()
        await client.raw(peer.data_to_send())
        wish = (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http")
        place = (":path", path), (":authority", "x"), ("sec-websocket-version", "13")
        answers = []
        while not answers:
            events = peer.receive_data(await client.stream.receive_some())
            if any(isinstance(event, h2.events.RemoteSettingsChanged) for event in events):
                peer.send_headers(1, [*wish, *place])
            answers += [each for each in events if isinstance(each, h2.events.ResponseReceived)]
            await client.raw(peer.data_to_send())
        headers = dict(answers[0].headers)
        assert headers[":status"] == status
        assert headers["content-type"] == "application/problem+json"
        assert headers["x-request-id"].startswith("req_")


async def test_a_client_over_http_2_that_gives_no_room_is_let_go(connect):
    async with fallback_site(send_s=0.1, keep_alive_s=0.1) as site:
        client = await connect(site)
        peer = h2.connection.H2Connection(h2.config.H2Configuration())
        peer.local_settings[h2.settings.SettingCodes.INITIAL_WINDOW_SIZE] = 0
        peer.initiate_connection()
        fields = (":method", "GET"), (":scheme", "http"), (":path", "/page"), (":authority", "x")
        peer.send_headers(1, fields, end_stream=True)
        await client.raw(peer.data_to_send())
        await client.end()
        await is_forgotten(site, client)


@pytest.mark.parametrize(
    "sent",
    [
        [(":method", "GET"), (":scheme", "http"), (":path", "/\xff"), (":authority", "x")],
        [(":method", "G\xff"), (":scheme", "http"), (":path", "/page"), (":authority", "x")],
        [(":method", "CONNECT"), (":authority", "x")],
        b"".join(
            b"\0\0\5\2\0" + (2 * number + 1).to_bytes(4, "big") + b"\0\0\0\0\x0f"
            for number in range(1_500)
        ),
    ],
    ids=["path", "method", "no path", "priorities"],
)
async def test_a_client_that_breaks_http_2_ends_without_a_fault_of_ours(connect, monkeypatch, sent):
    faults = []
    monkeypatch.setattr(acceptor._log, "exception", lambda *told, **_: faults.append(told))
    async with fallback_site() as site:
        client = await connect(site)
        config = h2.config.H2Configuration(validate_outbound_headers=False)
        peer = h2.connection.H2Connection(config)
        peer.initiate_connection()
        if isinstance(sent, list):
            fields = [(name, value.encode("latin-1")) for name, value in sent]
            peer.send_headers(1, fields, end_stream=True)
            sent = b""
        await client.raw(peer.data_to_send() + sent)
        await client.end()
        await is_forgotten(site, client)
        assert faults == []


# Slow and broken clients.


@pytest.mark.parametrize("coding", [{"Content_Length": "100"}, {"Transfer_Encoding": "chunked"}])
async def test_a_body_that_stops_is_answered_408(connect, before, coding):
    async with fallback_site(body_read_s=0.1) as site:
        client = await prepared(connect, site, before)
        await client.raw(request("POST /page", **coding) + b"5\r\npa")
        reply = await client.reply()
        assert (reply.status, reply.closes) == (408, True)
        assert json.loads(reply.body)["code"] == "REQUEST_TOO_SLOW"
        assert await client.end() == b""
        await is_forgotten(site, client)


async def test_a_trickled_body_is_answered_408(connect, before):
    async with fallback_site() as site:
        client = await prepared(connect, site, before)
        await client.send("POST /page", Content_Length="100000")
        reply = None
        while reply is None:
            await client.raw(b"x")
            with trio.move_on_after(0.01):
                reply = await client.reply()
        assert reply.status == 408
        await is_forgotten(site, client)


async def test_a_body_that_breaks_off_is_no_request(connect, before):
    async with fallback_site() as site:
        client = await prepared(connect, site, before)
        await client.send("POST /page", b"part", Content_Length="100")
        await client.stream.send_eof()
        assert (await client.reply()).status == 400
        await is_forgotten(site, client)


async def test_a_client_that_has_said_all_still_gets_its_answers(connect):
    async with fallback_site() as site:
        client = await connect(site)
        await client.raw(request("GET /1") + request("GET /2"))
        await client.stream.send_eof()
        answers = [json.loads((await client.reply()).body)["asked"] for _ in range(2)]
        assert answers == ["GET /1", "GET /2"]
        assert await client.end() == b""
        await site.all_served()


@pytest.mark.parametrize(
    "sent", [b"", b"GET /p", request("GET /page"), request("POST /page", Content_Length="9") + b"x"]
)
async def test_a_reset_is_forgotten_at_once(connect, before, sent):
    async with fallback_site() as site:
        client = await prepared(connect, site, before)
        await client.raw(sent)
        client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await is_forgotten(site, client)
