"""The goals of the socket service with 10,000 people: memory, silence, chat, and a storm.

One server, one client process, PostgreSQL beside the client. Everybody is signed in and has a
conversation with a neighbour; the same people are first silent, then chat at rising rates, then
are all cut off at once and come back. BENCH_SOCKETS makes the crowd smaller, for a quick look.
"""

from __future__ import annotations

import gc
import os
import re
import time
from typing import TYPE_CHECKING, Any

import httpx
from bountyexpo.load.plan import Plan
from bountyexpo.load.report.stats import Second, Stats
from bountyexpo.load.scenarios.chat import Chat
from bountyexpo.load.scenarios.reconnect import Reconnect
from bountyexpo.load.schedule import Schedule

from bench.crowd import pump_for
from bench.peer_servers import client_on_its_core, pin, postgres_pid
from bench.server import raise_file_limit, serving, token

if TYPE_CHECKING:
    from bench.server import Server

Rows = list[tuple[str, float, str, float | str | None]]

SOCKETS = int(os.environ.get("BENCH_SOCKETS", "10000"))
# Opened first, so that what is allocated once is not counted as theirs.
WARM_UP = 200
SETTLE_S = 5.0
# Everybody heartbeats once in this time.
SILENCE_S = 20.0
RATES = (1_000, 2_000, 4_000, 6_000, 8_000, 10_000)
RATE_GOAL = 10_000.0
P95_MS_GOAL = 100.0
CHAT_S = 5.0
# A rate is held when this share of what was due in the time was delivered in it.
HELD_SHARE = 0.98


class Scale:
    """The crowd, and what was counted since the last ``begin``."""

    def __init__(self, server: Server, numbers: range) -> None:
        self.server = server
        self.total = Second()
        self.stats = Stats(self._add)
        self.scenario = Reconnect(
            Plan(
                scenario="reconnect",
                url=server.url,
                tokens=[token(number) for number in numbers],
                run=f"{numbers.start:08x}",
                drain_s=60.0,
            ),
            self.stats,
        )

    def begin(self) -> float:
        """Count from now on; returns now."""
        now = time.monotonic()
        self.total = Second()
        self.stats.begin(now)
        return now

    def percentile_ms(self, name: str, share: float) -> float:
        """A percentile of a time, in milliseconds."""
        self.stats.flush(time.monotonic())
        histogram = self.total.times.get(name)
        return histogram.percentile_s(share) * 1000 if histogram else float("inf")

    def _add(self, message: dict[str, Any]) -> None:
        self.total.add(Second.load(message))


def run() -> Rows:
    """Measure all with one server."""
    raise_file_limit()
    with serving() as server, client_on_its_core():
        pin(postgres_pid(server.folder), to_server_core=False)
        pin(server.pid, to_server_core=True)
        warm = Scale(server, range(WARM_UP))
        warm.scenario.crowd.gather()
        pump_for(warm.scenario.crowd.fleet, SETTLE_S)
        before_kib = server.private_kib()
        scale = Scale(server, range(WARM_UP, WARM_UP + SOCKETS))
        rows = silence(scale, before_kib)
        warm.scenario.crowd.close()
        rows += chat(scale)
        rows += storm(scale)
        rows += [("longest collector pause, at most", longest_pause_ms(server), "ms", 50.0)]
        rows += verdict(scale)
        scale.scenario.crowd.close()
    return rows


def silence(scale: Scale, before_kib: float) -> Rows:
    """What people cost who only heartbeat."""
    server, crowd = scale.server, scale.scenario.crowd
    began = time.monotonic()
    crowd.gather()
    rate = len(crowd.people) / (time.monotonic() - began)
    gc.collect()
    gc.freeze()
    crowd.pump_until(time.monotonic() + SETTLE_S)
    each_kib = (server.private_kib() - before_kib) / len(crowd.people)
    cpu_s, began = server.cpu_s(), scale.begin()
    crowd.pump_until(began + SILENCE_S)
    share = (server.cpu_s() - cpu_s) / (time.monotonic() - began)
    name = f"{len(crowd.people):,} people"
    return [
        (f"{name}: new accounts welcomed", rate, "/s", None),
        (f"{name}: memory of each", each_kib, "KiB", 4.0),
        (f"{name}: processor while silent", share * 100, "%", 3.0),
        ("  heartbeat answered, p99", scale.percentile_ms("pong", 0.99), "ms", None),
    ]


def chat(scale: Scale) -> Rows:
    """The highest rate of durable messages that is delivered in time."""
    scenario = scale.scenario
    began = time.monotonic()
    Chat.prepare(scenario)
    rows: Rows = [("conversations opened", scenario.pairs / (time.monotonic() - began), "/s", None)]
    held, p95_ms = 0.0, 0.0
    for rate in RATES:
        scenario.schedule = Schedule(rate, CHAT_S)
        cpu_s, client_s = scale.server.cpu_s(), time.process_time()
        began = scale.begin()
        Chat.run(scenario, began)
        scenario.finish()
        elapsed_s = time.monotonic() - began
        found_ms = scale.percentile_ms("delivered", 0.95)
        p95_ms = p95_ms or found_ms
        delivered = scale.total.times["delivered"].count / elapsed_s
        rows.append((f"  p95 at {rate:,} messages/s", found_ms, "ms", None))
        if found_ms >= P95_MS_GOAL or delivered < rate * HELD_SHARE * CHAT_S / elapsed_s:
            break
        held, p95_ms = rate, found_ms
        shares = (scale.server.cpu_s() - cpu_s, time.process_time() - client_s)
        rows.append(("    processor of the server", shares[0] / elapsed_s * 100, "%", None))
        rows.append(("    processor of the client", shares[1] / elapsed_s * 100, "%", None))
    rows.append(("durable chat, highest rate in time", held, "msg/s", RATE_GOAL))
    rows.append(("  delivered within, p95", p95_ms, "ms", P95_MS_GOAL))
    return rows


def storm(scale: Scale) -> Rows:
    """Everybody is cut off and comes back."""
    scale.scenario.run(scale.begin())
    scale.scenario.finish()
    return [
        ("storm: all back and caught up", scale.scenario.facts()["all_back_s"], "s", 10.0),
        ("  one person back, p50", scale.percentile_ms("back", 0.5), "ms", None),
    ]


def verdict(scale: Scale) -> Rows:
    """What was broken in all of it; the goal is nothing."""
    errors = sum(scale.total.errors.values())
    return [
        ("lost, doubled or out of order", float(scale.stats.fault_count), "messages", 0.0),
        ("errors in the storm", float(errors), "errors", 0.0),
    ]


def longest_pause_ms(server: Server) -> float:
    """The bound of the highest bucket of collector pauses in use."""
    text = httpx.get(f"{server.url}/metrics", trust_env=False, timeout=10).text
    found = re.findall(
        r'^\w*gc_pause\w*_bucket\{generation="(\d)",le="([^"]+)"\} (\S+)$', text, re.MULTILINE
    )
    longest = 0.0
    counts: dict[str, float] = {}
    for generation, bound, count in found:
        if float(count) > counts.get(generation, 0.0):
            longest = max(longest, float(bound.replace("+Inf", "inf")))
        counts[generation] = float(count)
    return longest * 1000
