"""How often a socket may say something, and how many breaches of the rules end it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from bountyexpo.domain import gcra

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.ws.session.limits import SessionLimits


class FrameRate:
    """The frame rate of every socket of one process; a socket keeps one number of its own.

    ``is_exempt`` tells whether nothing limits an address.
    """

    def __init__(self, limits: SessionLimits, is_exempt: Callable[[str], bool]) -> None:
        self._is_enabled = limits.enabled
        self._is_exempt = is_exempt
        self._interval_s = 1 / limits.frames_per_s
        self._capacity_s = limits.frames_burst / limits.frames_per_s

    def take(self, full_at: float, address: str) -> float | None:
        """Count one frame of a socket whose allowance is full at ``full_at``.

        Returns when it is full after this one, or None for a frame too many.
        """
        if not self._is_enabled or self._is_exempt(address):
            return full_at
        now = trio.current_time()
        charged, early_s = gcra.charge(full_at, now, self._interval_s, self._capacity_s)
        return None if early_s else charged


class Strikes:
    """The breaches of one socket within the last ``window_s``, by the code that they end with.

    Bounded by ``most`` of each code.
    """

    __slots__ = ("_at", "_most", "_window_s")

    def __init__(self, most: int, window_s: float) -> None:
        assert most > 0
        self._most = most
        self._window_s = window_s
        self._at: dict[int, list[float]] = {}

    def count(self, code: int) -> bool:
        """Count a breach; True when it is one too many."""
        now = trio.current_time()
        recent = [at for at in self._at.get(code, ()) if now - at < self._window_s]
        self._at[code] = [*recent, now]
        return len(recent) + 1 >= self._most
