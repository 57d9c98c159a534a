"""One port: what is let in, what is refused, and that nothing brings the acceptor down."""

from __future__ import annotations

import contextlib
import json
import os
import resource

import pytest
import trio
import trio_websocket
from bountyexpo.edge.acceptor import Acceptor, AcceptorSettings
from bountyexpo.errors import RateLimited
from bountyexpo.ws.transport.connection import FRAMES_PER_TURN

from tests.conformance.raw_client import frame
from tests.integration.socket_server import NOW, serve

UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
)


def upgrade(path="/v1/socket", more=""):
    return UPGRADE.format(path=path, more=more).encode()


async def read_all(stream):
    data = b""
    while chunk := await stream.receive_some():
        data += chunk
    return data


def split(response):
    head, _, body = response.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head, body


def local(**options):
    return AcceptorSettings(host="127.0.0.1", port=0, **options)


async def test_an_independent_client_talks_on_each_socket_path(poller):
    async with serve(poller=poller) as server:
        for path in ("/v1/socket", "/ws"):
            async with trio_websocket.open_websocket_url(
                f"ws://127.0.0.1:{server.port}{path}", subprotocols=["bounty.v1.json"]
            ) as client:
                assert client.subprotocol == "bounty.v1.json"
                await client.send_message("{}")
                assert json.loads(await client.get_message()) == {"echo": 2}
        for handler in server.handlers:
            await handler.closed.wait()
            assert handler.code == 1000


async def test_frames_behind_the_handshake_are_not_lost(poller):
    many = FRAMES_PER_TURN * 3
    behind = frame(1, b"{}") * many
    async with serve(poller=poller) as server, await server.connect(behind=behind) as client:
        for _ in range(many):
            assert await client.echo() == b'{"echo":2}'


async def test_an_absolute_target_opens_a_socket(raw):
    async with serve() as server:
        stream = await raw(server.port)
        await stream.send_all(upgrade(path="http://x/v1/socket?a=b"))
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")
        await server.arrived.wait()
        assert server.handlers[0].request.query == {"a": "b"}


async def test_a_head_may_come_one_byte_at_a_time(raw):
    async with serve() as server:
        stream = await raw(server.port)
        for byte in upgrade():
            await stream.send_all(bytes([byte]))
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (upgrade(more="Sec-WebSocket-Protocol: other\r\n"), 400),
        (upgrade().replace(b"13", b"12"), 400),
        (upgrade(more="Origin: https://evil.example\r\n"), 403),
        (upgrade(path="/elsewhere"), 404),
        (b"nonsense\r\n\r\n", 404),
    ],
)
async def test_a_bad_handshake_is_answered_and_the_socket_closed(raw, request_bytes, status):
    async with serve() as server:
        stream = await raw(server.port)
        await stream.send_all(request_bytes)
        found, head, body = split(await read_all(stream))
        assert found == status
        assert b"application/problem+json" in head
        assert json.loads(body)["statusCode"] == status
        assert server.handlers == []


async def test_admission_refuses_before_the_upgrade(raw):
    def admit(request):
        assert request.peer == "127.0.0.1"
        raise RateLimited(retry_after_s=9)

    async with serve(admit=admit) as server:
        stream = await raw(server.port)
        await stream.send_all(upgrade())
        status, head, _ = split(await read_all(stream))
        assert status == 429
        assert b"Retry-After: 9" in head


async def test_an_admission_that_fails_is_an_answer_of_500(raw):
    def admit(_request):
        raise KeyError("oops")

    async with serve(admit=admit) as server:
        stream = await raw(server.port)
        await stream.send_all(upgrade())
        assert split(await read_all(stream))[0] == 500
        async with await raw(server.port):
            pass


async def test_a_handler_that_cannot_be_made_closes_with_its_code():
    async with serve() as server:
        server.socket_handler._create_handler = lambda *_: (_ for _ in ()).throw(RateLimited())
        async with await server.connect() as client:
            assert await client.closed() == 4429
        server.socket_handler._create_handler = lambda *_: 1 // 0
        async with await server.connect() as client:
            assert await client.closed() == 1011


async def test_a_head_that_is_too_large_is_answered_431(raw):
    async with serve(settings=local(head_bytes_max=1000)) as server:
        stream = await raw(server.port)
        await stream.send_all(upgrade(more=f"Padding: {'x' * 2000}\r\n"))
        assert split(await read_all(stream))[0] == 431


async def test_a_head_that_does_not_come_is_closed(raw):
    async with serve(settings=local(head_timeout_s=0.05)) as server:
        stream = await raw(server.port)
        await stream.send_all(b"GET /v1/so")
        assert await read_all(stream) == b""
        await server.acceptor.wait_served()
        assert server.acceptor.open_sockets == 0


async def test_a_client_that_hangs_up_in_its_head_leaves_nothing(raw):
    async with serve() as server:
        stream = await raw(server.port)
        await stream.send_all(b"GET /")
        await stream.aclose()
        async with await server.connect():
            await server.acceptor.wait_served()
            assert server.acceptor.open_sockets == 1


async def test_draining_refuses_new_sockets_and_keeps_the_old(raw):
    async with serve() as server, await server.connect() as client:
        server.acceptor.start_draining()
        stream = await raw(server.port)
        await stream.send_all(upgrade())
        status, head, _ = split(await read_all(stream))
        assert status == 503
        assert b"Retry-After: 5" in head

        server.acceptor.stop_accepting()
        with pytest.raises(OSError, match="refused"):
            await raw(server.port)
        await client.text()
        assert await client.echo() == b'{"echo":2}'

        server.handlers[0].connection.close(1012, "")
        assert await client.closed() == 1012


async def test_sockets_over_the_limit_are_refused_and_then_served_again(raw):
    async with serve(settings=local(sockets_max=1)) as server:
        async with await server.connect():
            stream = await raw(server.port)
            await stream.send_all(upgrade())
            status, head, _ = split(await read_all(stream))
            assert status == 503
            assert b"Retry-After" in head
        await server.handlers[0].closed.wait()
        async with await server.connect() as client:
            await client.text()
            assert await client.echo()


async def test_running_out_of_descriptors_refuses_and_never_kills(raw):
    async with serve() as server:
        streams = [await raw(server.port) for _ in range(3)]
        while server.acceptor.open_sockets < 3:
            await trio.lowlevel.checkpoint()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        client = trio.socket.socket()
        fill = []
        highest = os.dup(0)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 8, hard))
            with contextlib.suppress(OSError):
                while True:
                    fill.append(os.dup(0))
            await client.connect(("127.0.0.1", server.port))
            refused = await client.recv(4096)
            assert refused.startswith(b"HTTP/1.1 503")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for fd in [*fill, highest]:
                os.close(fd)
            client.close()
        for stream in streams:
            await stream.send_all(upgrade())
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")
        async with await server.connect() as again:
            await again.text()
            assert await again.echo()


async def test_two_acceptors_may_share_a_port():
    first = Acceptor((), lambda: NOW, local(reuse_port=True))
    async with trio.open_nursery() as nursery:
        port = await nursery.start(first.run)
        settings = AcceptorSettings(host="127.0.0.1", port=port, reuse_port=True)
        second = Acceptor((), lambda: NOW, settings)
        assert await nursery.start(second.run) == port
        nursery.cancel_scope.cancel()


async def test_a_restarted_acceptor_binds_the_same_port():
    acceptor = Acceptor((), lambda: NOW, local())
    ports = []
    for _ in range(2):
        async with trio.open_nursery() as nursery:
            ports.append(await nursery.start(acceptor.run))
            nursery.cancel_scope.cancel()
    assert ports[0] == ports[1]
