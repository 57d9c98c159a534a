"""Durable chat messages per second through one server process, and how long they take.

1,000 people in 500 pairs, each with a socket. First an open loop: messages are due at a fixed
rate whatever the server does, and each one's time counts from when it was due, so a server that
stalls cannot hide it. Then everybody sends as soon as the last message was acknowledged.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import msgspec
import trio
from bountyexpo.load.client.fleet import FleetFailed, make_frame

from bench.crowd import Crowd, Heard, pump_for
from bench.server import person_id, serving, token

if TYPE_CHECKING:
    from bench.server import Server

PAIRS = 500
RATES = (1_000, 2_000, 3_000, 4_000, 6_000, 8_000)
GOAL_RATE = 3_000
GOAL_P95_MS = 100.0
SECONDS = 6.0
# What comes later than this after the last message was due counts as lost.
DRAIN_S = 5.0
# A rate is held when this share of what was due in the time was acknowledged in it.
HELD_SHARE = 0.98
REST_AT_ONCE = 8

Rows = list[tuple[str, float, str, float | None]]


@dataclass
class Trial:
    """One load and what came of it; times are in seconds, by message number."""

    due_at: list[float] = field(default_factory=list)
    acked_at: dict[int, float] = field(default_factory=dict)
    delivered_at: dict[int, float] = field(default_factory=dict)

    def acked_per_s(self) -> float:
        """Acknowledged messages by the time from the first due to the last acknowledged."""
        if not self.acked_at:
            return 0.0
        return len(self.acked_at) / (max(self.acked_at.values()) - self.due_at[0])

    def delivery_ms(self, share: float) -> float:
        """The time within which this share of the messages was delivered; lost is never."""
        times = sorted(at - self.due_at[number] for number, at in self.delivered_at.items())
        place = int(len(self.due_at) * share)
        return times[place] * 1000 if place < len(times) else float("inf")

    @property
    def is_whole(self) -> bool:
        """Tell whether everything sent was acknowledged and delivered."""
        return len(self.acked_at) == len(self.delivered_at) == len(self.due_at)


class Chat:
    """500 pairs that chat, driven by one loop."""

    def __init__(self, server: Server) -> None:
        self.crowd = Crowd(server.port, self._on_frame)
        self.crowd.join(range(2 * PAIRS))
        self.conversations = trio.run(open_conversations, server.url)
        pump_for(self.crowd.fleet, 1.0)
        self._trial = Trial()
        self._base = 0
        self._is_closed_loop = False
        self._until = 0.0

    def open_loop(self, rate: int, seconds: float) -> Trial:
        """Send at a fixed rate, each message when it is due."""
        trial = self._begin(is_closed_loop=False)
        started = time.monotonic() + 0.05
        count = int(rate * seconds)
        while (number := len(trial.due_at)) < count:
            due = started + number / rate
            if (wait_s := due - time.monotonic()) > 0:
                self.crowd.fleet.pump(wait_s)
            else:
                self._send(number % PAIRS * 2 + number // PAIRS % 2, due)
                if number % 32 == 0:
                    self.crowd.fleet.pump(0)
        return self._drain(trial)

    def closed_loop(self, seconds: float) -> Trial:
        """Let everybody send again as soon as their last message is acknowledged."""
        trial = self._begin(is_closed_loop=True)
        now = time.monotonic()
        self._until = now + seconds
        for person in range(2 * PAIRS):
            self._send(person, now)
        while time.monotonic() < self._until:
            self.crowd.fleet.pump(0.05)
        return self._drain(trial)

    def _begin(self, *, is_closed_loop: bool) -> Trial:
        self._base += len(self._trial.due_at)
        self._trial = Trial()
        self._is_closed_loop = is_closed_loop
        return self._trial

    def _drain(self, trial: Trial) -> Trial:
        until = time.monotonic() + DRAIN_S
        while not trial.is_whole and time.monotonic() < until:
            self.crowd.fleet.pump(0.05)
        self.crowd.check()
        return trial

    def _send(self, person: int, due: float) -> None:
        number = self._base + len(self._trial.due_at)
        self._trial.due_at.append(due)
        frame = {
            "type": "message.send",
            "id": f"{person}:{number}",
            "conversationId": self.conversations[person // 2],
            # The last twelve digits are the message's number, for the side that hears it.
            "clientMsgId": f"00000000-0000-4000-8000-{number:012d}",
            "text": "Shall we meet at the fence at noon? I bring the green paint.",
        }
        self.crowd.send(person, make_frame(msgspec.json.encode(frame)))

    def _on_frame(self, person: int, frame: Heard) -> None:
        if frame.type == "error":
            raise FleetFailed(f"a message was refused with {frame.code}: {frame.message}")
        if frame.client_msg_id is None or not frame.client_msg_id.startswith("00000000-"):
            return
        number = int(frame.client_msg_id[-12:]) - self._base
        if number < 0:
            return
        now = time.monotonic()
        if frame.type == "message.new":
            self._trial.delivered_at[number] = now
        elif frame.type == "ack":
            self._trial.acked_at[number] = now
            if self._is_closed_loop and now < self._until:
                self._send(person, now)


async def open_conversations(url: str) -> list[str]:
    """Open the conversation of each pair; both people exist by now."""
    ids = [""] * PAIRS
    pairs = iter(range(PAIRS))

    async def worker(client: httpx.AsyncClient) -> None:
        for pair in pairs:
            reply = await client.post(
                "/api/conversations",
                json={"participantIds": [person_id(2 * pair + 1)]},
                headers={"Authorization": f"Bearer {token(2 * pair)}"},
            )
            reply.raise_for_status()
            body = reply.json()
            ids[pair] = body.get("id") or body["conversation"]["id"]

    async with (
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client,
        trio.open_nursery() as nursery,
    ):
        for _ in range(REST_AT_ONCE):
            nursery.start_soon(worker, client)
    return ids


def run() -> Rows:
    """Measure at the goal's rate, then at rising rates until one is not held, then flat out."""
    with serving() as server:
        chat = Chat(server)
        chat.open_loop(RATES[0], 2.0)  # warms the caches and the connections
        cpu_s = server.cpu_s()
        trial = chat.open_loop(GOAL_RATE, SECONDS)
        rows = goal_rows(trial, server.cpu_s() - cpu_s)
        highest = highest_rate(chat)
        flat_out = chat.closed_loop(SECONDS)
        chat.crowd.close()
    return [
        *rows,
        ("messages, highest rate held at p95 < 100 ms", highest, "msg/s", float(GOAL_RATE)),
        ("messages, everybody as fast as it goes", flat_out.acked_per_s(), "msg/s", None),
        *delivery_rows(flat_out, goal_p95_ms=None),
    ]


