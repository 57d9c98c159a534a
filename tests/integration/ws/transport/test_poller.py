"""One task, many sockets: faults stay where they are, time is kept, slow readers end."""

from __future__ import annotations

import gc
from types import SimpleNamespace

import pytest
import trio
from bountyexpo.edge.acceptor import AcceptorSettings
from bountyexpo.observability import metrics
from bountyexpo.ws.transport.epoll_poller import EpollPoller, create_poller
from bountyexpo.ws.transport.limits import Limits
from bountyexpo.ws.transport.task_poller import TaskPoller
from bountyexpo.ws.v1.serializer import JSON

from tests.conformance.raw_client import close_payload, frame
from tests.integration.socket_server import fast, serve

# Small kernel buffers, so that a client that does not read is felt at once.
SMALL = {
    "settings": AcceptorSettings(host="127.0.0.1", port=0, send_buffer_bytes=4096),
}


def test_the_way_of_driving_sockets_fits_the_machine(monkeypatch):
    assert type(create_poller()) is EpollPoller
    monkeypatch.setattr("bountyexpo.ws.transport.epoll_poller.select", SimpleNamespace())
    assert type(create_poller()) is TaskPoller


async def test_two_hundred_sockets_are_served(poller):
    async with serve(poller=poller) as server:
        clients = [await server.connect() for _ in range(200)]
        async with trio.open_nursery() as nursery:
            for number, client in enumerate(clients):
                nursery.start_soon(client.text, b"x" * number)
        for number, client in enumerate(clients):
            assert await client.echo() == JSON.encode({"echo": number})
        assert server.poller.statistics().sockets == 200
        for client in clients:
            await client.aclose()
        for handler in server.handlers:
            await handler.closed.wait()
            assert handler.code == 1006
        assert len(server.poller) == 0


async def test_a_handler_that_raises_ends_its_own_connection_only(poller):
    def on_message(handler, payload):
        if payload == b"crash":
            raise ZeroDivisionError
        server.echo(handler, payload)

    async with serve(poller=poller) as server:
        server.on_message = on_message
        async with await server.connect() as victim, await server.connect() as other:
            await victim.text(b"crash")
            assert await victim.closed() == 1011
            await server.handlers[0].closed.wait()
            assert server.handlers[0].code == 1011
            await other.text(b"fine")
            assert await other.echo() == b'{"echo":4}'
        assert server.poller.statistics().faults == 1


async def test_a_tick_that_raises_ends_its_own_connection_only(poller):
    def on_tick(handler):
        if handler is server.handlers[0]:
            raise ZeroDivisionError

    async with serve(poller=poller, limits=fast()) as server:
        server.on_tick = on_tick
        async with await server.connect() as victim, await server.connect() as other:
            assert await victim.closed() == 1011
            await other.text(b"fine")
            assert await other.echo() == b'{"echo":4}'


async def test_a_silent_client_is_closed_as_idle(poller):
    async with serve(poller=poller, limits=fast(idle_timeout_s=0.1)) as server:
        async with await server.connect() as client:
            assert await client.closed() == 4408
        await server.handlers[0].closed.wait()
        assert server.handlers[0].code == 4408
        assert server.handlers[0].ticks > 0


async def test_any_whole_frame_keeps_a_client_alive_and_a_trickle_does_not(poller):
    limits = fast(idle_timeout_s=0.2)
    async with (
        serve(poller=poller, limits=limits) as server,
        await server.connect() as alive,
        await server.connect() as trickling,
    ):

        async def tickle(client, data):
            with trio.move_on_after(1):
                while True:
                    for byte in data:
                        await client.send(bytes([byte]))
                        with trio.move_on_after(0.01):
                            await trio.sleep_forever()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(tickle, alive, frame(0xA))
            nursery.start_soon(trickling.send, frame(1, b"x" * 100)[:50])
            assert await trickling.closed() == 4408
            assert server.handlers[0].code is None
            nursery.cancel_scope.cancel()


async def test_pings_come_from_the_wheel(poller):
    async with (
        serve(poller=poller, limits=fast(ping_interval_s=0.04)) as server,
        await server.connect() as client,
    ):
        for _ in range(3):
            assert (await client.next_frame()).opcode == 9


