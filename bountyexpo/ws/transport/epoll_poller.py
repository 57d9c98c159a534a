"""Serves every socket from one task.

A private epoll holds all sockets and sits, itself a readable descriptor, inside trio's own. One
task waits on it, so a connection costs no task, no cancel scope and no channel. What a nursery
gives for free is owed here by hand: faults are kept to their connection; the events of one wake
are bounded and followed by a checkpoint, so that other tasks run; a read is bounded, so that one
loud client cannot starve the rest.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

import trio

from bountyexpo.observability import logs
from bountyexpo.ws.transport.poller import Poller, Statistics
from bountyexpo.ws.transport.task_poller import TaskPoller

if TYPE_CHECKING:
    from bountyexpo.ws.transport.connection import Connection
    from bountyexpo.ws.transport.limits import Limits

__all__ = ["EpollPoller", "Poller", "Statistics", "create_poller"]

_log = logs.get_logger("ws.poller")

# Events handled between two checkpoints. At about 10 µs each this holds the loop for 2 ms.
EVENTS_MAX = 256


def create_poller(limits: Limits | None = None) -> Poller:
    """Return the poller that fits this machine: epoll where there is one, else tasks."""
    return EpollPoller(limits) if hasattr(select, "epoll") else TaskPoller(limits)


class EpollPoller(Poller):
    """One task, one epoll, every socket."""

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__(limits)
        self._epoll = select.epoll()
        self._unfinished: list[Connection] = []
        self._has_unfinished = trio.Event()
        self._readable = select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR

    async def _serve(self, task_status: trio.TaskStatus[None]) -> None:
        if self._epoll.closed:
            self._epoll = select.epoll()
        with self._epoll:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._keep_time)
                nursery.start_soon(self._work_off)
                task_status.started()
                await self._loop()

    async def _loop(self) -> None:
        fd = self._epoll.fileno()
        while True:
            # Returns at once while events are left, but lets other tasks run before.
            await trio.lowlevel.wait_readable(fd)
            self._handle(self._epoll.poll(0, EVENTS_MAX))

    async def _work_off(self) -> None:
        """Go on with frames that one turn left, also where nothing more is to be read."""
        while True:
            while self._unfinished:
                self._resume()
                await trio.lowlevel.checkpoint()
            self._has_unfinished = trio.Event()
            await self._has_unfinished.wait()

    def _handle(self, events: list[tuple[int, int]]) -> None:
        self.now = trio.current_time()
        for fd, mask in events:
            connection = self._connections.get(fd)
            if connection is None:
                continue
            try:
                if mask & self._readable:
                    self._read(connection)
                if mask & select.EPOLLOUT:
                    connection.on_writable()
            except Exception:  # noqa: BLE001 - logged, and kept to this connection
                _log.exception("a connection failed", peer=connection.peer)
                self._fail(connection)
        if self._unsettled:
            self._settle()

    def resume_soon(self, connection: Connection) -> None:
        """Call ``connection.resume()`` when others have had their turn."""
        self._unfinished.append(connection)
        self._has_unfinished.set()

    def _resume(self) -> None:
        waiting, self._unfinished = self._unfinished, []
        for connection in waiting:
            self._guard(connection, connection.resume)

    def _watch(self, connection: Connection) -> None:
        self._epoll.register(connection.fd, select.EPOLLIN)

    def _unwatch(self, connection: Connection) -> None:
        if not self._epoll.closed:
            self._epoll.unregister(connection.fd)

    def watch_writable(self, fd: int, *, wanted: bool) -> None:
        """Start or stop to report room in the kernel's buffer."""
        super().watch_writable(fd, wanted=wanted)
        if fd in self._connections:
            mask = select.EPOLLIN | select.EPOLLOUT if wanted else select.EPOLLIN
            self._epoll.modify(fd, mask)
