"""Time and chance, from outside the rules: the one module that reads the wall clock or a dice.

Everything else takes a ``Clock`` (or a ``RandomSource``) as an argument, so a test decides both
and a simulation repeats exactly. Durations are measured with ``trio``'s clock, which the mock
clock of the tests replaces as a whole.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, TypeAlias

import trio

RandomSource: TypeAlias = Callable[[], float]
"""Gives numbers evenly spread over [0, 1)."""


class Clock(Protocol):
    """What may be asked about time."""

    def now(self) -> datetime:
        """Return the present moment in UTC, with its time zone."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go backwards; only differences mean anything."""
        ...


class SystemClock:
    """The real time."""

    def now(self) -> datetime:
        """Return the present moment in UTC, with its time zone."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go backwards; only differences mean anything."""
        return trio.current_time()


def system_random() -> float:
    """Return a number from [0, 1); spreads retries, never makes a secret."""
    return random.random()  # noqa: S311 - jitter, not cryptography
