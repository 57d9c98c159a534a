"""What stands between the hub and a socket while a replay runs, and for a while after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Buffered:
    """Live events that wait behind a replay of ``streams`` (None: of all).

    Bounded in frames and bytes; ``add`` returns False when full.
    """

    __slots__ = ("_bytes_left", "_events", "_frames_left", "streams")

    def __init__(self, streams: Collection[str] | None, *, frames_max: int, bytes_max: int) -> None:
        self.streams = streams
        self._events: list[tuple[str, int, bytes]] = []
        self._frames_left = frames_max
        self._bytes_left = bytes_max

    def __bool__(self) -> bool:
        return bool(self._events)

    def covers(self, stream: str) -> bool:
        """Tell whether events of ``stream`` wait here."""
        return self.streams is None or stream in self.streams

    def add(self, stream: str, seq: int, frame: bytes) -> bool:
        """Keep one event; False when there is no room."""
        if self._frames_left < 1 or self._bytes_left < len(frame):
            return False
        self._frames_left -= 1
        self._bytes_left -= len(frame)
        self._events.append((stream, seq, frame))
        return True

    def take(self) -> list[tuple[str, int, bytes]]:
        """Return what waits, oldest first; it waits no more."""
        events, self._events = self._events, []
        return events


class Watermarks:
    """Up to which number streams were replayed: what comes late at or below it was sent before.

    A late duplicate of a replayed event arrives before ``until``, or never.
    """

    __slots__ = ("_marks", "until")

    def __init__(self, marks: Mapping[str, int], until: float) -> None:
        self._marks = dict(marks)
        self.until = until

    def __bool__(self) -> bool:
        return bool(self._marks)

    def raise_to(self, marks: Mapping[str, int], until: float) -> None:
        """Add the marks of another replay."""
        self._marks.update(marks)
        self.until = until

    def passes(self, stream: str, seq: int) -> bool:
        """Tell whether an event is beyond the replay; the first such of a stream ends its check."""
        mark = self._marks.get(stream)
        if mark is None:
            return True
        if seq <= mark:
            return False
        del self._marks[stream]
        return True