async def test_a_ping_is_answered_with_its_payload(poller):
    async with serve(poller=poller) as server, await server.connect() as client:
        await client.send(frame(9, b"one") + frame(9, b"two"))
        assert bytes((await client.next_frame()).data) == b"one"
        assert bytes((await client.next_frame()).data) == b"two"


async def test_our_close_waits_for_theirs(poller):
    async with serve(poller=poller) as server, await server.connect() as client:
        client.answers = False
        await server.arrived.wait()
        server.handlers[0].connection.close(4410, "revoked")
        received = await client.next_frame()
        assert bytes(received.data) == close_payload(4410, b"revoked")
        await server.handlers[0].closed.wait()
        assert server.handlers[0].code == 4410
        assert len(server.poller) == 1

        await client.send(frame(1, b"late") + frame(8, close_payload(4410)))
        assert await client.next_frame() is None
        assert server.handlers[0].messages == []
        assert len(server.poller) == 0


async def test_a_close_that_is_not_answered_has_a_deadline(poller):
    async with serve(poller=poller, limits=fast()) as server, await server.connect() as client:
        client.answers = False
        await server.arrived.wait()
        server.handlers[0].connection.close(1000)
        assert await client.closed() == 1000
        assert len(server.poller) == 0


async def test_a_failed_client_that_keeps_sending_still_reads_why(poller):
    async with serve(poller=poller) as server, await server.connect() as client:
        await client.send(frame(1, b"", length=10**6) + b"x" * 200_000)
        assert await client.closed() == 1009
        await client.aclose()
        await server.handlers[0].closed.wait()


async def test_a_half_open_client_is_let_go(poller):
    async with serve(poller=poller) as server, await server.connect() as client:
        await server.arrived.wait()
        await client.stream.send_eof()
        await server.handlers[0].closed.wait()
        assert server.handlers[0].code == 1006
        assert len(server.poller) == 0


async def test_a_reader_that_stops_fills_its_own_queue_and_is_shed(poller):
    limits = fast(queue_full_s=0.1, no_progress_s=60)
    payload = JSON.frame({"text": "x" * 4000})
    async with serve(poller=poller, limits=limits, **SMALL) as server:
        slow = await server.connect(receive_buffer=4096)
        async with await server.connect() as other:
            await server.arrived.wait()
            connection = server.handlers[0].connection
            sent = 0
            while connection.send(payload):
                sent += 1
            assert connection.queued_bytes <= limits.queue_bytes_max
            assert connection.queued_bytes > limits.queue_bytes_max - len(payload)
            assert not connection.send(payload, ephemeral=True)
            assert server.poller.statistics().blocked_sockets == 1
            assert server.poller.statistics().queued_bytes == connection.queued_bytes

            await server.handlers[0].closed.wait()
            assert server.handlers[0].code == 4430
            await other.text()
            assert await other.echo()
            assert server.poller.statistics().slow_consumers == 1
        await slow.aclose()


async def test_a_shed_reader_that_reads_again_learns_why(poller):
    limits = fast(queue_full_s=0.05, close_timeout_s=10)
    payload = JSON.frame({"text": "x" * 4000})
    async with (
        serve(poller=poller, limits=limits, **SMALL) as server,
        await server.connect(receive_buffer=4096) as slow,
    ):
        await server.arrived.wait()
        while server.handlers[0].connection.send(payload):
            pass
        await server.handlers[0].closed.wait()
        assert await slow.closed() == 4430


async def test_queued_bytes_without_progress_are_enough_to_be_shed(poller):
    limits = fast(no_progress_s=0.1)
    payload = JSON.frame({"text": "x" * 4000})
    async with serve(poller=poller, limits=limits, **SMALL) as server:
        slow = await server.connect(receive_buffer=4096)
        await server.arrived.wait()
        connection = server.handlers[0].connection
        while not connection.queued_bytes:
            connection.send(payload)
        await server.handlers[0].closed.wait()
        assert server.handlers[0].code == 4430
        await slow.aclose()


