"""One event for many ears: everybody watches the same bounties, and people apply to them.

Each application is one numbered event on the bounty's stream, told to every watcher. The first
worker applies, one application at a time and in order, so that every worker knows from its number
when an event was due.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bountyexpo.load.checks import StreamCheck
from bountyexpo.load.client.connections import FleetFailed
from bountyexpo.load.scenarios.socket_scenario import SocketScenario

if TYPE_CHECKING:
    from bountyexpo.load.crowd import Person
    from bountyexpo.load.plan import Heard, Plan
    from bountyexpo.load.report.stats import Stats

SUBSCRIBE_AT_ONCE = 64
SUBSCRIBE_S = 120.0


class Room(SocketScenario):
    """Measures each delivery to each watcher, from when the event was due."""

    def __init__(self, plan: Plan, stats: Stats) -> None:
        super().__init__(plan, stats)
        # An application is due when it is due, however many workers watch.
        assert self.schedule is not None
        self.heads: dict[str, int] = {}
        self._order = {f"bounty:{each}": index for index, each in enumerate(plan.bounties)}
        self._subscribed = 0
        self._waiting: list[int] = []
        self._is_asking = False
        self._applied = 0

    def prepare(self) -> None:
        """Gather the people, and let everybody watch."""
        super().prepare()
        until = time.monotonic() + SUBSCRIBE_S
        asked = 0
        people = self.crowd.people
        while self._subscribed < len(people):
            while asked < len(people) and asked - self._subscribed < SUBSCRIBE_AT_ONCE:
                people[asked].topics = list(self._order)
                subscribe = {"type": "subscribe", "id": "w", "topics": people[asked].topics}
                self.crowd.say(people[asked], subscribe)
                asked += 1
            self.crowd.pump(0.05)
            if time.monotonic() > until:
                raise FleetFailed(f"only {self._subscribed} of {len(people)} could watch")

    def run(self, started: float) -> None:
        """Apply, if this is the worker that does; listen."""
        self.started = started
        if self.plan.worker:
            self.pump_until(started + self.plan.duration_s)
        else:
            self.play(lambda number, _due: self._apply(number))

    def finish(self) -> None:
        """Wait until everybody has heard everything."""
        assert self.schedule is not None
        total = min(self.schedule.total, len(self._order) * len(self.crowd.people))
        wanted = total * len(self.crowd.people)
        if not self.drain(lambda: self._heard >= wanted):
            self.stats.fault(f"{wanted - self._heard} of {wanted} deliveries are missing")

    def facts(self) -> dict[str, float]:
        """Return how many listened."""
        return {"watchers": len(self.crowd.people), "applied": self._applied}

    @property
    def _heard(self) -> int:
        return sum(
            check.place - self.heads[name]
            for person in self.crowd.people
            for name, check in person.streams.items()
            if name in self._order
        )

    def on_frame(self, person: Person, heard: Heard) -> None:
        """Take an event of a bounty, or an answer."""
        if heard.stream in self._order:
            self._deliver(person, heard)
        elif heard.re == "w":
            self._watch(person, heard)
        elif heard.re == "apply":
            self._is_asking = False
            if heard.type == "error":
                self.stats.error(str(heard.code))
            else:
                self._applied += 1
            self._apply_next()
        else:
            super().on_frame(person, heard)

    def _deliver(self, person: Person, heard: Heard) -> None:
        assert heard.stream is not None
        assert heard.seq is not None
        assert self.schedule is not None
        if not self.crowd.judge(person, heard):
            return
        behind = heard.seq - self.heads[heard.stream] - 1
        number = self._order[heard.stream] * self.plan.room_size + behind
        if behind < 0 or not self.started:
            return
        due = self.started + self.schedule.due_s(number)
        self.stats.record("delivered", max(0.0, time.monotonic() - due))

    def _watch(self, person: Person, heard: Heard) -> None:
        if heard.type == "error" or heard.rejected:
            raise FleetFailed(f"watching was refused: {heard.code or heard.rejected}")
        for name, head in heard.heads.items():
            self.heads[name] = int(head["seq"])
            person.streams[name] = StreamCheck(int(head["seq"]), head.get("epoch"))
        self._subscribed += 1

    def _apply(self, number: int) -> None:
        self._waiting.append(number)
        self.stats.count("sent")
        self._apply_next()

    def _apply_next(self) -> None:
        """Apply as the next person, unless an application is under way."""
        if self._is_asking or not self._waiting:
            return
        number = self._waiting.pop(0)
        room, applicant = divmod(number, self.plan.room_size)
        if room >= len(self.plan.bounties):
            return
        self._is_asking = True
        arguments = {"bounty_id": self.plan.bounties[room], "message": "I have a brush."}
        call = {"type": "call", "id": "apply", "op": "request.create", "args": arguments}
        self.crowd.say(self.crowd.people[applicant], call)
