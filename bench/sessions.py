"""What the sessions of one server stand: pings, sign-ins, rooms, many sockets, and mixed load.

Most of it is ``bountyexpo load``, run as a person would run it. BENCH_SOCKETS makes the large
crowds smaller, for a quick look.
"""

from __future__ import annotations

import os
import resource
import time
from typing import TYPE_CHECKING

from bountyexpo.load.options import Options
from bountyexpo.load.run import measure

from bench.bystander import PING, bystander
from bench.crowd import HELLO, pump_for
from bench.peer_servers import client_on_its_core, pin, postgres_pid
from bench.peers import Counter
from bench.server import ISSUER, SECRET, raise_file_limit, serving, token

if TYPE_CHECKING:
    from bench.server import Server

Rows = list[tuple[str, float, str, float | str | None]]

SOCKETS = int(os.environ.get("BENCH_SOCKETS", "10000"))
# What the acceptor leaves free of a descriptor limit of 20,000.
HELD_SHARE = 0.9
HELD_GOAL = 18_000
PINGERS, PING_DEPTH, PING_S = 200, 16, 4.0
STORM = min(5_000, SOCKETS)
ROOMS = (1_000, 10_000)
MIXED_S = 20.0


def run() -> Rows:
    """Measure all with one server."""
    raise_file_limit()
    with serving() as server, client_on_its_core():
        pin(postgres_pid(server.folder), to_server_core=False)
        pin(server.pid, to_server_core=True)
        rows: Rows = [("ping to pong through sessions", ping_rate(server), "/s", 60_000.0)]
        for size in ROOMS:
            rows += room(server, min(size, SOCKETS))
        rows += connects(server)
        rows += held(server)
        rows += mixed(server)
    return rows


def ping_rate(server: Server) -> float:
    """Pongs per second: many pings are on their way on each of some sockets."""
    fleet = Counter(server.port)
    fleet.open([token(number) for number in range(PINGERS)])
    for client in fleet.sockets:
        fleet.send(client, HELLO)
    pump_for(fleet, 3.0)
    fleet.bytes = 0
    fleet.send(fleet.sockets[0], PING)
    while not fleet.bytes:
        fleet.pump(0.1)
    fleet.reply, fleet.reply_bytes = PING, fleet.bytes
    for client in fleet.sockets:
        fleet.send(client, PING * PING_DEPTH)
    pump_for(fleet, 1.0)
    before, began = fleet.bytes, time.monotonic()
    pump_for(fleet, PING_S)
    rate = (fleet.bytes - before) / fleet.reply_bytes / (time.monotonic() - began)
    fleet.close()
    return rate


def room(server: Server, size: int) -> Rows:
    """Events of one bounty to all who watch it, and what another session feels meanwhile."""
    rate = 4.0 if size <= 1_000 else 1.0
    with bystander(server.port) as felt_ms:
        result = measure(_options(server, "room", size, rate=rate, duration_s=6.0))
    return [
        (
            f"room of {size:,} through sessions, with its commit, p99",
            result.main.percentile_s(0.99) * 1000,
            "ms",
            None,
        ),
        ("  a ping of somebody else meanwhile, p99", felt_ms[0], "ms", 25.0),
        ("  missing, doubled, out of order", float(result.fault_count), "events", 0.0),
    ]


def connects(server: Server) -> Rows:
    """A storm of people who have accounts."""
    options = _options(server, "connect", STORM, duration_s=120.0)
    measure(options)
    result = measure(options)
    rate = result.main.count / result.elapsed_s
    return [
        ("authenticated connects", rate, "/s", 4_000.0),
        ("  refused or closed", float(result.error_count), "errors", 0.0),
    ]


def held(server: Server) -> Rows:
    """As many sockets at once as the descriptor limit allows."""
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(HELD_GOAL, int(limit * HELD_SHARE), SOCKETS * 18 // 10)
    result = measure(_options(server, "connect", count, duration_s=180.0))
    return [
        (
            f"sockets at once, at a limit of {limit:,}",
            result.facts["connected"],
            "sockets",
            f">= {HELD_GOAL}",
        ),
        ("  refused or closed", float(result.error_count), "errors", 0.0),
    ]


def mixed(server: Server) -> Rows:
    """Chat with cut connections, REST and whole stories at once."""
    result = measure(_options(server, "mixed", min(1_000, SOCKETS), rate=500.0, duration_s=MIXED_S))
    return [
        ("mixed load, delivered p95", result.main.percentile_s(0.95) * 1000, "ms", None),
        ("  lost, doubled, out of order, wrong", float(result.fault_count), "faults", 0.0),
    ]


def _options(
    server: Server,
    scenario: str,
    connections: int,
    *,
    rate: float | None = None,
    duration_s: float,
) -> Options:
    return Options(
        scenario=scenario,
        url=server.url,
        jwt_secret=SECRET,
        jwt_issuer=ISSUER,
        connections=connections,
        rate=rate,
        duration_s=duration_s,
        drain_s=60.0,
        is_quiet=True,
    )
