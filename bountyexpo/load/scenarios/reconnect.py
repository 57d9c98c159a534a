"""Everybody is cut off at once and comes back at once, with something missed.

Half of the people are cut first, the other half write to them, then all are cut. The storm begins
when all come back in the same moment; each is back when their missed message was replayed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bountyexpo.load.scenarios.chat import Chat

if TYPE_CHECKING:
    from bountyexpo.load.plan import Plan
    from bountyexpo.load.report.stats import Stats

# How long the last words before the storm may take.
LAST_WORDS_S = 60.0


class Reconnect(Chat):
    """Measures the time from the storm to each return, and to the last one."""

    def __init__(self, plan: Plan, stats: Stats) -> None:
        super().__init__(plan, stats)
        self._are_back = True
        self._lasted_s = 0.0

    def run(self, started: float) -> None:
        """Cut, write, cut, and come back; the duration bounds the storm only from below."""
        self.started = started
        self.crowd.is_returning = True
        people = self.crowd.people[: 2 * self.pairs]
        for listener in people[1::2]:
            self.crowd.drop(listener, back_after_s=None)
        for writer in range(0, len(people), 2):
            self.send(writer, time.monotonic())
        until = time.monotonic() + LAST_WORDS_S
        while any(self._unacked) and time.monotonic() < until:
            self.crowd.pump(0.05)
        for writer_person in people[::2]:
            self.crowd.drop(writer_person, back_after_s=None)
        self.stats.begin(time.monotonic())
        storm_at = time.monotonic()
        for person in people:
            person.lost_at = storm_at
        for person in people:
            self.crowd.begin(person)
        self._are_back = self.drain(self._is_over)
        self._lasted_s = time.monotonic() - storm_at

    def finish(self) -> None:
        """Check that everybody is back and has what they missed."""
        super().finish()
        if not self._are_back:
            missing = sum(not person.is_back for person in self.crowd.people[: 2 * self.pairs])
            self.stats.fault(f"{missing} people were not back in time")

    def facts(self) -> dict[str, float]:
        """Return how long the storm lasted."""
        return {**super().facts(), "all_back_s": self._lasted_s}

    def _is_over(self) -> bool:
        return self.crowd.welcome_count >= 2 * self.pairs and all(
            person.is_back for person in self.crowd.people[: 2 * self.pairs]
        )
