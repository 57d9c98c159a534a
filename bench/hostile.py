"""What one hostile client costs the others: their chat with and without it, by turns.

One server, limits on. The people come from an address that nothing limits, so that what is measured
is the server and not its limits; the hostile client comes from another one. It sends 1,000 bad
frames a second of every kind, as garbage on open sockets, and with each new connection.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bountyexpo.load.plan import Plan
from bountyexpo.load.report.stats import Second, Stats
from bountyexpo.load.scenarios.chat import Chat
from bountyexpo.load.schedule import Schedule

from bench.peer_servers import client_on_its_core, pin, postgres_pid
from bench.server import ROOT, serving, token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.server import Server

Rows = list[tuple[str, float, str, float | str | None]]

PEOPLE = min(1_000, int(os.environ.get("BENCH_SOCKETS", "1000")))
CHAT_PER_S = 500.0
HOSTILE_PER_S = 1_000.0
ROUNDS, ROUND_S = 6, 5.0
# The hostile client goes on a little longer than what is measured, on both sides.
MARGIN_S = 1.0
GOAL = 1.2
HOSTILE_USER = 999_999
# As in production, but for the address of the people.
LIMITS = {
    "RATE_LIMITS": "on",
    "RATE_LIMIT_MULTIPLIER": "1",
    "RATE_LIMIT_ALLOW": "127.0.0.1/32",
}


class People:
    """A crowd that chats; ``p95_ms`` is that of one round."""

    def __init__(self, server: Server) -> None:
        self.total = Second()
        self.stats = Stats(self._add)
        plan = Plan(
            scenario="chat",
            url=server.url,
            tokens=[token(number) for number in range(PEOPLE)],
            run="40571132",
            sources=["127.0.0.1"],
            drain_s=30.0,
        )
        self.chat = Chat(plan, self.stats)
        self.chat.prepare()

    def p95_ms(self) -> float:
        """Chat for one round; return how long 95 % of the messages took at most."""
        self.total = Second()
        self.chat.schedule = Schedule(CHAT_PER_S, ROUND_S)
        self.chat.plan.duration_s = ROUND_S
        now = time.monotonic()
        self.stats.begin(now)
        self.chat.run(now)
        self.chat.finish()
        self.stats.flush(time.monotonic())
        return self.total.times["delivered"].percentile_s(0.95) * 1000

    def _add(self, message: dict[str, Any]) -> None:
        self.total.add(Second.load(message))


def run() -> Rows:
    """Measure by turns, so that a busy machine is fair to both."""
    with serving(**LIMITS) as server, client_on_its_core():
        pin(postgres_pid(server.folder), to_server_core=False)
        pin(server.pid, to_server_core=True)
        people = People(server)
        people.p95_ms()
        quiet, loud, cpu = [], [], []
        for _ in range(ROUNDS):
            quiet.append(people.p95_ms())
            used_s = server.cpu_s()
            with flooding(server):
                loud.append(people.p95_ms())
            cpu.append(server.cpu_s() - used_s)
        faults, errors = people.stats.fault_count, sum(people.total.errors.values())
        people.chat.crowd.close()
    ratio = statistics.median(loud) / statistics.median(quiet)
    share = statistics.median(cpu) / (ROUND_S + 2 * MARGIN_S)
    return [
        (f"{CHAT_PER_S:,.0f} messages/s, delivered p95", statistics.median(quiet), "ms", None),
        (f"  with {HOSTILE_PER_S:,.0f} bad frames/s", statistics.median(loud), "ms", None),
        ("  with to without", ratio, "times", GOAL),
        ("  processor of the server, with", share * 100, "%", None),
        ("  lost, doubled, out of order", float(faults), "faults", 0.0),
        ("  errors that others saw", float(errors), "errors", 0.0),
    ]


@contextmanager
def flooding(server: Server) -> Iterator[None]:
    """Let the hostile client go on around what is measured inside."""
    seconds = ROUND_S + 2 * MARGIN_S
    # The lowest priority: on a small machine it must not take the core of the others' clients.
    command = (
        *("nice", "-n", "19", sys.executable, "-m", "tests.chaos.flood", str(server.port)),
        *(str(HOSTILE_PER_S), str(seconds), "--token", token(HOSTILE_USER)),
    )
    flood = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    time.sleep(MARGIN_S)
    yield
    said, _ = flood.communicate(timeout=seconds + 30)
    if os.environ.get("BENCH_VERBOSE"):
        sys.stderr.write(said.decode())
