"""RFC 6455 §7: the closing handshake from every state, whatever the client does next."""

from __future__ import annotations

import contextlib
import socket
import struct

import pytest
import trio
from bountyexpo.edge.acceptor import AcceptorSettings
from bountyexpo.ws.transport.connection import State
from bountyexpo.ws.transport.epoll_poller import EpollPoller
from bountyexpo.ws.transport.limits import Limits
from bountyexpo.ws.transport.task_poller import TaskPoller
from bountyexpo.ws.v1.serializer import JSON

from tests.conformance.raw_client import close_payload, frame
from tests.integration.socket_server import serve

TEXT, CLOSE, PING = 0x1, 0x8, 0x9
SMALL = AcceptorSettings(host="127.0.0.1", port=0, send_buffer_bytes=4096)
BIG = JSON.frame({"text": "x" * 4000})
BAD = frame(TEXT, b"a", mask=False)
BYE = frame(CLOSE, close_payload(1000))


@pytest.fixture
def close_timeout_s():
    """How long a close may take: a moment where nothing but its end is waited for."""
    return 0.2


@pytest.fixture(params=[EpollPoller, TaskPoller], ids=["epoll", "tasks"])
async def server(request, close_timeout_s):
    limits = Limits(tick_interval_s=0.02, close_timeout_s=close_timeout_s)
    async with serve(poller=request.param, limits=limits, settings=SMALL) as running:
        yield running


patiently = pytest.mark.parametrize("close_timeout_s", [15])


@pytest.fixture
async def client(server):
    async with await server.connect(receive_buffer=4096) as opened:
        opened.answers = False
        await server.arrived.wait()
        yield opened


# How to bring a connection into each state; the code is what the handler must be told.


async def stay_open(_connection, _client):
    return 1006


async def close(connection, _client):
    connection.close(4410, "revoked")
    return 4410


async def close_behind_a_queue(connection, client):
    fill(connection)
    return await close(connection, client)


async def be_closed_behind_a_queue(connection, client):
    fill(connection)
    await client.send(frame(CLOSE, close_payload(1001)))
    await reach(connection, State.FINISHING)
    return 1001


async def be_violated(connection, client):
    await client.send(BAD)
    await reach(connection, State.DISCARDING)
    return 1002


async def be_violated_behind_a_queue(connection, client):
    fill(connection)
    return await be_violated(connection, client)


async def be_violated_while_closing(connection, client):
    connection.close(4410, "revoked")
    await client.send(BAD)
    await reach(connection, State.DISCARDING)
    return 4410


def fill(connection):
    while connection.send(BIG):
        pass


async def reach(connection, state):
    while connection.state not in {state, State.CLOSED}:
        await trio.lowlevel.checkpoint()


WAYS = [
    stay_open,
    close,
    close_behind_a_queue,
    be_closed_behind_a_queue,
    be_violated,
    be_violated_behind_a_queue,
    be_violated_while_closing,
]


# What the client may do then.


async def send_close(client):
    await client.send(BYE)


async def send_bad_close(client):
    await client.send(frame(CLOSE, b"\x03"))


async def send_anything(client):
    with contextlib.suppress(trio.BrokenResourceError):
        await client.send(frame(TEXT, b"late") + frame(PING, b"?") + BAD + b"\xff" * 50_000)


async def half_close(client):
    await client.stream.send_eof()


async def reset(client):
    client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await client.aclose()


async def be_silent(_client):
    """Do nothing: the deadline of the close must do it."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("then", [send_bad_close, send_anything, half_close, reset, send_close])
async def test_every_state_ends_whatever_the_client_does(server, client, way, then):
    handler = server.handlers[0]
    code = await way(handler.connection, client)
    await then(client)
    await handler.closed.wait()
    if way is stay_open:
        code = {send_bad_close: 1002, send_anything: 1002, send_close: 1000}.get(then, 1006)
    assert handler.code == code
    while len(server.poller):
        await trio.lowlevel.checkpoint()
    assert handler.connection.state is State.CLOSED
    assert handler.messages == ([b"late"] if (way, then) == (stay_open, send_anything) else [])


@pytest.mark.parametrize("way", WAYS[1:])
async def test_every_closing_state_has_a_deadline(server, client, way):
    handler = server.handlers[0]
    code = await way(handler.connection, client)
    await be_silent(client)
    while len(server.poller):
        await trio.lowlevel.checkpoint()
    assert handler.code == code


@patiently
@pytest.mark.parametrize("way", [close, be_violated])
async def test_our_close_frame_is_the_only_one(server, client, way):
    code = await way(server.handlers[0].connection, client)
    await client.send(BAD)
    data = await read_all(client)
    assert data[:1] == b"\x88"
    assert int.from_bytes(data[2:4], "big") == code
    assert len(data) == 2 + data[1]


@patiently
async def test_all_that_was_queued_comes_before_the_answer_to_their_close(server, client):
    connection = server.handlers[0].connection
    sent = 0
    while connection.send(BIG):
        sent += 1
    await client.send(BYE)
    assert await read_all(client) == BIG * sent + b"\x88\x02" + close_payload(1000)


@patiently
async def test_5_5_2_a_ping_is_answered_also_after_our_close(server, client):
    server.handlers[0].connection.close(1000)
    await client.send(frame(PING, b"?") + BYE)
    assert await read_all(client) == b"\x88\x02" + close_payload(1000) + b"\x8a\x01?"


@patiently
async def test_5_5_2_of_pings_that_find_no_room_the_last_is_answered(server, client):
    connection = server.handlers[0].connection
    sent = 0
    while connection.send(BIG):
        sent += 1
    for payload in (b"a", b"b", b"c"):
        await client.send(frame(PING, payload))
    while connection._writer.queue.late_pong != b"\x8a\x01c":
        await trio.lowlevel.checkpoint()
    expected = BIG * sent + b"\x8a\x01c"
    data = b""
    while len(data) < len(expected):
        data += await client.stream.receive_some()
    assert data == expected
    await client.send(frame(TEXT, b"{}"))
    assert await client.echo() == b'{"echo":2}'


async def read_all(client):
    data = b""
    with contextlib.suppress(trio.BrokenResourceError):
        while chunk := await client.stream.receive_some():
            data += chunk
    return data
