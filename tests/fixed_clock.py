"""Time for tests: it goes by when they say so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FixedClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, now: datetime) -> None:
        assert now.tzinfo is not None, "a moment without a time zone is not a moment"
        self._now = now.astimezone(UTC)
        self._monotonic_s = 0.0

    def now(self) -> datetime:
        """Return the moment last set."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds advanced so far."""
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` go by."""
        assert seconds >= 0, "time does not go backwards"
        self._now += timedelta(seconds=seconds)
        self._monotonic_s += seconds

    def set(self, now: datetime) -> None:
        """Jump to ``now``; the monotonic reading does not move."""
        assert now.tzinfo is not None, "a moment without a time zone is not a moment"
        self._now = now.astimezone(UTC)
