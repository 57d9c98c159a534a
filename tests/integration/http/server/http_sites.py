"""A fast path with a few answers, and the application of the fallback."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
from bountyexpo.edge.acceptor import AcceptorSettings
from bountyexpo.http.limits import HttpLimits
from bountyexpo.http.server.fast_path import FastPath
from bountyexpo.http.server.hypercorn_fallback import HypercornFallback
from quart import request
from quart_trio import QuartTrio

from tests.integration.socket_server import NOW, serve
from tests.patience import PATIENCE_S

# More than the small kernel buffers of a test hold.
BIG = 400_000

# How long the application waits for a whole body.
BODY_TIMEOUT_S = 0.3


@dataclass
class Response:
    status: int = 200
    headers: dict = field(default_factory=lambda: {"content-type": "text/plain"})
    body: bytes = b""


class Answers:
    """What answers on the fast path; ``log`` holds the paths in the order of their answers."""

    def __init__(self):
        self.log = []
        self.entered, self.release = trio.Event(), trio.Event()

    def find(self, method, path):
        if method in {"GET", "HEAD"} and path.startswith("/say/"):
            return self.say
        routes = {
            ("POST", "/echo"): self.echo,
            ("GET", "/big"): self.big,
            ("GET", "/slow"): self.slow,
            ("GET", "/split"): self.split,
            ("GET", "/empty"): self.empty,
        }
        return routes.get((method, path))

    async def say(self, request):
        self.log.append(request.path)
        return Response(body=request.path.removeprefix("/say/").encode())

    async def echo(self, request):
        return Response(body=request.body)

    async def big(self, _request):
        return Response(body=b"x" * BIG)

    async def slow(self, request):
        self.entered.set()
        await self.release.wait()
        self.log.append(request.path)
        return Response(body=b"slow")

    async def split(self, _request):
        return Response(headers={"x-name": "a\r\nx-injected: b"})

    async def empty(self, _request):
        return Response(status=204, headers={})


def application():
    """Answers everything with what it was asked, and ``"fallback": true``."""
    app = QuartTrio(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024
    app.config["BODY_TIMEOUT"] = BODY_TIMEOUT_S

    @app.route("/", defaults={"path": ""}, methods=["GET", "POST"])
    @app.route("/<path:path>", methods=["GET", "POST"])
    async def everything(path):
        body = await request.get_data()
        asked = f"{request.method} /{path}"
        return json.dumps({"fallback": True, "asked": asked, "bytes": len(body)})

    return app


class Site:
    """The running server and what answers in it."""

    def __init__(self, server, answers, handler):
        self.server = server
        self.answers = answers
        self.handler = handler
        self.port = server.port

    async def all_served(self):
        with trio.fail_after(PATIENCE_S):
            await self.server.acceptor.wait_served()


@asynccontextmanager
async def fast_site(*, small_buffers=False, sockets_max=None, idle_min_s=1.0, **settings):
    """Run it; ``settings`` are those of HTTP."""
    answers = Answers()
    fallback = HypercornFallback(application(), lambda: NOW)
    settings = HttpLimits(**({"watch_s": 0.01} | settings))
    handler = FastPath(answers.find, fallback, lambda: NOW, settings)
    buffer = {"send_buffer_bytes": 4096} if small_buffers else {}
    places = {"sockets_max": sockets_max, "idle_min_s": idle_min_s}
    async with serve(
        handlers=(handler, fallback),
        before=(fallback.run, handler.run),
        settings=AcceptorSettings(host="127.0.0.1", port=0, **places, **buffer),
    ) as server:
        yield Site(server, answers, handler)


@asynccontextmanager
async def fallback_site(**times):
    """Run the application alone, as with ``HTTP_DIRECT=off``."""
    fallback = HypercornFallback(application(), lambda: NOW, HttpLimits(**times))
    async with serve(handlers=(fallback,), before=(fallback.run,)) as server:
        yield Site(server, None, fallback)
