"""RFC 6455, rule by rule, over the wire against a running server."""

from __future__ import annotations

import contextlib

import pytest
import trio
from bountyexpo.ws.transport.connection import FRAMES_PER_TURN
from bountyexpo.ws.transport.epoll_poller import EpollPoller
from bountyexpo.ws.transport.task_poller import TaskPoller
from websockets.frames import Opcode

from tests.conformance.raw_client import RawClient, close_payload, frame
from tests.integration.socket_server import serve
from tests.patience import PATIENCE_S

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA


@pytest.fixture(params=[EpollPoller, TaskPoller], ids=["epoll", "tasks"])
async def server(request):
    async with serve(poller=request.param) as running:
        yield running


async def send_in_bytes(client, data):
    """Send the first bytes one at a time, and the rest of what is large at once."""
    with contextlib.suppress(trio.BrokenResourceError):
        for start in range(min(len(data), 300)):
            await client.send(data[start : start + 1])
        await client.send(data[300:])


@pytest.fixture(params=[RawClient.send, send_in_bytes], ids=["at once", "in bytes"])
def send(request):
    """Each rule holds the same for a client that sends one byte at a time."""
    return request.param


# §5.2, §5.3: framing.


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 128, 65535, 65536])
async def test_5_2_a_message_of_each_length_form_is_read(server, send, length):
    async with await server.connect() as client:
        await send(client, frame(TEXT, b"x" * length))
        assert await client.echo() == b'{"echo":%d}' % length


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(frame(TEXT, b"a", rsv=1), 1002, id="5.2-rsv3"),
        pytest.param(frame(TEXT, b"a", rsv=2), 1002, id="5.2-rsv2"),
        pytest.param(frame(TEXT, b"a", rsv=4), 1002, id="5.2-rsv1-without-extension"),
        *(pytest.param(frame(op), 1002, id=f"5.2-opcode-{op}") for op in (3, 4, 5, 6, 7)),
        *(pytest.param(frame(op), 1002, id=f"5.2-opcode-{op}") for op in (11, 12, 13, 14, 15)),
        pytest.param(frame(TEXT, b"a", mask=False), 1002, id="5.1-unmasked"),
        pytest.param(b"\x81\xfe\x00\x05" + b"\x00" * 9, 1002, id="5.2-length-not-minimal-16"),
        pytest.param(b"\x81\xff" + b"\x00" * 7 + b"\x05", 1002, id="5.2-length-not-minimal-64"),
        pytest.param(b"\x82\xff" + b"\xff" * 8, 1002, id="5.2-length-msb"),
        pytest.param(frame(PING, b"a" * 126), 1002, id="5.5-control-too-long"),
        pytest.param(frame(CLOSE, b"\x03\xe8" + b"a" * 124), 1002, id="5.5-close-too-long"),
        pytest.param(frame(PING, b"a", final=False), 1002, id="5.5-control-fragmented"),
        pytest.param(frame(CONTINUATION, b"a"), 1002, id="5.4-nothing-to-continue"),
        pytest.param(
            frame(TEXT, b"a", final=False) + frame(TEXT, b"b"), 1002, id="5.4-two-messages"
        ),
        pytest.param(frame(CLOSE, b"\x03"), 1002, id="5.5.1-close-of-one-byte"),
        *(
            pytest.param(frame(CLOSE, close_payload(code)), 1002, id=f"7.4-code-{code}")
            for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
        ),
        pytest.param(frame(CLOSE, close_payload(1000, b"\xff")), 1007, id="5.5.1-reason"),
        pytest.param(frame(TEXT, b"\xce\xba\xff"), 1007, id="8.1-invalid"),
        pytest.param(frame(TEXT, b"\xc0\xaf"), 1007, id="8.1-overlong"),
        pytest.param(frame(TEXT, b"\xed\xa0\x80"), 1007, id="8.1-surrogate"),
        pytest.param(frame(TEXT, b"\xf4\x90\x80\x80"), 1007, id="8.1-beyond-unicode"),
        pytest.param(frame(TEXT, b"\xe2\x82"), 1007, id="8.1-cut"),
        pytest.param(
            frame(TEXT, b"\xe2", final=False) + frame(CONTINUATION, b"\x82"), 1007, id="8.1-cut-end"
        ),
        pytest.param(frame(TEXT, b"\xff", final=False), 1007, id="8.1-fails-at-the-fragment"),
        pytest.param(frame(TEXT, b"", length=65537), 1009, id="7.4.1-too-large-by-header"),
        pytest.param(
            frame(TEXT, b"a" * 40000, final=False) + frame(CONTINUATION, b"", length=30000),
            1009,
            id="7.4.1-too-large-by-sum",
        ),
        pytest.param(frame(BINARY, b"a"), 1003, id="7.4.1-wrong-opcode"),
    ],
)
async def test_a_violation_fails_the_connection(server, send, data, code):
    async with await server.connect() as client, await server.connect() as other:
        await send(client, data)
        assert await client.closed() == code
        await server.handlers[0].closed.wait()
        assert server.handlers[0].code == code

        await other.text()
        assert await other.echo()


