"""The fast path: plain HTTP/1.1 requests of operations, answered without a framework.

Whatever is not one goes elsewhere with every byte that was read of it: to the fallback, or when it
comes behind others, back to the acceptor, which may know somebody for it. What is answered here,
and how, is the router's knowledge (router.py); this side knows HTTP.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import trio

from bountyexpo.edge.refusal import Refusals
from bountyexpo.http.limits import HttpLimits
from bountyexpo.http.server.fast_connection import FastConnection
from bountyexpo.http.server.response_writer import ResponseWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bountyexpo.edge.protocol_handler import Arrival, ProtocolHandler
    from bountyexpo.edge.request_head import RequestHead
    from bountyexpo.http.messages import Find


class FastPath:
    """Answers what ``find`` knows by method and path; ``fallback`` serves everything else.

    ``run`` is a supervised child that keeps the time limits; the connections run in the
    acceptor's tasks.
    """

    def __init__(
        self,
        find: Find,
        fallback: ProtocolHandler,
        now: Callable[[], datetime],
        limits: HttpLimits | None = None,
    ) -> None:
        self._find = find
        self._fallback = fallback
        self._writer = ResponseWriter(now)
        self._refusals = Refusals(now)
        self._limits = limits or HttpLimits()
        self._connections: set[FastConnection] = set()
        self._is_draining = False

    @property
    def open_sockets(self) -> int:
        """None beyond the running ``serve`` calls."""
        return 0

    def accepts(self, _head: RequestHead) -> bool:
        """Take everything: what is unusual is passed on by ``serve``."""
        return True

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """End the waits that last too long, until cancelled."""
        task_status.started()
        while True:
            await trio.sleep(self._limits.watch_s)
            now = trio.current_time()
            for connection in self._connections:
                if connection.limit_at <= now:
                    connection.limit_at = math.inf
                    connection.expire()

    async def serve(self, arrival: Arrival) -> bytes | None:
        """Serve one connection, here or by the fallback."""
        connection = FastConnection(arrival, self._find, self._writer, self._refusals, self._limits)
        if self._is_draining:
            connection.drain()
        self._connections.add(connection)
        try:
            data = await connection.serve()
        finally:
            self._connections.discard(connection)
        if data is None or connection.has_answered:
            return data
        return await self._fallback.serve(arrival)

    def start_draining(self) -> None:
        """End idle connections, and each other one after its present answer."""
        self._is_draining = True
        for connection in self._connections:
            connection.drain()

    def stop(self) -> None:
        """Nothing to do: every wait can be cancelled."""
