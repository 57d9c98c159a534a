"""Operations by REST at a rate: reading mostly, and a message now and then.

Every answer is checked for what it should be, and at the end every message that was sent is read
again, under its number: an answer of 201 is a promise too.
"""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.load.client.connections import FleetFailed
from bountyexpo.load.client.requests import Requests, make_request
from bountyexpo.load.schedule import Schedule

if TYPE_CHECKING:
    from bountyexpo.load.plan import Plan
    from bountyexpo.load.report.stats import Stats

# What is asked for in turn: of twenty, ten read a bounty and one sends a message.
TURNS = ("get", "list", "get", "me", "get", "wallet", "get", "list", "get", "get") * 2
SEND_EVERY = 20
PAGE = 100
SENDS_AT_A_TIME = 32
# Statuses of a server that cannot serve at present, and the pause before asking it again.
PASSING = frozenset({502, 503, 504})
PAUSE_S = 0.2


class Row(msgspec.Struct, rename="camel"):
    """What is read of an answer: of which thing it is, or what is in the page."""

    id: str | None = None
    message_id: str | None = None
    seq: int = 0
    messages: list[Row] = []


class Problem(msgspec.Struct, rename="camel"):
    """What is read of a refusal: whether another try is worth it, after so many seconds."""

    retry_after: float | None = None


@dataclass(slots=True)
class Asked:
    """One operation under way; ``about`` is the bounty or the page that it reads."""

    name: str
    due: float
    request: bytes
    about: str = ""
    person: int = 0


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
        # Each person's conversation with the next one, and what they sent: number to id.
        self.conversations: dict[int, str] = {}
        self.sent: dict[int, dict[int, str]] = {}
        self._open = 0
        self._number = 0
        self._sent_count = 0
        self._ids = [""] * len(plan.tokens)
        self._until = 0.0
        self._retries: list[tuple[float, int, Asked]] = []

    def prepare(self) -> None:
        """Let everybody appear, open the conversations, and read over every connection."""
        people = range(len(self.plan.tokens))
        for name in ("me", "open"):
            for person in people:
                self._ask(name, time.monotonic(), person)
            self._drain()
        if len(self.conversations) < len(people):
            raise FleetFailed(f"of {len(people)} conversations, {len(self.conversations)} opened")
        for _ in range(self.plan.connections):
            self._ask("get", time.monotonic(), 0)
        self._drain()

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
        """Wait for what is under way, then read again everything that was sent."""
        self._until = 0.0
        self._drain()
        for person, sent in self.sent.items():
            for page in sorted({(seq - 1) // PAGE for seq in sent}):
                self._ask("page", time.monotonic(), person, str(page * PAGE))
        self._drain()
        if self._open:
            self.stats.fault(f"{self._open} requests were never answered")
        if missing := sum(map(len, self.sent.values())):
            text = f"{missing} messages were taken and are not there"
            self.stats.fault(text, "lost", missing)

    def facts(self) -> dict[str, float]:
        """Return how many messages were sent, and found again."""
        return {"messages": self._sent_count}

    def _drain(self) -> None:
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
        is_write = self._number % SEND_EVERY == 0
        name = "send" if is_write else TURNS[self._number % len(TURNS)]
        self._ask(name, due, self._number % len(self.plan.tokens))

    def _ask(self, name: str, due: float, person: int, about: str = "") -> None:
        plan = self.plan
        if name == "get":
            about = plan.bounties[self._number % len(plan.bounties)]
        talk = f"/api/conversations/{self.conversations.get(person)}/messages"
        path = {
            "get": f"/api/bounties/{about}",
            "list": "/api/bounties?limit=20",
            "me": "/auth/me",
            "wallet": "/wallet/balance",
            "open": "/api/conversations",
            "send": talk,
            "page": f"{talk}?after={about}&limit={PAGE}",
        }[name]
        body: dict[str, Any] | None = None
        if name == "send":
            body = {"clientMsgId": plan.message_id(self._number), "text": plan.text()}
        elif name == "open":
            body = {"participantIds": [self._ids[(person + 1) % len(plan.tokens)]]}
        request = make_request(
            "GET" if body is None else "POST",
            path,
            host="{}:{}".format(*plan.address),
            token=plan.tokens[person],
            body=msgspec.json.encode(body) if body is not None else None,
        )
        self._open += 1
        asked = Asked(name, due, request, about, person)
        self.requests.ask(asked, request)

    def _reply(self, asked: Asked, status: int, body: bytes) -> None:
        if self.plan.is_patient and (status in PASSING or _is_crash(status, body)):
            self._again(asked)
            return
        self._open -= 1
        now = time.monotonic()
        # A message or a conversation that was there before is answered with 200.
        if status != 200 and (status != 201 or asked.name not in ("send", "open")):
            self.stats.error(f"{asked.name} {status}")
        else:
            if asked.name != "page":
                self.stats.record("answered", now - asked.due)
                self.stats.record(f"rest: {asked.name}", now - asked.due)
            self._check(asked, body)
        if not self.plan.rate and now < self._until:
            self._ask_next(now)

    def _check(self, asked: Asked, body: bytes) -> None:
        if asked.name in ("list", "wallet"):
            return
        row = msgspec.json.decode(body, type=Row)
        if asked.name == "me":
            self._ids[asked.person] = row.id or ""
        elif asked.name == "open":
            self.conversations[asked.person] = row.id or ""
        elif asked.name == "get" and row.id != asked.about:
            self.stats.fault(f"asked for bounty {asked.about}, got {row.id}")
        elif asked.name == "send":
            self._sent_count += 1
            sent = self.sent.setdefault(asked.person, {})
            if sent.setdefault(row.seq, row.message_id or "") != row.message_id:
                self.stats.fault(f"two messages of one conversation have the number {row.seq}")
        elif asked.name == "page":
            for each in row.messages:
                if self.sent[asked.person].get(each.seq) == each.id:
                    del self.sent[asked.person][each.seq]

    def _failure(self, asked: Asked) -> None:
        """Ask again later, or count it."""
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


def _is_crash(status: int, body: bytes) -> bool:
    """Tell whether something failed that is there again for another try."""
    return status == 500 and msgspec.json.decode(body, type=Problem).retry_after is not None
