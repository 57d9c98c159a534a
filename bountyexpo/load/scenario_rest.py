"""Operations by REST at a rate: reading mostly, and a bounty now and then.

Every answer is checked for what it should be, and at the end every bounty that was created is
read again: an answer of 201 is a promise too.
"""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.load.requests import Requests, make_request
from bountyexpo.load.schedule import Schedule

if TYPE_CHECKING:
    from bountyexpo.load.plan import Plan
    from bountyexpo.load.stats import Stats

# What is asked for in turn: of twenty, ten read a bounty and one creates one.
TURNS = ("get", "list", "get", "me", "get", "wallet", "get", "list", "get", "get") * 2
CREATE_EVERY = 20
SENDS_AT_A_TIME = 32
# Statuses of a server that cannot serve at present, and the pause before asking it again.
PASSING = frozenset({502, 503, 504})
PAUSE_S = 0.2
WISH = {
    "title": "Paint the garden fence",
    "description": "Twelve metres of wooden fence want two coats of green paint.",
    "is_for_honor": True,
    "work_type": "online",
}


class Row(msgspec.Struct):
    """What is read of an answer: of which thing it is."""

    id: str | None = None


@dataclass(slots=True)
class Asked:
    """One operation under way; ``name`` of the check at the end is not measured."""

    name: str
    due: float
    request: bytes
    bounty_id: str = ""


class RestScenario:
    """Measures each answer from when its request was due. Rate 0: as fast as it goes."""

    def __init__(self, plan: Plan, stats: Stats) -> None:
        self.plan = plan
        self.stats = stats
        self.requests = Requests(
            plan.address,
            plan.connections,
            on_reply=self._reply,
            on_failure=self._failure,
            sources=plan.sources,
        )
        self.created: list[str] = []
        self._open = 0
        self._number = 0
        self._until = 0.0
        self._retries: list[tuple[float, int, Asked]] = []

    def prepare(self) -> None:
        """Read once over every connection, so that all are open."""
        for _ in range(self.plan.connections):
            self._ask("get", time.monotonic())
        self._settle()

    def wait(self, seconds: float) -> None:
        """Wait for the other workers."""
        self._pump(seconds)

    def run(self, started: float) -> None:
        """Ask at the rate, or over every connection again and again."""
        plan = self.plan
        self._until = started + plan.duration_s
        if not plan.rate:
            for _ in range(plan.connections):
                self._ask_next(time.monotonic())
            self._pump_until(self._until)
            return
        for number, due_s in enumerate(Schedule(plan.rate, plan.duration_s, plan.ramp_s)):
            due = started + due_s
            if due > time.monotonic():
                self._pump_until(due)
            elif number % SENDS_AT_A_TIME == 0:
                self._pump(0)
            self._ask_next(due)
        self._pump_until(self._until)

    def finish(self) -> None:
        """Wait for what is under way, then read again everything that was created."""
        self._until = 0.0
        self._settle()
        for bounty_id in self.created:
            self._ask("check", time.monotonic(), bounty_id)
        self._settle()
        if self._open:
            self.stats.fault(f"{self._open} requests were never answered")

    def facts(self) -> dict[str, float]:
        """Return how many bounties were created, and found again."""
        return {"created": len(self.created)}

    def _settle(self) -> None:
        until = time.monotonic() + self.plan.drain_s
        while self._open and time.monotonic() < until:
            self._pump(0.05)

    def _pump_until(self, moment: float) -> None:
        while (left := moment - time.monotonic()) > 0:
            self._pump(min(left, 0.2))

    def _pump(self, timeout_s: float) -> None:
        now = time.monotonic()
        while self._retries and self._retries[0][0] <= now:
            _, _, asked = heapq.heappop(self._retries)
            self.requests.ask(asked, asked.request)
        self.requests.pump(min(timeout_s, PAUSE_S) if self._retries else timeout_s)
        self.stats.tick(time.monotonic())

    def _ask_next(self, due: float) -> None:
        self._number += 1
        is_write = self._number % CREATE_EVERY == 0
        self._ask("create" if is_write else TURNS[self._number % len(TURNS)], due)

    def _ask(self, name: str, due: float, bounty_id: str = "") -> None:
        plan = self.plan
        token = plan.tokens[self._number % len(plan.tokens)]
        if name == "get":
            bounty_id = plan.bounties[self._number % len(plan.bounties)]
        path = {
            "get": f"/api/bounties/{bounty_id}",
            "check": f"/api/bounties/{bounty_id}",
            "list": "/api/bounties?limit=20",
            "me": "/auth/me",
            "wallet": "/wallet/balance",
            "create": "/api/bounties",
        }[name]
        host = "{}:{}".format(*plan.address)
        if name == "create":
            wish = WISH | {"idempotencyKey": plan.message_id(self._number)}
            body = msgspec.json.encode(wish)
            request = make_request("POST", path, host=host, token=token, body=body)
        else:
            request = make_request("GET", path, host=host, token=token)
        self._open += 1
        asked = Asked(name, due, request, bounty_id)
        self.requests.ask(asked, request)

    def _reply(self, asked: Asked, status: int, body: bytes) -> None:
        if self.plan.is_patient and status in PASSING:
            self._again(asked)
            return
        self._open -= 1
        now = time.monotonic()
        expected = 201 if asked.name == "create" else 200
        if status != expected:
            self.stats.error(f"{asked.name} {status}")
        elif asked.name != "check":
            self.stats.record("answered", now - asked.due)
            self.stats.record(f"  {asked.name}", now - asked.due)
        self._check(asked, status == expected, body)
        if not self.plan.rate and now < self._until:
            self._ask_next(now)

    def _check(self, asked: Asked, is_good: bool, body: bytes) -> None:
        if asked.name == "check" and not is_good:
            self.stats.fault(f"bounty {asked.bounty_id} was created and is gone")
        if not is_good or asked.name in ("list", "me", "wallet"):
            return
        found: Any = msgspec.json.decode(body, type=Row).id
        if asked.name == "create" and found:
            self.created.append(found)
        elif found != asked.bounty_id:
            self.stats.fault(f"asked for bounty {asked.bounty_id}, got {found}")

    def _failure(self, asked: Asked) -> None:
        """Ask again later, or count it; a read whose kept connection had ended is harmless."""
        if self.plan.is_patient:
            self._again(asked)
            return
        self._open -= 1
        self.stats.error(f"{asked.name} broken")
        now = time.monotonic()
        if not self.plan.rate and now < self._until:
            self._ask_next(now)

    def _again(self, asked: Asked) -> None:
        self.stats.count("asked again")
        heapq.heappush(self._retries, (time.monotonic() + PAUSE_S, id(asked), asked))
