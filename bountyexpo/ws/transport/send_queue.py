"""What a blocked socket owes its peer: frames in order, bounded in number and in bytes."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from bountyexpo.ws.transport.limits import Limits

# Frames handed to the kernel in one call; far below its own bound (IOV_MAX, 1024).
GATHER_MAX = 64


class SendQueue:
    """The queue of one socket that would block; it exists only while something waits.

    When full: ``put`` refuses. An ephemeral frame is refused already when the queue is over half,
    so that durable frames keep the rest. A refusal starts the clock of "full", and only a queue
    that is back under half stops it.
    """

    __slots__ = (
        "_bytes_max",
        "_frames",
        "_frames_max",
        "_full_since",
        "_progress_at",
        "late_pong",
        "size",
        "was_over_half",
    )

    def __init__(self, frames_max: int, bytes_max: int) -> None:
        self._frames: deque[bytes | memoryview] = deque()
        self._frames_max = frames_max
        self._bytes_max = bytes_max
        self._full_since: float | None = None
        self._progress_at = 0.0
        self.late_pong: bytes | None = None  # to be sent when the queue is empty
        self.size = 0
        self.was_over_half = False

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def is_over_half(self) -> bool:
        """True when either bound is more than half used."""
        return self.size * 2 > self._bytes_max or len(self._frames) * 2 > self._frames_max

    def start(self, rest: memoryview, now: float) -> None:
        """Begin with what the kernel did not take of a frame, whatever its size."""
        self._progress_at = now
        self.append(rest)

    def put(self, frame: bytes, *, ephemeral: bool, now: Callable[[], float]) -> bool:
        """Queue a frame; return False when there is no room for it."""
        if ephemeral and self.is_over_half:
            return False
        if len(self._frames) >= self._frames_max or self.size + len(frame) > self._bytes_max:
            if self._full_since is None:
                self._full_since = now()
            return False
        self.append(frame)
        return True

    def append(self, frame: bytes | memoryview) -> None:
        """Queue a frame without looking at the bounds: the close frame always has room."""
        self._frames.append(frame)
        self.size += len(frame)
        self.was_over_half = self.was_over_half or self.is_over_half

    def flush(self, sock: socket.socket, now: float) -> None:
        """Write until the kernel takes no more.

        Raises:
            OSError: The connection is broken.
        """
        while self._frames:
            batch = list(islice(self._frames, GATHER_MAX))
            try:
                sent = sock.sendmsg(batch)
            except BlockingIOError:
                return
            self._progress_at = now
            self._forget(sent)

    def is_stuck(self, now: float, limits: Limits) -> bool:
        """Tell whether the peer has been too slow for too long."""
        if now - self._progress_at >= limits.no_progress_s:
            return True
        return self._full_since is not None and now - self._full_since >= limits.queue_full_s

    def drop_unsent(self) -> None:
        """Drop every frame of which nothing is on the wire yet; a begun one must be finished."""
        assert self._frames, "an empty queue is not kept"
        begun = self._frames[0] if isinstance(self._frames[0], memoryview) else None
        self._frames.clear()
        self.size = 0
        if begun is not None:
            self.append(begun)

    def _forget(self, sent: int) -> None:
        self.size -= sent
        assert self.size >= 0, "the kernel took more than it was given"
        while sent:
            head = self._frames[0]
            if sent < len(head):
                self._frames[0] = memoryview(head)[sent:]
                break
            sent -= len(head)
            self._frames.popleft()
        if not self.is_over_half:
            self._full_since = None
