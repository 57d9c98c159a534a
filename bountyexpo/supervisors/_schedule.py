"""When a job is due: every so many seconds, or at the times of a cron expression, in UTC.

Both are spread by chance, so that jobs of one period, and the nodes of a cluster, do not begin in
the same instant. What is due is told apart from what was done: ``due`` names the time that a run is
for, so that whoever remembers the last run knows whether this one is still owed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cronsim import CronSim, CronSimError

from bountyexpo.runtime.clock import RandomSource, system_random

# Another run within this part of a period is the same one: nodes do not tick together.
SAME_TURN = 0.75

# Minute, hour, day, month, weekday.
FIELDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A run that is owed at ``at``, unless one was finished that was for ``since`` or later."""

    at: datetime
    since: datetime


class Schedule(Protocol):
    """When a job is due."""

    @property
    def runs_when_new(self) -> bool:
        """Whether a job that has never run is owed a run at once."""

    def delay_s(self, now: datetime) -> float:
        """Return the seconds from ``now`` to the next time."""

    def due(self, now: datetime) -> Due:
        """Return the run that is owed at ``now``."""


@dataclass(frozen=True, slots=True)
class Every:
    """Once in ``seconds``, and at the start; ``jitter`` is the part that chance may add."""

    seconds: float
    jitter: float = 0.1
    random: RandomSource = system_random

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise ValueError("a period must be positive")
        if not 0 <= self.jitter <= 1 - SAME_TURN:
            raise ValueError(f"jitter is a part of the period up to {1 - SAME_TURN}")

    def __str__(self) -> str:
        return f"every {self.seconds:g} s"

    @property
    def runs_when_new(self) -> bool:
        """A period begins with a run."""
        return True

    def delay_s(self, now: datetime) -> float:
        """Return the period, a little longer."""
        del now
        return self.seconds * (1 + self.jitter * self.random())

    def due(self, now: datetime) -> Due:
        """Return the run of this period."""
        return Due(at=now, since=now - timedelta(seconds=self.seconds * SAME_TURN))


@dataclass(frozen=True, slots=True)
class Cron:
    """At the times of a cron expression of five fields, in UTC.

    A time that passed while nobody ran is made good once; the first is never in the past.
    ``jitter_s`` is what chance may add.
    """

    expression: str
    jitter_s: float = 10.0
    random: RandomSource = system_random

    def __post_init__(self) -> None:
        try:
            next(CronSim(self.expression, datetime(2026, 1, 1, tzinfo=UTC)))
        except (CronSimError, StopIteration):
            raise ValueError(f"{self.expression!r} is no cron expression with a time") from None
        if len(self.expression.split()) != FIELDS:
            raise ValueError(f"{self.expression!r} has not {FIELDS} fields")
        if self.jitter_s < 0:
            raise ValueError("jitter cannot be negative")

    def __str__(self) -> str:
        return f"cron {self.expression}"

    @property
    def runs_when_new(self) -> bool:
        """A job that is new waits for its time."""
        return False

    def delay_s(self, now: datetime) -> float:
        """Return the seconds to the next time, and a little more."""
        following: datetime = next(CronSim(self.expression, now))
        assert following > now
        return (following - now).total_seconds() + self.jitter_s * self.random()

    def due(self, now: datetime) -> Due:
        """Return the last time that has come."""
        # Looked for from the next minute on, because the search leaves out where it begins.
        start = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        at: datetime = next(CronSim(self.expression, start, reverse=True))
        assert at <= now
        return Due(at=at, since=at)