def highest_rate(chat: Chat) -> float:
    """The highest of the offered rates that the server holds."""
    held = 0.0
    for rate in RATES:
        trial = chat.open_loop(rate, SECONDS)
        acked = trial.acked_per_s()
        is_prompt = trial.delivery_ms(0.95) < GOAL_P95_MS
        if not (trial.is_whole and is_prompt and acked >= rate * HELD_SHARE):
            break
        held = float(rate)
    return held


def goal_rows(trial: Trial, cpu_s: float) -> Rows:
    """What the goal is about: the load of 3,000 messages a second."""
    lost = len(trial.due_at) - min(len(trial.acked_at), len(trial.delivered_at))
    per_message_us = cpu_s / len(trial.due_at) * 1e6
    return [
        (f"messages acknowledged, {GOAL_RATE} offered", trial.acked_per_s(), "msg/s", None),
        ("  lost or late", float(lost), "messages", 0.0),
        *delivery_rows(trial, goal_p95_ms=GOAL_P95_MS),
        ("  server processor per message", per_message_us, "µs", None),
    ]


def delivery_rows(trial: Trial, *, goal_p95_ms: float | None) -> Rows:
    """How long after they were due the messages were at the other side."""
    return [
        ("  delivered within, p50", trial.delivery_ms(0.50), "ms", None),
        ("  delivered within, p95", trial.delivery_ms(0.95), "ms", goal_p95_ms),
        ("  delivered within, p99", trial.delivery_ms(0.99), "ms", None),
    ]
