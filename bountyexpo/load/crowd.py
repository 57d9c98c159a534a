"""Many people with one open socket each, who keep it alive and come back when it is cut.

A crowd says hello and heartbeats by itself, names in each hello what it knows of its streams, and
judges what it hears of them (``load/checks.py``). A scenario gets all other frames.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.load.checks import StreamCheck, Verdict
from bountyexpo.load.client.fleet import BINARY, TEXT, Fleet, FleetFailed, LeanSocket, make_frame
from bountyexpo.load.plan import Heard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bountyexpo.load.plan import Plan
    from bountyexpo.load.report.stats import Stats

# Everybody is heard of this often; the server closes after 60 s of silence.
HEARTBEAT_S = 20.0
# How many may be on their way to their welcome while a scenario gathers its people.
GATHER_AT_ONCE = 128
GATHER_S = 300.0
# The pause before coming back, doubled at each failure up to the second; spread by person.
PAUSE_S = (0.25, 5.0)
GOLDEN = 0.618033988749895


class Person:
    """One user of the server, and what they know of their streams."""

    __slots__ = (
        "began_at",
        "failures",
        "is_back",
        "is_welcome",
        "lost_at",
        "n",
        "number",
        "sid",
        "socket",
        "streams",
        "token",
        "topics",
        "user_id",
    )

    def __init__(self, number: int, token: str) -> None:
        self.number = number
        self.token = token
        self.user_id = ""
        self.socket: LeanSocket | None = None
        self.streams: dict[str, StreamCheck] = {}
        self.topics: list[str] = []
        self.is_welcome = False
        # False from the loss of a connection until everything missed was replayed.
        self.is_back = True
        self.failures = 0
        # The session that may be resumed, and the last number it was told.
        self.sid = ""
        self.n = 0
        self.began_at = 0.0
        self.lost_at = 0.0


class Crowd:
    """The people of one worker.

    ``on_frame(person, heard)`` gets what is no business of the crowd; ``on_back(person)`` is told
    when somebody has returned and knows what was missed.
    """

    def __init__(
        self,
        plan: Plan,
        stats: Stats,
        on_frame: Callable[[Person, Heard], None],
        on_back: Callable[[Person], None] = lambda _person: None,
    ) -> None:
        self.people = [Person(number, token) for number, token in enumerate(plan.tokens)]
        self.welcome_count = 0
        self.is_returning = True
        self._plan = plan
        self._stats = stats
        self._on_frame = on_frame
        self._on_back = on_back
        is_json = plan.codec == "json"
        self._opcode = TEXT if is_json else BINARY
        self._encode: Callable[[Any], bytes] = (
            msgspec.json.Encoder().encode if is_json else msgspec.msgpack.Encoder().encode
        )
        self._decode: Callable[[bytes], Heard] = (
            msgspec.json.Decoder(Heard).decode if is_json else msgspec.msgpack.Decoder(Heard).decode
        )
        self._returns: list[tuple[float, int]] = []
        self._beat = 0
        self._beats_from = time.monotonic()
        self.fleet = Fleet(
            plan.address,
            on_message=self._hear,
            on_open=self._greet,
            on_close=self._on_close,
            subprotocol=f"bounty.v1.{plan.codec}",
            sources=plan.sources,
        )

    def gather(self) -> None:
        """Open the sockets of those who have none yet, and wait for all the welcomes.

        Raises:
            FleetFailed: When they are not all there in time.
        """
        waiting = deque(person for person in self.people if person.socket is None)
        until = time.monotonic() + GATHER_S
        began = len(self.people) - len(waiting)
        while waiting or self.welcome_count < len(self.people):
            while waiting and began - self.welcome_count < GATHER_AT_ONCE:
                self.begin(waiting.popleft())
                began += 1
            self.pump(0.1)
            if time.monotonic() > until:
                raise FleetFailed(
                    f"only {self.welcome_count} of {len(self.people)} were welcomed in time"
                )

    def begin(self, person: Person, due: float | None = None) -> None:
        """Begin to open a socket; its welcome counts from ``due``."""
        person.began_at = time.monotonic() if due is None else due
        try:
            if person.socket is None:
                person.socket = self.fleet.start(person.token)
                assert person.socket.number == person.number
            else:
                self.fleet.restart(person.socket)
        except (FleetFailed, OSError):
            self._stats.error("no connection")
            self._return_later(person)

    def say(self, person: Person, frame: dict[str, Any]) -> None:
        """Send a frame; it is gone when there is no socket."""
        if person.socket is not None:
            self.fleet.send(person.socket, make_frame(self._encode(frame), self._opcode))

    def pump(self, timeout_s: float) -> None:
        """Serve what is ready, send what is due, wait at most ``timeout_s``."""
        now = time.monotonic()
        while self._returns and self._returns[0][0] <= now:
            _, number = heapq.heappop(self._returns)
            self.begin(self.people[number])
        self._send_heartbeats(now)
        if self._returns:
            timeout_s = min(timeout_s, self._returns[0][0] - now)
        self.fleet.pump(timeout_s)
        self._stats.tick(time.monotonic())

    def pump_until(self, moment: float) -> None:
        """Serve until this monotonic time."""
        while (left := moment - time.monotonic()) > 0:
            self.pump(min(left, 0.2))

    def drop(self, person: Person, *, back_after_s: float | None) -> None:
        """Cut somebody's connection without a word; they come back by themselves, or never."""
        if person.socket is None or person.socket.descriptor is None:
            return
        self.fleet.drop(person.socket)
        self._leave(person)
        if back_after_s is not None:
            heapq.heappush(self._returns, (person.lost_at + back_after_s, person.number))

    def sync(self, person: Person, streams: Iterable[str]) -> None:
        """Ask for what is missing of these streams."""
        positions = {name: self.check(person, name).position() for name in streams}
        self.say(person, {"type": "sync", "id": "sync", "streams": positions})

    def check(self, person: Person, stream: str) -> StreamCheck:
        """What a person knows of a stream."""
        return person.streams.setdefault(stream, StreamCheck())

    def judge(self, person: Person, heard: Heard) -> bool:
        """Take a numbered event into the person's stream; tell whether it is new to them."""
        if heard.stream is None or heard.seq is None:
            return False
        check = self.check(person, heard.stream)
        if check.epoch is None:
            check.epoch = heard.epoch
        elif heard.epoch != check.epoch:
            self._stats.fault(f"{heard.stream} was numbered anew")
            return False
        is_own = heard.sender_id == person.user_id
        verdict = check.hear(heard.seq, is_replay=heard.replay, is_own=is_own)
        if verdict in (Verdict.TWICE, Verdict.BACKWARDS):
            is_twice = verdict is Verdict.TWICE
            how, kind = ("twice", "doubled") if is_twice else ("out of order", "reordered")
            self._stats.fault(f"{heard.stream} number {heard.seq} was heard {how}", kind)
        return verdict in (Verdict.NEW, Verdict.BACKWARDS)

    def close(self) -> None:
        """Cut everybody off, for good."""
        self.is_returning = False
        self.fleet.close()

    def _greet(self, client: LeanSocket) -> None:
        person = self.people[client.number]
        hello: dict[str, Any] = {"type": "hello", "v": 1}
        if person.topics:
            hello["subscribe"] = person.topics
        if self._plan.is_resuming:
            hello["caps"] = ["resume"]
            if person.sid:
                hello["resume"] = {"sid": person.sid, "n": person.n}
        if person.streams:
            hello["streams"] = {name: at.position() for name, at in person.streams.items()}
        self.say(person, hello)

    def _hear(self, client: LeanSocket, payload: bytes) -> None:
        person = self.people[client.number]
        heard = self._decode(payload)
        kind = heard.type
        person.n = max(person.n, heard.n)
        if kind == "pong":
            if heard.t is not None:
                self._stats.record("pong", time.monotonic() - float(heard.t))
        elif kind == "welcome":
            self._welcome(person, heard)
        elif kind in ("synced", "resumed"):
            self._stats.count(kind)
            for each in heard.limited:
                self._stats.fault(f"{each.get('stream')} was not replayed whole: {each}")
            if not person.is_back:
                self._come_back(person)
        elif kind == "gap":
            self._stats.count("gaps")
            self.sync(person, heard.streams)
        elif kind == "reconnect":
            self._stats.count("moved")
            self.drop(person, back_after_s=heard.after_ms / 1000)
        elif kind == "error" and heard.re in (None, "sync"):
            self._refused(heard)
        else:
            self._on_frame(person, heard)

    def _refused(self, heard: Heard) -> None:
        if self._plan.is_patient and heard.retryable:
            self._stats.count("refused for now")
        else:
            self._stats.error(str(heard.code))

    def _welcome(self, person: Person, heard: Heard) -> None:
        now = time.monotonic()
        if not person.user_id:
            person.user_id = heard.user_id or ""
            own = f"user:{person.user_id}"
            head = heard.heads.get(own, {})
            person.streams[own] = StreamCheck(int(head.get("seq", 0)), head.get("epoch"))
        if not heard.resumed:
            person.n = 0
        person.sid = heard.sid or ""
        person.is_welcome = True
        person.failures = 0
        self.welcome_count += 1
        self._stats.record("welcomed", now - person.began_at)

    def _come_back(self, person: Person) -> None:
        person.is_back = True
        self._stats.record("back", time.monotonic() - person.lost_at)
        self._on_back(person)

    def _on_close(self, client: LeanSocket) -> None:
        person = self.people[client.number]
        if self._plan.is_patient:
            self._stats.count("lost connections")
        else:
            self._stats.error(f"closed {client.close_code}")
        self._leave(person)
        if self.is_returning:
            self._return_later(person)

    def _leave(self, person: Person) -> None:
        if person.is_welcome:
            person.is_welcome = person.is_back = False
            person.lost_at = time.monotonic()
            self.welcome_count -= 1
        for check in person.streams.values():
            check.reconnected()

    def _return_later(self, person: Person) -> None:
        pause_s = min(PAUSE_S[0] * 2**person.failures, PAUSE_S[1])
        person.failures = min(person.failures + 1, 10)
        # A spread that is the same in every run, and even over people.
        share = (person.number * GOLDEN + person.failures * 0.37) % 1
        at = time.monotonic() + pause_s * (0.5 + share / 2)
        heapq.heappush(self._returns, (at, person.number))

    def _send_heartbeats(self, now: float) -> None:
        """Send those that are due: everybody's turn comes once per interval."""
        due = int((now - self._beats_from) / HEARTBEAT_S * len(self.people))
        while self._beat < due:
            person = self.people[self._beat % len(self.people)]
            self._beat += 1
            if person.is_welcome:
                self.say(person, {"type": "ping", "t": now})
