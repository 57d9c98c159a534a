"""The fast path: answers in order, limits, drains, and passes on what is not its own."""

from __future__ import annotations

import contextlib
import json

import pytest
import trio

from tests.integration.http.server.http_sites import BIG, fast_site
from tests.integration.plain_client import request
from tests.patience import PATIENCE_S


async def test_a_thousand_requests_share_a_connection(connect):
    async with fast_site() as site:
        client = await connect(site)
        for number in range(1_000):
            reply = await client.ask(f"GET /say/{number}")
            assert (reply.status, reply.body) == (200, b"%d" % number)
        assert reply.headers["date"] == "Mon, 04 May 2026 03:02:01 GMT"
        assert not reply.closes


async def test_pipelined_requests_are_answered_in_order(connect):
    async with fast_site() as site:
        client = await connect(site)
        lines = ["GET /say/1", "GET /slow", "GET /say/2", "POST /echo", "GET /say/3"]
        await client.raw(b"".join(request(line, b"b" * ("P" in line)) for line in lines))
        assert (await client.reply()).body == b"1"
        await site.answers.entered.wait()
        site.answers.release.set()
        assert [(await client.reply()).body for _ in range(4)] == [b"slow", b"2", b"b", b"3"]


async def test_requests_may_come_one_byte_at_a_time(connect):
    async with fast_site() as site:
        client = await connect(site)
        for byte in request("POST /echo", b"body") + request("GET /say/x"):
            await client.raw(bytes([byte]))
        assert (await client.reply()).body == b"body"
        assert (await client.reply()).body == b"x"


