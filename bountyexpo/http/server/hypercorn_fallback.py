"""The handler of everything that is not a socket or a plain call: Quart behind Hypercorn.

Hypercorn's server of one connection, ``TCPServer``, is not public: it is pinned exactly, this is
the only file that touches it, and a test fails when its signature changes.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from priority.priority import TooManyStreamsError

from bountyexpo.edge.refusal import Refusals
from bountyexpo.errors import Unavailable
from bountyexpo.http.limits import HttpLimits
from bountyexpo.http.server.hypercorn_stream import HttpStream
from bountyexpo.http.server.strict_h11 import StrictConnection
from bountyexpo.observability import logs

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hypercorn.typing import ASGIFramework, LifespanState

    from bountyexpo.edge.protocol_handler import Arrival
    from bountyexpo.edge.request_head import RequestHead
    from bountyexpo.http.server.hypercorn_stream import AsgiApp

_log = logs.get_logger("http.hypercorn_fallback")

# What a client over HTTP/2 can make Hypercorn raise: by a method or path that is not ASCII, by
# none at all, by ranking more streams than there may be.
UNCHECKED_BY_HYPERCORN = (UnicodeDecodeError, UnboundLocalError, TooManyStreamsError)

# How long the application may take to start, and to shut down.
LIFESPAN_S = 30.0


class _Server(TCPServer):
    """Hypercorn's server of one connection, with our judge of heads in it."""

    async def _read_data(self) -> None:
        stream = cast("HttpStream", self.stream)
        reader = StrictConnection(
            self.config.h11_max_incomplete_size,
            is_late=lambda: stream.is_late,
            hand_back=stream.hand_back,
            refusals=stream.refusals,
        )
        self.protocol.protocol.connection = reader
        stream.is_mid_body = reader.is_mid_body
        try:
            await super()._read_data()
        except UNCHECKED_BY_HYPERCORN as error:
            _log.info("a client broke HTTP/2", reason=str(error))
            stream.scope.cancel()


class HypercornFallback:
    """Serves an ASGI application.

    ``run`` is a supervised child that holds the application's lifespan; it must be up before the
    acceptor. The connections run in the acceptor's tasks.
    """

    def __init__(
        self,
        app: ASGIFramework,
        now: Callable[[], datetime],
        limits: HttpLimits | None = None,
    ) -> None:
        self._app = app
        self._refusals = Refusals(now)
        self._limits = limits or HttpLimits()
        self._config = _config(self._limits)
        self._context = WorkerContext(None)
        self._state: LifespanState = {}
        self._streams: set[HttpStream] = set()
        self._is_up = False
        self._draining = trio.Event()

    @property
    def open_sockets(self) -> int:
        """None beyond the running ``serve`` calls."""
        return 0

    def accepts(self, _head: RequestHead) -> bool:
        """Take everything; this is the last handler."""
        return True

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start the application, wait, and shut it down when cancelled."""
        self._context = WorkerContext(None)
        lifespan = Lifespan(ASGIWrapper(self._app), self._config, self._state)
        life = trio.CancelScope(shield=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_live, lifespan, life)
            try:
                await lifespan.wait_for_startup()
                self._is_up = True
                task_status.started()
                await self._draining.wait()
                await self._context.terminated.set()
                await trio.sleep_forever()
            finally:
                self._is_up = False
                # The shield ends here: the application gets this long to shut down.
                life.deadline = trio.current_time() + LIFESPAN_S
                with trio.move_on_after(LIFESPAN_S, shield=True):
                    if not lifespan.shutdown.is_set():
                        await lifespan.wait_for_shutdown()
                life.cancel()

    async def serve(self, arrival: Arrival) -> bytes | None:
        """Serve one request of HTTP/1.1, or a connection of HTTP/2 to its end."""
        if not self._is_up:
            await self._refusals.send(arrival.sock, Unavailable(), asked=arrival.head.headers)
            return None
        stream = HttpStream(cast("AsgiApp", self._app), arrival, self._refusals, self._limits)
        app = ASGIWrapper(cast("Any", stream.guard))
        server = _Server(app, self._config, self._context, self._state, cast("Any", stream))
        self._streams.add(stream)
        try:
            with stream.scope:
                await server.run()
            await stream.linger()
        finally:
            self._streams.discard(stream)
        return stream.handed_back

    def start_draining(self) -> None:
        """End idle connections, and each other one after its present answer."""
        self._draining.set()

    def stop(self) -> None:
        """Let no client that does not read hold the end of the process."""
        for stream in self._streams:
            stream.stop()


async def _live(lifespan: Lifespan, life: trio.CancelScope) -> None:
    with life:
        await lifespan.handle_lifespan()


def _config(limits: HttpLimits) -> Config:
    config = Config()
    config.keep_alive_timeout = limits.keep_alive_s
    config.h11_max_incomplete_size = limits.head_bytes_max
    config.include_server_header = False
    config.startup_timeout = LIFESPAN_S
    config.shutdown_timeout = LIFESPAN_S
    # Handing over a logger keeps Hypercorn from putting handlers of its own on the root.
    config.errorlog = logging.getLogger("hypercorn.error")
    return config
