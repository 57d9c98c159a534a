"""Quart behind Hypercorn behind our port: it works, and nothing hangs or leaks."""

from __future__ import annotations

import importlib.metadata
import inspect
import json
import re

import pytest
import trio
from bountyexpo.edge.acceptor import AcceptorSettings
from bountyexpo.http.limits import HttpLimits
from bountyexpo.http.server.hypercorn_fallback import HypercornFallback
from bountyexpo.http.server.hypercorn_stream import HttpStream
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.tcp_server import TCPServer
from quart import Response, request
from quart_trio import QuartTrio

from tests.integration.socket_server import NOW, serve
from tests.patience import PATIENCE_S

# More than the small kernel buffers of a test hold.
BIG = 400_000


def application():
    app = QuartTrio(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024
    app.events = []

    @app.before_serving
    async def starting():
        app.events.append("startup")

    @app.after_serving
    async def stopping():
        app.events.append("shutdown")

    @app.get("/hello")
    async def hello():
        return {"hello": request.args.get("name", "world")}

    @app.post("/echo")
    async def echo():
        body = await request.get_data()
        return Response(body, content_type="application/octet-stream")

    @app.get("/big")
    async def big():
        return Response(b"x" * BIG)

    @app.get("/stream")
    async def stream():
        async def parts():
            for number in range(3):
                yield b"%d" % number

        return Response(parts())

    add_odd_routes(app)
    return app


def add_odd_routes(app):
    app.entered, app.release = trio.Event(), trio.Event()

    @app.get("/crash")
    async def crash():
        raise ZeroDivisionError

    @app.get("/slow")
    async def slow():
        app.events.append("slow")
        app.entered.set()
        await app.release.wait()
        return "done"


class Site:
    """The running server, its application and its handler."""

    def __init__(self, server, app, handler):
        self.server = server
        self.app = app
        self.handler = handler
        self.port = server.port

    async def all_served(self):
        with trio.fail_after(PATIENCE_S):
            await self.server.acceptor.wait_served()


@pytest.fixture
def site():
    """Return a context that serves the application with the given times."""
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def start(times=None, **options):
        app = application()
        handler = HypercornFallback(app, lambda: NOW, times)
        async with serve(handlers=(handler,), before=(handler.run,), **options) as server:
            yield Site(server, app, handler)
        assert app.events[0] == "startup"
        assert app.events[-1] == "shutdown"

    return start


class Http:
    """Reads answers of a kept-alive connection."""

    def __init__(self, stream):
        self.stream = stream
        self.data = b""

    async def ask(self, line, body=b"", **headers):
        await self.send(line, body, **headers)
        return await self.answer()

    async def send(self, line, body=b"", **headers):
        fields = {"Host": "x", **{name.replace("_", "-"): text for name, text in headers.items()}}
        if body:
            fields.setdefault("Content-Length", str(len(body)))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        await self.stream.send_all(f"{line} HTTP/1.1\r\n{head}\r\n".encode() + body)

    async def answer(self):
        while b"\r\n\r\n" not in self.data:
            await self._more()
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        status = int(head.split(b" ")[1])
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        while len(self.data) < length:
            await self._more()
        body, self.data = self.data[:length], self.data[length:]
        return status, head, body

    async def _more(self):
        chunk = await self.stream.receive_some()
        assert chunk, self.data
        self.data += chunk

    async def end(self):
        """What still comes before the server ends the connection."""
        rest = self.data
        while chunk := await self.stream.receive_some():
            rest += chunk
        return rest


@pytest.fixture
async def connect(raw):
    async def open_connection(port, **options):
        return Http(await raw(port, **options))

    return open_connection


async def test_the_server_class_that_we_adapt_has_not_changed():
    assert importlib.metadata.version("hypercorn") == "0.18.0"
    assert list(inspect.signature(TCPServer).parameters) == [
        "app",
        "config",
        "context",
        "state",
        "stream",
    ]
    used = set(re.findall(r"self\.stream\.(\w+)", inspect.getsource(TCPServer)))
    tls = {"do_handshake", "selected_alpn_protocol", "transport_stream"}
    assert used - tls == {"socket", "receive_some", "send_all", "send_eof", "aclose"}
    assert not any(hasattr(HttpStream, name) for name in tls)
    assert inspect.iscoroutinefunction(TCPServer._read_data)
    assert inspect.getsource(H11Protocol).count("self.connection: h11.Connection") == 1


async def test_requests_share_a_kept_alive_connection(site, connect):
    async with site() as running:
        http = await connect(running.port)
        for name in ("a", "b", "c"):
            status, _, body = await http.ask(f"GET /hello?name={name}")
            assert (status, json.loads(body)) == (200, {"hello": name})
        assert (await http.ask("GET /none"))[0] == 404
        assert (await http.ask("GET /crash"))[0] == 500
        assert (await http.ask("GET /hello"))[0] == 200


@pytest.mark.parametrize("size", [1, 100, 20_000, 500_000])
async def test_a_body_passes_however_it_is_cut(site, connect, size):
    async with site() as running:
        http = await connect(running.port)
        body = bytes(range(256)) * (size // 256 + 1)
        for _ in range(2):
            assert (await http.ask("POST /echo", body))[2] == body


async def test_a_chunked_body_and_an_expectation_pass(site, connect):
    async with site() as running:
        http = await connect(running.port)
        await http.send("POST /echo", Transfer_Encoding="chunked")
        await http.stream.send_all(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert (await http.answer())[2] == b"abcde"

        await http.send("POST /echo", Content_Length="2", Expect="100-continue")
        assert b"100" in await http.stream.receive_some()
        await http.stream.send_all(b"ok")
        assert (await http.answer())[2] == b"ok"


async def test_a_streamed_answer_is_whole(site, connect):
    async with site() as running:
        http = await connect(running.port)
        await http.send("GET /stream", Connection="close")
        assert (await http.end()).count(b"\r\n1\r\n") == 3


async def test_pipelined_requests_are_answered_in_order(site, connect):
    async with site() as running:
        http = await connect(running.port)
        await http.stream.send_all(
            b"".join(b"GET /hello?name=%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(5))
        )
        for number in range(5):
            assert json.loads((await http.answer())[2]) == {"hello": str(number)}


async def test_connection_close_ends_the_connection(site, connect):
    async with site() as running:
        http = await connect(running.port)
        assert (await http.ask("GET /hello", Connection="close"))[0] == 200
        assert await http.end() == b""
        await running.all_served()


async def test_an_idle_connection_ends_after_the_keep_alive_time(site, connect):
    async with site(HttpLimits(keep_alive_s=0.1)) as running:
        http = await connect(running.port)
        assert (await http.ask("GET /hello"))[0] == 200
        assert (await http.ask("GET /hello"))[0] == 200
        assert await http.end() == b""
        await running.all_served()


async def test_a_trickled_second_head_ends_with_the_keep_alive_time(site, connect):
    async with site(HttpLimits(keep_alive_s=0.1)) as running:
        http = await connect(running.port)
        assert (await http.ask("GET /hello"))[0] == 200
        await http.stream.send_all(b"GET /hel")
        assert await http.end() == b""
        await running.all_served()


async def test_a_client_that_hangs_up_is_forgotten_at_once(site, connect):
    async with site() as running:
        http = await connect(running.port)
        assert (await http.ask("GET /hello"))[0] == 200
        await http.stream.aclose()
        await running.all_served()


async def test_a_body_that_does_not_come_is_not_waited_for(site, connect):
    async with site(HttpLimits(body_read_s=0.1)) as running:
        http = await connect(running.port)
        await http.send("POST /echo", b"part", Content_Length="100")
        assert (await http.end()).startswith(b"HTTP/1.1 408")
        await http.stream.aclose()
        await running.all_served()


async def test_a_slow_handler_is_not_cut_by_the_time_for_bodies(site, connect):
    async with site(HttpLimits(body_read_s=0.05, keep_alive_s=0.05)) as running:
        http = await connect(running.port)
        await http.send("GET /slow", Connection="close")
        await running.app.entered.wait()
        other = await connect(running.port)
        await other.send("POST /echo", b"part", Content_Length="100")
        await other.end()  # the time for bodies has passed at least once
        running.app.release.set()
        assert (await http.answer())[2] == b"done"


async def test_a_client_that_has_said_all_gets_the_answer_of_a_slow_handler(site, connect):
    async with site() as running:
        http = await connect(running.port)
        await http.send("GET /slow")
        await http.stream.send_eof()
        await running.app.entered.wait()
        other = await connect(running.port)
        assert (await other.ask("GET /hello"))[0] == 200
        running.app.release.set()
        assert (await http.answer())[2] == b"done"
        assert await http.end() == b""
        await other.stream.aclose()
        await running.all_served()


async def test_a_client_that_never_reads_is_ended(site, connect):
    settings = AcceptorSettings(host="127.0.0.1", port=0, send_buffer_bytes=4096)
    async with site(HttpLimits(send_s=0.1), settings=settings) as running:
        http = await connect(running.port, receive_buffer=4096)
        await http.send("GET /big")
        with trio.fail_after(PATIENCE_S):
            while not running.handler._streams:
                await trio.lowlevel.checkpoint()
        await running.all_served()


async def test_a_client_that_never_reads_does_not_hold_the_end(site, connect):
    settings = AcceptorSettings(host="127.0.0.1", port=0, send_buffer_bytes=4096)
    times = HttpLimits(send_s=1000, stop_grace_s=0.1)
    started = trio.current_time()
    async with site(times, settings=settings) as running:
        http = await connect(running.port, receive_buffer=4096)
        await http.send("GET /big")
        while not any(stream._send_scope for stream in running.handler._streams):
            await trio.lowlevel.checkpoint()
    assert trio.current_time() - started < 10


async def test_a_slow_reader_gets_the_whole_answer(site, connect):
    settings = AcceptorSettings(host="127.0.0.1", port=0, send_buffer_bytes=4096)
    async with site(settings=settings) as running:
        http = await connect(running.port, receive_buffer=4096)
        assert len((await http.ask("GET /big"))[2]) == BIG
        assert (await http.ask("GET /hello"))[0] == 200


async def test_an_early_refusal_reaches_a_client_that_is_still_sending(site, connect):
    async with site() as running:
        http = await connect(running.port)
        await http.send("POST /echo", b"x" * 100_000, Content_Length=str(10**9))
        assert (await http.answer())[0] == 413
        await http.stream.aclose()
        await running.all_served()


async def test_draining_ends_idle_connections_and_finishes_requests(site, connect):
    async with site() as running:
        idle, busy = await connect(running.port), await connect(running.port)
        assert (await idle.ask("GET /hello"))[0] == 200
        await busy.send("GET /slow")
        await running.app.entered.wait()

        running.server.acceptor.start_draining()
        running.server.acceptor.stop_accepting()
        assert await idle.end() == b""
        running.app.release.set()
        assert (await busy.answer())[2] == b"done"
        assert await busy.end() == b""
        await running.all_served()


async def test_a_fallback_whose_application_is_not_up_answers_503(connect):
    async with serve(handlers=(HypercornFallback(application(), lambda: NOW),)) as server:
        http = await connect(server.port)
        assert (await http.ask("GET /hello"))[0] == 503


async def test_sockets_and_requests_share_the_port(site, connect):
    async with site() as running, await running.server.connect() as client:
        http = await connect(running.port)
        assert (await http.ask("GET /hello"))[0] == 200
        await client.text()
        assert await client.echo()


async def test_a_plain_asgi_application_is_served_too(connect):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise RuntimeError("no lifespan here")
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
        )
        await send({"type": "http.response.body", "body": b"ok"})

    handler = HypercornFallback(app, lambda: NOW)
    async with serve(handlers=(handler,), before=(handler.run,)) as server:
        http = await connect(server.port)
        for _ in range(2):
            assert (await http.ask("GET /"))[2] == b"ok"