@pytest.mark.parametrize("size", [1, 20_000, 1024 * 1024])
async def test_a_body_passes_however_large_it_is_allowed_to_be(connect, size):
    async with fast_site() as site:
        client = await connect(site)
        body = (bytes(range(256)) * (size // 256 + 1))[:size]
        for _ in range(2):
            assert (await client.ask("POST /echo", body)).body == body


async def test_head_has_the_length_and_no_body(connect):
    async with fast_site() as site:
        client = await connect(site)
        reply = await client.ask("HEAD /say/hello")
        assert (reply.status, reply.headers["content-length"]) == (200, "5")
        assert (await client.ask("GET /say/next")).body == b"next"


async def test_an_answer_without_content_says_no_length(connect):
    async with fast_site() as site:
        client = await connect(site)
        reply = await client.ask("GET /empty")
        assert (reply.status, "content-length" in reply.headers) == (204, False)
        assert (await client.ask("GET /say/next")).body == b"next"


async def test_connection_close_is_repeated_and_kept(connect):
    async with fast_site() as site:
        client = await connect(site)
        await client.raw(request("GET /say/1", Connection="close") + request("GET /say/2"))
        assert (await client.reply()).closes
        assert await client.end() == b""
        assert site.answers.log == ["/say/1"]
        await client.stream.aclose()
        await site.all_served()


async def test_a_client_that_has_said_all_still_gets_its_answers(connect):
    async with fast_site() as site:
        client = await connect(site)
        await client.raw(request("GET /say/1") + request("GET /say/2"))
        await client.stream.send_eof()
        assert [(await client.reply()).body for _ in range(2)] == [b"1", b"2"]
        assert await client.end() == b""
        await site.all_served()


async def test_an_answer_cannot_be_split_by_a_header(connect):
    async with fast_site() as site:
        client = await connect(site)
        await client.send("GET /split")
        assert await client.end() == b""


# Limits.


async def test_who_sends_ahead_does_not_keep_the_others_waiting(connect):
    async with fast_site(requests_per_turn=4) as site:
        greedy, modest = await connect(site), await connect(site)
        await modest.ask("GET /say/first")
        await greedy.raw(b"".join(request(f"GET /say/{number}") for number in range(300)))
        await modest.ask("GET /say/modest")
        for _ in range(300):
            await greedy.reply()
        assert site.answers.log.index("/say/modest") < 290


@pytest.mark.parametrize("before", [0, 1], ids=["first", "later"])
async def test_a_head_that_is_too_large_is_refused(connect, before):
    async with fast_site(head_bytes_max=2_000) as site:
        client = await connect(site)
        for _ in range(before):
            await client.ask("GET /say/x")
        await client.send("GET /say/y", Padding="x" * 20_000)
        reply = await client.reply()
        assert (reply.status, reply.closes) == (431, True)
        await client.end()


async def test_a_head_without_an_end_is_refused(connect):
    async with fast_site(head_bytes_max=2_000) as site:
        client = await connect(site)
        await client.ask("GET /say/x")
        await client.raw(b"GET /say/y HTTP/1.1\r\nPadding: " + b"x" * 20_000)
        assert (await client.reply()).status == 431


async def test_too_many_headers_are_refused(connect):
    async with fast_site() as site:
        client = await connect(site)
        await client.send("GET /say/x", **{f"A{number}": "b" for number in range(101)})
        assert (await client.reply()).status == 431


async def test_a_connection_without_requests_ends(connect):
    async with fast_site(keep_alive_s=0.05) as site:
        client = await connect(site)
        await client.ask("GET /say/x")
        assert await client.end() == b""
        await site.all_served()


async def test_a_trickled_head_ends_with_the_time_for_heads(connect):
    async with fast_site(head_s=0.1) as site:
        client = await connect(site)
        await client.ask("GET /say/x")
        with trio.fail_after(PATIENCE_S):
            with contextlib.suppress(trio.BrokenResourceError):
                while await still_open(client):
                    await client.raw(b"G")
        await site.all_served()


async def still_open(client):
    """Wait a moment for the end, which bytes that nobody read turn into a reset."""
    try:
        with trio.move_on_after(0.01):
            return await client.stream.receive_some() != b""
    except trio.BrokenResourceError:
        return False
    return True


async def test_a_trickled_body_is_answered_408(connect):
    async with fast_site(body_s=0.1) as site:
        client = await connect(site)
        await client.send("POST /echo", Content_Length="1000")
        reply = None
        while reply is None:
            await client.raw(b"x")
            with trio.move_on_after(0.01):
                reply = await client.reply()
        assert (reply.status, reply.closes) == (408, True)
        assert json.loads(reply.body)["code"] == "REQUEST_TOO_SLOW"


async def test_a_slow_answer_is_not_cut_by_any_limit(connect):
    async with fast_site(keep_alive_s=0.02, head_s=0.02, body_s=0.02) as site:
        client, other = await connect(site), await connect(site)
        await client.send("GET /slow")
        await site.answers.entered.wait()
        await other.send("GET /say/x")
        assert (await other.reply()).body == b"x"
        assert await other.end() == b""  # its time, and so that of the first, is over
        site.answers.release.set()
        assert (await client.reply()).body == b"slow"


async def test_a_client_that_never_reads_is_ended(connect):
    async with fast_site(small_buffers=True, send_s=0.05) as site:
        client = await connect(site, receive_buffer=4096)
        await client.send("GET /big")
        with trio.fail_after(PATIENCE_S):
            while not site.handler._connections:
                await trio.lowlevel.checkpoint()
        await site.all_served()


async def test_a_slow_reader_gets_the_whole_answer(connect):
    async with fast_site(small_buffers=True) as site:
        client = await connect(site, receive_buffer=4096)
        assert len((await client.ask("GET /big")).body) == BIG
        assert (await client.ask("GET /say/x")).body == b"x"


async def test_a_body_that_breaks_off_is_no_request(connect):
    async with fast_site() as site:
        client = await connect(site)
        await client.send("POST /echo", b"part", Content_Length="100")
        await client.stream.send_eof()
        assert (await client.reply()).status == 400


# Draining.


async def test_draining_ends_idle_connections_and_finishes_requests(connect):
    async with fast_site() as site:
        idle, busy = await connect(site), await connect(site)
        await idle.ask("GET /say/x")
        await busy.raw(request("GET /slow") + request("GET /say/never"))
        await site.answers.entered.wait()

        site.server.acceptor.start_draining()
        assert await idle.end() == b""
        site.answers.release.set()
        reply = await busy.reply()
        assert (reply.body, reply.closes) == (b"slow", True)
        assert await busy.end() == b""
        for client in (idle, busy):
            await client.stream.aclose()
        await site.all_served()


async def test_a_newcomer_to_a_draining_server_gets_one_answer(connect):
    async with fast_site() as site:
        site.server.acceptor.start_draining()
        client = await connect(site)
        reply = await client.ask("GET /say/x")
        assert (reply.body, reply.closes) == (b"x", True)
        assert await client.end() == b""
