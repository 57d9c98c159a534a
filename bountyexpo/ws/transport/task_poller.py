"""Drives the same connections with one small task per socket, where there is no epoll."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from bountyexpo.ws.transport.connection import State
from bountyexpo.ws.transport.poller import Poller

if TYPE_CHECKING:
    from bountyexpo.ws.transport.connection import Connection
    from bountyexpo.ws.transport.limits import Limits


class TaskPoller(Poller):
    """For development on systems without epoll; correct, but heavier per socket."""

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__(limits)
        self._nursery: trio.Nursery | None = None
        self._flushing: set[Connection] = set()

    async def _serve(self, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            await self._keep_time()

    def _watch(self, connection: Connection) -> None:
        assert self._nursery is not None
        self._nursery.start_soon(self._drive, connection)

    def _unwatch(self, connection: Connection) -> None:
        trio.lowlevel.notify_closing(connection.sock)

    def watch_writable(self, fd: int, *, wanted: bool) -> None:
        """Start or stop to report room in the kernel's buffer."""
        super().watch_writable(fd, wanted=wanted)
        connection = self._connections.get(fd)
        if connection is None or connection in self._flushing or self._nursery is None:
            return
        if wanted:
            self._flushing.add(connection)
            self._nursery.start_soon(self._flush, connection)

    async def _drive(self, connection: Connection) -> None:
        while True:
            # What came behind the handshake may be more than one turn holds, too.
            while connection.has_unread:
                await trio.lowlevel.checkpoint()
                self._guard(connection, connection.resume)
            self._settle()
            if connection.state is State.CLOSED:
                return
            try:
                await trio.lowlevel.wait_readable(connection.sock)
            except trio.ClosedResourceError:
                return
            self.now = trio.current_time()
            self._guard(connection, self._read, connection)

    def resume_soon(self, connection: Connection) -> None:
        """Nothing to do: the connection's own task goes on by itself."""

    async def _flush(self, connection: Connection) -> None:
        try:
            while connection in self._blocked:
                await trio.lowlevel.wait_writable(connection.sock)
                self.now = trio.current_time()
                self._guard(connection, connection.on_writable)
                self._settle()
        except trio.ClosedResourceError:
            return
        finally:
            self._flushing.discard(connection)
