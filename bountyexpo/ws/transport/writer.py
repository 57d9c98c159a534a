"""The writing half of a connection: what it is told leaves in that order, as soon as it can.

A frame goes straight to the kernel. While the writer is corked, frames gather and leave in one
write, so that the answers to one read cost one call. Only a socket that would block gets a queue,
which exists until it is empty.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from bountyexpo.ws.transport.send_queue import SendQueue

if TYPE_CHECKING:
    from bountyexpo.ws.transport.driver import WriteDriver


class Writer:
    """Writes to one socket.

    When full: ``put`` drops the frame and returns False; ephemeral frames already over half.
    When broken: whatever writes raises OSError; nothing more is to be written then.
    """

    __slots__ = ("_corked", "_driver", "_sock", "queue")

    def __init__(self, sock: socket.socket, driver: WriteDriver) -> None:
        self._sock = sock
        self._driver = driver
        self._corked: list[bytes] | None = None
        self.queue: SendQueue | None = None

    def put(self, frame: bytes, *, ephemeral: bool = False) -> bool:
        """Add a frame behind all that is on its way; False when there is no room."""
        if self.queue is not None:
            return self.queue.put(frame, ephemeral=ephemeral, now=self._driver.current_time)
        if self._corked is not None:
            self._corked.append(frame)
            return True
        try:
            sent = self._sock.send(frame)
        except BlockingIOError:
            sent = 0
        if sent < len(frame):
            self._begin_queue(memoryview(frame)[sent:])
        return True

    def keep_pong(self, pong: bytes) -> None:
        """Keep a pong that found no room until the queue is empty, instead of the one before it."""
        assert self.queue is not None, "only a queue has no room"
        self.queue.late_pong = pong

    def put_last(self, frame: bytes) -> None:
        """Add the close frame behind whatever waits, full or not."""
        self.uncork()
        if self.queue is not None:
            self.queue.append(frame)
        else:
            self.put(frame)

    def cork(self) -> None:
        """Let frames gather until ``uncork``."""
        self._corked = []

    def uncork(self) -> None:
        """Send what has gathered."""
        corked, self._corked = self._corked, None
        if corked:
            self.put(b"".join(corked))

    def flush(self) -> SendQueue | None:
        """Write what waits, now that there is room; return the queue when it is empty."""
        queue = self.queue
        if queue is None:
            return None
        queue.flush(self._sock, self._driver.now)
        if queue:
            return None
        self.queue = None
        self._driver.watch_writable(self._sock.fileno(), wanted=False)
        return queue

    def shut(self) -> None:
        """Say that nothing follows."""
        self._sock.shutdown(socket.SHUT_WR)

    def drop(self) -> None:
        """Forget what was not sent: the connection is over."""
        self.queue = self._corked = None

    def _begin_queue(self, rest: memoryview) -> None:
        assert self.queue is None, "what waits already goes first"
        assert rest, "the kernel took the whole frame"
        limits = self._driver.limits
        self.queue = SendQueue(limits.queue_frames_max, limits.queue_bytes_max)
        self.queue.start(rest, self._driver.current_time())
        self._driver.watch_writable(self._sock.fileno(), wanted=True)
