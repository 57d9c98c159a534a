"""What a connection does in one turn, and when it gets its next one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import trio
from bountyexpo.ws.transport.connection import Connection
from bountyexpo.ws.transport.frames import encode_frame
from bountyexpo.ws.transport.limits import Limits
from bountyexpo.ws.v1.serializer import JSON

from tests.conformance.raw_client import frame
from tests.integration.socket_server import Recorder, Server, fast, serve


async def test_a_socket_is_looked_at_when_its_handler_said_so_or_something_waits(poller):
    looks = []

    class Patient(Recorder):
        def on_tick(self, now):
            looks.append(now)
            return now + 0.3

    async with serve(poller=poller, limits=fast()) as server, await server.connect() as client:
        await server.arrived.wait()
        connection = server.handlers[0].connection
        connection.handler = Patient(server, connection, None)
        connection.next_look = 0.0
        with trio.move_on_after(0.7):
            await trio.sleep_forever()
        assert 1 <= len(looks) <= 4
        client.answers = False
        connection.close(1000)
        assert await client.closed() == 1000


async def test_a_client_that_is_heard_all_the_time_is_not_pinged(poller):
    limits = fast(ping_interval_s=10, tick_interval_s=0.5)
    async with serve(poller=poller, limits=limits) as server, await server.connect() as client:
        await server.arrived.wait()
        connection, now = server.handlers[0].connection, server.poller.now
        connection.on_tick(now + 8.2, True)
        await client.text(b"hello")
        assert await client.echo() == b'{"echo":5}'
        connection.on_tick(connection.last_inbound_at + 8.4, True)
        assert (await client.next_frame()).opcode == 9


class Counting:
    """A socket that notes how much it is given at once."""

    def __init__(self, sock, written):
        self.sock = sock
        self.written = written

    def send(self, data):
        self.written.append(len(data))
        return self.sock.send(data)


async def test_the_answers_to_one_read_leave_in_one_write(poller):
    written = []
    async with serve(poller=poller) as server, await server.connect() as client:
        await server.arrived.wait()
        writer = server.handlers[0].connection._writer
        writer._sock = Counting(writer._sock, written)
        await client.send(frame(1, b"x") * 20)
        for _ in range(20):
            assert await client.echo() == b'{"echo":1}'

    assert written == [20 * len(JSON.frame({"echo": 1}))]


async def test_what_was_answered_before_a_fault_still_leaves(poller):
    async with serve(poller=poller) as server, await server.connect() as client:
        await client.send(frame(1, b"x") * 2 + b"\xff\xff")
        assert await client.echo() == b'{"echo":1}'
        assert await client.echo() == b'{"echo":1}'
        assert await client.closed() == 1002


class Narrow:
    """A socket that takes ``room`` bytes, and a driver for it."""

    limits = Limits()
    now = frames_sent = frames_received = 0

    def __init__(self, room):
        self.room = room
        self.taken = b""

    def fileno(self):
        return 5

    def send(self, data):
        if not self.room:
            raise BlockingIOError
        taken = bytes(data[: self.room])
        self.room -= len(taken)
        self.taken += taken
        return len(taken)

    def sendmsg(self, buffers):
        return self.send(b"".join(buffers))

    def current_time(self):
        return self.now

    def watch_writable(self, _fd, *, wanted):
        self.is_blocked = wanted


@pytest.mark.parametrize("room", [0, 3, 14, 20])
def test_a_pong_takes_its_place_among_answers_that_wait(room):
    sock = Narrow(room)
    connection = Connection(sock, JSON.subprotocol, "192.0.2.1", sock)
    recorder = Recorder(SimpleNamespace(on_message=Server.echo), connection, None)
    connection.handler = recorder

    connection.on_readable(frame(1, b"x") + frame(9, b"hello") + frame(1, b"xx"))
    sock.room = 1_000
    connection.on_writable()

    assert sock.taken == (
        JSON.frame({"echo": 1}) + encode_frame(10, b"hello") + JSON.frame({"echo": 2})
    )
