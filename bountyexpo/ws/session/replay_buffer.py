"""The last events of a session, kept so that a new socket can go on where the old one fell.

An entry holds the shared bytes of its broadcast, without the session's own number: a thousand
sessions that heard the same event keep it once.
"""

from __future__ import annotations

from typing import Final, NamedTuple

# How much of its past a session keeps: whichever bound is met first (contract realtime §4.4).
BUFFER_FRAMES_MAX: Final = 512
BUFFER_BYTES_MAX: Final = 256 * 1024
BUFFER_AGE_S: Final = 120.0

# What an entry costs beside the bytes of its frame.
ENTRY_BYTES: Final = 120


class Entry(NamedTuple):
    """One event that was sent, or would have been if there had been a socket."""

    n: int
    at: float
    frame: bytes
    is_replay: bool


class ReplayBuffer:
    """The last events of one session.

    Bounded by ``BUFFER_FRAMES_MAX``, ``BUFFER_BYTES_MAX`` and ``BUFFER_AGE_S``: the oldest go.
    """

    __slots__ = ("_entries", "size")

    def __init__(self) -> None:
        # Mostly a handful: a deque would take room for 64 at once.
        self._entries: list[Entry] = []
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, entry: Entry) -> None:
        """Keep one more; the bounds hold afterwards."""
        self._entries.append(entry)
        self.size += len(entry.frame) + ENTRY_BYTES
        while len(self._entries) > BUFFER_FRAMES_MAX or self.size > BUFFER_BYTES_MAX:
            self.drop_oldest()
        self.trim(entry.at)

    def trim(self, now: float) -> None:
        """Drop what is too old."""
        while self._entries and now - self._entries[0].at > BUFFER_AGE_S:
            self.drop_oldest()

    def drop_oldest(self) -> None:
        """Forget the first entry."""
        assert self._entries, "there is nothing to drop"
        self.size -= len(self._entries.pop(0).frame) + ENTRY_BYTES

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self.size = 0

    def after(self, n: int, last_n: int) -> list[Entry] | None:
        """Return the entries behind ``n``, or None when some of them are gone.

        ``last_n`` is the number of the newest event, which may be gone itself.
        """
        first = self._entries[0].n if self._entries else last_n + 1
        if not first - 1 <= n <= last_n:
            return None
        return [entry for entry in self._entries if entry.n > n]
