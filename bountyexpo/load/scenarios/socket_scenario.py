"""What every scenario of sockets has in common: a crowd, a begin, and an end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bountyexpo.load.crowd import Crowd
from bountyexpo.load.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.load.crowd import Person
    from bountyexpo.load.plan import Heard, Plan
    from bountyexpo.load.report.stats import Stats

# After so many sends without a wait, what has arrived is looked at.
SENDS_AT_A_TIME = 32


class SocketScenario:
    """One worker's part of a scenario; ``prepare``, ``run`` and ``finish`` are called in turn."""

    def __init__(self, plan: Plan, stats: Stats) -> None:
        self.plan = plan
        self.stats = stats
        self.schedule = Schedule(plan.rate, plan.duration_s, plan.ramp_s) if plan.rate else None
        self.crowd = Crowd(plan, stats, self.on_frame, self.on_back)
        self.started = 0.0

    def prepare(self) -> None:
        """Get everything ready that is not measured."""
        self.crowd.gather()

    def wait(self, seconds: float) -> None:
        """Stay alive while the other workers get ready."""
        self.crowd.pump(seconds)

    def run(self, started: float) -> None:
        """Play it from this monotonic time on, for the planned duration."""
        self.started = started
        self.crowd.pump_until(started + self.plan.duration_s)

    def finish(self) -> None:
        """Wait for what is late, and check that nothing is missing."""

    def facts(self) -> dict[str, float]:
        """Return figures that only the scenario knows."""
        return {}

    def on_frame(self, person: Person, heard: Heard) -> None:
        """Take a frame that is no business of the crowd."""
        if heard.stream is not None:
            self.crowd.judge(person, heard)
        if heard.type == "error":
            self.stats.error(str(heard.code))

    def on_back(self, person: Person) -> None:
        """Learn that somebody has returned and was told what they missed."""

    def play(self, send: Callable[[int, float], Any]) -> None:
        """Call ``send(number, due)`` for everything on the schedule, each when it is due."""
        assert self.schedule is not None
        for number, due_s in enumerate(self.schedule):
            due = self.started + due_s
            if due > time.monotonic():
                self.pump_until(due)
            elif number % SENDS_AT_A_TIME == 0:
                self.crowd.pump(0)
            send(number, due)
        self.pump_until(self.started + self.plan.duration_s)

    def pump_until(self, moment: float) -> None:
        """Serve the crowd until a moment; scenarios add what they do beside."""
        self.crowd.pump_until(moment)

    def drain(self, is_settled: Callable[[], bool], every_s: float = 0.05) -> bool:
        """Serve until something is so, or the time for it is over; tell which."""
        until = time.monotonic() + self.plan.drain_s
        while not is_settled():
            if time.monotonic() > until:
                return False
            self.crowd.pump(every_s)
        return True
