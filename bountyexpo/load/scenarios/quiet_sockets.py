"""Scenarios of sockets that say little: a storm of connects, and a long silence."""

from __future__ import annotations

import time

from bountyexpo.load.scenarios.socket_scenario import SocketScenario

# In a storm without a rate, so many are on their way at a time.
AT_ONCE = 256


class Connect(SocketScenario):
    """Everybody signs in: at a rate, or as fast as it goes. Measures the welcome."""

    def prepare(self) -> None:
        """There is nothing to get ready: opening is what is measured."""
        self.crowd.is_returning = False

    def run(self, started: float) -> None:
        """Open all sockets, then hold them to the end of the duration."""
        self.started = started
        people = self.crowd.people
        if self.schedule is not None:
            self.play(self._begin)
            return
        number = 0
        until = started + self.plan.duration_s
        while self.crowd.welcome_count < len(people) and time.monotonic() < until:
            while number < len(people) and number - self.crowd.welcome_count < AT_ONCE:
                self._begin(number, time.monotonic())
                number += 1
            self.crowd.pump(0.05)

    def finish(self) -> None:
        """Wait for the last welcomes."""
        people = [person for person in self.crowd.people if person.socket is not None]
        if not self.drain(lambda: self.crowd.welcome_count >= len(people)):
            for _ in range(len(people) - self.crowd.welcome_count):
                self.stats.error("no welcome")

    def facts(self) -> dict[str, float]:
        """Return how many are connected at the end."""
        return {"connected": self.crowd.welcome_count}

    def _begin(self, number: int, due: float) -> None:
        if number < len(self.crowd.people):
            self.crowd.begin(self.crowd.people[number], due)


class Idle(SocketScenario):
    """Everybody is there and says nothing but heartbeats; with a rate, pings at that rate.

    Measures the answer to a ping. A socket that is closed is an error.
    """

    def run(self, started: float) -> None:
        """Hold the sockets for the duration."""
        self.started = started
        if self.schedule is None:
            self.pump_until(started + self.plan.duration_s)
        else:
            self.play(self._ping)

    def facts(self) -> dict[str, float]:
        """Return how many are connected at the end."""
        return {"connected": self.crowd.welcome_count}

    def _ping(self, number: int, due: float) -> None:
        person = self.crowd.people[number % len(self.crowd.people)]
        self.crowd.say(person, {"type": "ping", "t": due})
