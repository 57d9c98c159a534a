"""Frames that may be lost: where they are not wanted, which of them wait, whose went by unheard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.domain.event_catalogue import declared

if TYPE_CHECKING:
    from collections.abc import Hashable

# Frames that wait for room; each is the last of its kind, so few are ever needed.
LATEST_MAX: Final = 64

# What a socket that was away is told as state when it comes back, by what it coalesces by.
RECEIPTS: Final = frozenset(
    each.coalesce.group for each in declared() if each.snapshot is not None and each.coalesce
)


class Passing:
    """What one session keeps about passing frames, made when there is something to keep.

    Bounded: ``streams_max`` muted ones and as many unheard ones, ``LATEST_MAX`` waiting frames.
    """

    __slots__ = ("_latest", "_streams_max", "muted", "unheard")

    def __init__(self, streams_max: int) -> None:
        self.muted: set[str] = set()
        # Conversations whose receipts went by while the socket was away or busy.
        self.unheard: set[str] = set()
        self._latest: dict[Hashable, bytes] = {}
        self._streams_max = streams_max

    def mute(self, stream: str) -> bool:
        """Want no frames of ``stream``; False when too many are muted."""
        if stream not in self.muted and len(self.muted) >= self._streams_max:
            return False
        self.muted.add(stream)
        return True

    def keep_latest(self, key: Hashable, frame: bytes) -> None:
        """Let the last frame of each kind wait for room."""
        self._latest.pop(key, None)
        self._latest[key] = frame
        if len(self._latest) > LATEST_MAX:
            del self._latest[next(iter(self._latest))]

    def take_latest(self) -> list[bytes]:
        """Return what waits for room; it waits no more."""
        latest, self._latest = self._latest, {}
        return list(latest.values())

    def note_unheard(self, stream: str) -> None:
        """Remember whose receipts are to be told as state."""
        if len(self.unheard) < self._streams_max:
            self.unheard.add(stream)

    def forget_socket(self) -> None:
        """Drop what concerned a socket that is gone."""
        self.muted.clear()
        self._latest.clear()


def is_receipt(key: Hashable) -> bool:
    """Tell by the coalescing key of a passing frame whether it is a receipt."""
    return isinstance(key, tuple) and key[0] in RECEIPTS