async def test_5_3_what_came_before_a_violation_is_delivered(server):
    async with await server.connect() as client:
        await client.send(frame(TEXT, b"{}") + frame(TEXT, b"a", mask=False))
        assert await client.echo() == b'{"echo":2}'
        assert await client.closed() == 1002
        assert server.handlers[0].messages == [b"{}"]


# §5.4: fragmentation.


async def test_5_4_fragments_make_one_message_with_control_frames_between(server, send):
    async with await server.connect() as client:
        await send(
            client,
            frame(TEXT, b"ab", final=False)
            + frame(PING, b"now")
            + frame(CONTINUATION, b"", final=False)
            + frame(CONTINUATION, b"cd"),
        )
        pong = await client.next_frame()
        assert (pong.opcode, bytes(pong.data)) == (Opcode.PONG, b"now")
        assert await client.echo() == b'{"echo":4}'
        assert server.handlers[0].messages == [b"abcd"]


async def test_5_4_a_character_may_be_cut_between_fragments(server, send):
    async with await server.connect() as client:
        await send(client, frame(TEXT, b"\xe2", final=False) + frame(CONTINUATION, b"\x82\xac"))
        await client.echo()
        assert server.handlers[0].messages == ["€".encode()]


async def test_5_4_a_close_may_stand_between_fragments(server, send):
    async with await server.connect() as client:
        await send(client, frame(TEXT, b"ab", final=False) + frame(CLOSE, close_payload(1000)))
        assert await client.closed() == 1000
        assert server.handlers[0].messages == []


async def test_5_4_an_endless_message_lets_the_others_have_their_turn(server):
    fragments = 8_000
    async with await server.connect() as client, await server.connect() as other:
        await client.send(
            frame(TEXT, b"a", final=False)
            + frame(CONTINUATION, final=False) * fragments
            + frame(CONTINUATION, b"b")
        )
        turns = 0
        while not server.handlers[0].messages:
            turns += 1
            await trio.lowlevel.checkpoint()
        assert turns > fragments // FRAMES_PER_TURN // 2
        assert server.handlers[0].messages == [b"ab"]
        await other.text()
        assert await other.echo()


async def test_5_4_a_fragment_is_a_sign_of_life(server):
    async with await server.connect() as client:
        await server.arrived.wait()
        connection = server.handlers[0].connection
        connection.last_inbound_at = heard = connection.last_inbound_at - 50
        await client.send(frame(TEXT, b"a", final=False))
        while connection.last_inbound_at == heard:
            await trio.lowlevel.checkpoint()


# §5.5: control frames.


@pytest.mark.parametrize("payload", [b"", b"hello", b"\x00\xff" * 62 + b"\x00"])
async def test_5_5_2_a_ping_is_answered_with_its_payload(server, send, payload):
    async with await server.connect() as client:
        await send(client, frame(PING, payload))
        pong = await client.next_frame()
        assert (pong.opcode, bytes(pong.data)) == (Opcode.PONG, payload)


async def test_5_5_3_an_unasked_pong_is_ignored(server):
    async with await server.connect() as client:
        await client.send(frame(PONG, b"?") + frame(TEXT, b"{}"))
        assert await client.echo() == b'{"echo":2}'


# §5.5.1, §7: closing.


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999])
async def test_7_1_a_close_is_answered_with_its_code_and_then_the_stream_ends(server, send, code):
    async with await server.connect() as client:
        await send(client, frame(CLOSE, close_payload(code, b"bye")))
        assert await client.closed() == code
        await server.handlers[0].closed.wait()
        assert server.handlers[0].code == code


async def test_7_1_5_a_close_without_a_code_is_answered_without_one(server):
    async with await server.connect() as client:
        await client.send(frame(CLOSE))
        assert await client.closed() == 1005
        await server.handlers[0].closed.wait()
        assert server.handlers[0].code == 1005


async def test_5_5_1_nothing_after_a_close_is_read(server):
    async with await server.connect() as client:
        await client.send(frame(CLOSE, close_payload(1000)) + frame(TEXT, b"late"))
        assert await client.closed() == 1000
        assert server.handlers[0].messages == []


async def test_5_5_1_no_data_is_sent_after_our_close(server):
    async with await server.connect() as client:
        client.answers = False
        await server.arrived.wait()
        connection = server.handlers[0].connection
        connection.close(1000)
        connection.close(1001)
        assert connection.send(b"\x81\x00") is False
        await client.send(frame(PING, b"?") + frame(CLOSE, close_payload(1000)))
        assert (await client.next_frame()).opcode is Opcode.CLOSE
        assert await client.next_frame() is None


async def test_7_1_both_sides_may_close_at_once(server):
    async with await server.connect() as client:
        client.answers = False
        await server.arrived.wait()
        await client.send(frame(CLOSE, close_payload(1001)))
        server.handlers[0].connection.close(1012)
        assert await client.closed() in (1001, 1012)
        await server.handlers[0].closed.wait()
        with trio.fail_after(PATIENCE_S):
            assert await client.next_frame() is None


async def test_7_2_1_an_end_of_the_stream_without_a_close_is_abnormal(server):
    client = await server.connect()
    await server.arrived.wait()
    await client.send(frame(TEXT, b"half")[:-2])
    await client.aclose()
    await server.handlers[0].closed.wait()
    assert server.handlers[0].code == 1006
    assert server.handlers[0].messages == []