async def test_a_slow_reader_gets_everything_in_order_and_the_handler_hears_of_it(poller):
    async with (
        serve(poller=poller, **SMALL) as server,
        await server.connect(receive_buffer=4096) as client,
    ):
        await server.arrived.wait()
        handler = server.handlers[0]
        sent = 0
        while handler.connection.send(JSON.frame({"n": sent, "pad": "x" * 1500})):
            sent += 1
        assert handler.connection.is_over_half
        for number in range(sent):
            assert f'"n":{number},'.encode() in await client.echo()
        assert handler.connection.queued_bytes == 0
        assert handler.drained == 1
        assert handler.connection.send(JSON.frame({}))
        assert await client.echo() == b"{}"


async def test_the_queue_is_bounded_in_frames_too():
    limits = Limits(queue_frames_max=10)
    async with serve(limits=limits, **SMALL) as server:
        client = await server.connect(receive_buffer=4096)
        await server.arrived.wait()
        connection = server.handlers[0].connection
        while not connection.queued_bytes:
            connection.send(JSON.frame({"text": "x" * 60000}))
        taken = [connection.send(b"\x89\x00") for _ in range(20)]
        assert taken == [True] * 9 + [False] * 11
        await client.aclose()


async def test_a_close_behind_a_queue_comes_last(poller):
    async with (
        serve(poller=poller, **SMALL) as server,
        await server.connect(receive_buffer=4096) as client,
    ):
        await server.arrived.wait()
        connection = server.handlers[0].connection
        sent = 0
        while connection.send(JSON.frame({"n": sent, "pad": "x" * 3000})):
            sent += 1
        connection.close(1012)
        for _ in range(sent):
            await client.echo()
        assert await client.closed() == 1012


async def test_a_reset_while_sending_is_told_outside_the_sender(poller):
    import socket
    import struct

    async with serve(poller=poller) as server:
        client = await server.connect()
        await server.arrived.wait()
        handler = server.handlers[0]
        client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.stream.socket.close()
        while handler.connection.send(JSON.frame({})):
            assert handler.code is None
        assert handler.code is None  # never from inside send
        await handler.closed.wait()
        assert handler.code == 1006


async def test_other_tasks_run_while_sockets_are_busy(poller):
    async with serve(poller=poller) as server, await server.connect() as client:
        laps = 0

        async def others():
            nonlocal laps
            while True:
                laps += 1
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(others)
            nursery.start_soon(client.send, frame(9, b"") * 20_000)
            pongs = 0
            while pongs < 1000:
                pongs += (await client.next_frame()).opcode == 10
            nursery.cancel_scope.cancel()
        assert laps > 10


async def test_the_end_of_the_poller_closes_every_socket(poller):
    async with serve(poller=poller) as server:
        client = await server.connect()
        await server.arrived.wait()
        handler = server.handlers[0]
    assert handler.code == 1006
    assert not await client.stream.receive_some()
    await client.aclose()


async def test_counters_reach_the_metrics():
    def value(metric):
        return metric._value.get()

    before = value(metrics.WS_RECEIVED), value(metrics.WS_SENT)
    async with serve() as server, await server.connect() as client:
        for _ in range(3):
            await client.text()
            await client.echo()
    assert value(metrics.WS_RECEIVED) == before[0] + 3
    assert value(metrics.WS_SENT) == before[1] + 3
    assert value(metrics.WS_CONNECTIONS.labels(channel="v1")) == 0


async def test_an_idle_connection_keeps_no_parser_and_no_queue():
    async with serve() as server, await server.connect() as client:
        await client.text()
        await client.echo()
        connection = server.handlers[0].connection
        assert connection._parser is None
        assert connection._writer.queue is None
        assert not hasattr(connection, "__dict__")
        gc.collect()


@pytest.mark.parametrize(
    ("subprotocol", "opcode"), [("bounty.v1.json", 2), ("bounty.v1.msgpack", 1)]
)
async def test_the_wrong_opcode_for_the_codec_is_1003(poller, subprotocol, opcode):
    async with (
        serve(poller=poller) as server,
        await server.connect(subprotocols=[subprotocol]) as client,
    ):
        await client.send(frame(opcode, b"{}"))
        assert await client.closed() == 1003
