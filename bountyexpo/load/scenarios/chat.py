"""Pairs of people who chat at a rate, while connections are cut if so planned.

Every message is followed from the moment it was due: to its ack, which says that it is durable,
and to the other side. What was acknowledged must arrive there once, in order, under the number
that the ack told, whatever happens to the connections or the server in between.
"""

from __future__ import annotations

import heapq
import time
from typing import TYPE_CHECKING, Any

from bountyexpo.load.checks import MessageBook, StreamCheck
from bountyexpo.load.client.connections import FleetFailed
from bountyexpo.load.scenarios.socket_scenario import SocketScenario

if TYPE_CHECKING:
    from bountyexpo.load.crowd import Person
    from bountyexpo.load.plan import Heard, Plan
    from bountyexpo.load.report.stats import Stats

# Conversations that are being opened at a time, and how long all may take.
OPEN_AT_ONCE = 32
OPEN_S = 300.0
# How long a person whose connection was cut stays away: between these, by turns.
AWAY_S = (0.1, 1.5)
# How often holes are asked for at the end.
SYNC_EVERY_S = 1.0
STRIDE = 7919


class Chat(SocketScenario):
    """Pairs chat; measures ack and delivery. Rate 0: each sends as soon as the last was acked."""

    def __init__(self, plan: Plan, stats: Stats) -> None:
        super().__init__(plan, stats)
        self.book = MessageBook()
        self.conversations: list[str] = []
        # Per person: what was not acknowledged yet, to be sent again after a loss.
        self._unacked: list[dict[int, dict[str, Any]]] = [{} for _ in self.crowd.people]
        self._retries: list[tuple[float, int, int]] = []
        self._text = plan.text()
        self._until = 0.0
        self._drops = 0
        self._drops_from = float("inf")

    @property
    def pairs(self) -> int:
        """How many conversations there are."""
        return len(self.crowd.people) // 2

    def prepare(self) -> None:
        """Gather the people, and open the conversation of each pair."""
        super().prepare()
        self.conversations = [""] * self.pairs
        until = time.monotonic() + OPEN_S
        asked = opened = 0
        while opened < self.pairs:
            while asked < self.pairs and asked - opened < OPEN_AT_ONCE:
                self._open(asked)
                asked += 1
            self.crowd.pump(0.05)
            opened = self.pairs - self.conversations.count("")
            if time.monotonic() > until:
                raise FleetFailed(f"only {opened} of {self.pairs} conversations were opened")

    def run(self, started: float) -> None:
        """Chat."""
        self.started = self._drops_from = started
        self._until = started + self.plan.duration_s
        if self.schedule is not None:
            self.play(lambda number, due: self.send(number % (2 * self.pairs), due))
        else:
            for number in range(2 * self.pairs):
                self.send(number, time.monotonic())
            self.pump_until(self._until)
        self._drops_from = float("inf")

    def finish(self) -> None:
        """Wait for what is under way, ask for what is missing, and judge."""
        asked_at = time.monotonic()

        def is_settled() -> bool:
            nonlocal asked_at
            self._retry()
            if self.book.is_settled:
                return True
            if time.monotonic() > asked_at + SYNC_EVERY_S:
                asked_at = time.monotonic()
                self._ask_for_holes()
            return False

        self.drain(is_settled)
        for fault in self.book.faults:
            self.stats.fault(fault)
        if self.book.lost:
            lost = self.book.lost
            self.stats.fault(f"{lost} acknowledged messages were not delivered", "lost", lost)
        for _ in range(self.book.unanswered):
            self.stats.error("no answer")
        for person in self.crowd.people:
            holes = [name for name, check in person.streams.items() if check.has_hole]
            if holes:
                place = person.streams[holes[0]].place
                self.stats.fault(f"{holes[0]} has a hole behind {place}", "lost")

    def send(self, sender: int, due: float) -> None:
        """Let somebody send a message that was due at ``due``."""
        number = self.book.send(due)
        frame = {
            "type": "message.send",
            "id": f"m{number}",
            "conversationId": self.conversations[sender // 2],
            "clientMsgId": self.plan.message_id(number),
            "text": self._text,
        }
        self._unacked[sender][number] = frame
        self.stats.count("sent")
        person = self.crowd.people[sender]
        if person.is_welcome and person.is_back:
            self.crowd.say(person, frame)

    def on_back(self, person: Person) -> None:
        """Send again what was not acknowledged: it carries the same key."""
        for frame in self._unacked[person.number].values():
            self.crowd.say(person, frame)

    def on_frame(self, person: Person, heard: Heard) -> None:
        """Take an ack, a refusal, a message, or any other event."""
        if heard.type == "message.new":
            self._deliver(person, heard)
        elif heard.re is not None and heard.re[0] == "m":
            self._answer(person, int(heard.re[1:]), heard)
        elif heard.re is not None and heard.re[0] == "o":
            self._opened(int(heard.re[1:]), heard)
        else:
            super().on_frame(person, heard)

    def pump_until(self, moment: float) -> None:
        """Serve, send again what was refused for a while, and cut connections."""
        while (left := moment - time.monotonic()) > 0:
            self._retry()
            self._drop()
            self.crowd.pump(min(left, 0.05) if self.plan.drops_per_s or self._retries else left)

    def _deliver(self, person: Person, heard: Heard) -> None:
        is_new = self.crowd.judge(person, heard)
        number = self.plan.message_number(heard.client_msg_id)
        if not is_new or number is None or heard.sender_id == person.user_id:
            return
        latency_s = self.book.deliver(number, heard.seq or 0, time.monotonic())
        if latency_s is not None:
            self.stats.record("delivered", latency_s)

    def _answer(self, person: Person, number: int, heard: Heard) -> None:
        now = time.monotonic()
        if heard.type == "error":
            self._refused(person, number, heard, now)
            return
        frame = self._unacked[person.number].pop(number, None)
        if frame is None or heard.seq is None:
            return
        self.crowd.check(person, f"conv:{frame['conversationId']}").own(heard.seq)
        latency_s = self.book.ack(number, heard.seq, now)
        if latency_s is not None:
            self.stats.record("acked", latency_s)
        if self.schedule is None and now < self._until:
            self.send(person.number, now)

    def _refused(self, person: Person, number: int, heard: Heard, now: float) -> None:
        if self.plan.is_patient and heard.retryable:
            self.stats.count("refused for now")
        else:
            self.stats.error(str(heard.code))
        if heard.retryable:
            at = now + max(heard.retry_after_ms, 50.0) / 1000
            heapq.heappush(self._retries, (at, person.number, number))
        else:
            self._unacked[person.number].pop(number, None)
            self.book.refuse(number)

    def _retry(self) -> None:
        now = time.monotonic()
        while self._retries and self._retries[0][0] <= now:
            _, sender, number = heapq.heappop(self._retries)
            frame = self._unacked[sender].get(number)
            if frame is not None and self.crowd.people[sender].is_welcome:
                self.crowd.say(self.crowd.people[sender], frame)

    def _drop(self) -> None:
        """Cut those connections that are due to be cut, each time another person's."""
        due = (time.monotonic() - self._drops_from) * self.plan.drops_per_s
        while self._drops < due:
            person = self.crowd.people[self._drops * STRIDE % len(self.crowd.people)]
            share = self._drops % 8 / 8
            self.crowd.drop(person, back_after_s=AWAY_S[0] + share * (AWAY_S[1] - AWAY_S[0]))
            self.stats.count("cut")
            self._drops += 1

    def _ask_for_holes(self) -> None:
        for person in self.crowd.people:
            holes = [name for name, check in person.streams.items() if check.has_hole]
            if holes and person.is_welcome:
                self.crowd.sync(person, holes)

    def _open(self, pair: int) -> None:
        first, second = self.crowd.people[2 * pair], self.crowd.people[2 * pair + 1]
        arguments = {"participantIds": [second.user_id]}
        call = {"type": "call", "id": f"o{pair}", "op": "conversation.open", "args": arguments}
        self.crowd.say(first, call)

    def _opened(self, pair: int, heard: Heard) -> None:
        if heard.type == "error" and heard.retryable:
            self._open(pair)
            return
        if heard.type == "error":
            raise FleetFailed(f"a conversation was refused with {heard.code}: {heard.message}")
        opened = heard.result.get("conversation") or heard.result
        self.conversations[pair] = opened["id"]
        for person in self.crowd.people[2 * pair : 2 * pair + 2]:
            check = StreamCheck(int(opened.get("seq", 0)), opened.get("epoch"))
            person.streams[f"conv:{opened['id']}"] = check
