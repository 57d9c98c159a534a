"""This server beside those that people would take instead: same run, same client, same cores.

Sockets: ``bench/servers/sockets.py`` and each script of ``bench/peers/`` echo and broadcast. The
client is one process that counts bytes and looks at nothing else. REST: the product itself and its
peers answer with the same row of the same PostgreSQL, which shares the client's core.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import trio
from bountyexpo.load.client.fleet import Fleet, make_frame
from bountyexpo.load.client.requests import Requests, make_request
from bountyexpo.load.people import make_bounties
from bountyexpo.load.report.histogram import Histogram
from bountyexpo.persistence.market.bounties import BY_IDS
from bountyexpo.sandbox.postgres import EmbeddedPostgres

from bench.crowd import pump_for
from bench.peer_servers import (
    check_installed,
    client_on_its_core,
    node,
    ours,
    pin,
    postgres_pid,
    python,
    running,
)
from bench.server import raise_file_limit, serving, token

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.load.client.connections import Connection

    from bench.peer_servers import Peer

Rows = list[tuple[str, float, str, str | None]]

OURS = ours("bench.servers.sockets")
NODE_WS = node("Node ws", "node_ws.cjs")
SOCKET_PEERS = (
    OURS,
    NODE_WS,
    python("websockets (asyncio, uvloop)", "asyncio_websockets.py"),
    python("Starlette on uvicorn", "starlette_uvicorn.py"),
    python("trio-websocket", "trio_sockets.py"),
    python("Quart-Trio on Hypercorn", "quart_hypercorn.py"),
)
REST_PEERS = (
    node("Fastify", "node_fastify.cjs"),
    python("Starlette on uvicorn", "starlette_uvicorn.py"),
)
PAYLOAD = (
    b" Shall we meet at the fence at noon? I bring the green paint, you bring the two ladders."
)
ECHO_SOCKETS = 100
# Messages on their way on each socket, so that the server, not the waiting, is measured.
ECHO_DEPTH = 16
ECHO_S = float(os.environ.get("BENCH_SECONDS", "3"))
REST_S = ECHO_S
REST_CONNECTIONS = 32
TAKES = 2
POOL_SIZE = 10
# Sockets in the room, how often the room is told something, and the goals.
ROOMS = ((1_000, 30, 120_000, 20.0), (10_000, 5, 90_000, 200.0))
# Only these are measured with the larger room: the others take minutes to fill it.
LARGE_ROOM = ("ours", "Node ws")
ROOM_GIVE_UP_S = 30.0


class Counter(Fleet):
    """Sockets that count bytes, and echo what comes back when told so."""

    def __init__(self, port: int) -> None:
        super().__init__(
            ("127.0.0.1", port), on_message=lambda *_: None, on_open=lambda _socket: None
        )
        self.bytes = 0
        self.reply: bytes | None = None
        self.reply_bytes = 1
        self.times: list[tuple[float, int]] | None = None

    def _received(self, connection: Connection) -> None:
        if not connection.is_upgraded:  # type: ignore[attr-defined]
            super()._received(connection)
            return
        frames, rest = divmod(len(connection.incoming), self.reply_bytes)
        size = frames * self.reply_bytes
        if rest:
            del connection.incoming[:size]
        else:
            connection.incoming.clear()
        self.bytes += size
        if self.times is not None:
            self.times.append((time.monotonic(), size))
        elif self.reply is not None and frames:
            self.send(connection, self.reply * frames)


def run() -> Rows:
    """Compare sockets, rooms and REST."""
    check_installed()
    raise_file_limit()
    with client_on_its_core():
        rates = {peer.name: best(lambda peer=peer: echo_rate(peer)) for peer in SOCKET_PEERS}
        rows = _compare("echo", rates)
        for size, rounds, goal_rate, goal_p99_ms in ROOMS:
            rows += rooms(size, rounds, f">= {goal_rate}", f"<= {goal_p99_ms}")
        rows += _compare("REST, one row", rest_rates(), only_goal="Starlette on uvicorn")
    return rows


def best(measure: Callable[[], float]) -> float:
    """The best of a few: other work on the machine can only make it look worse."""
    return max(measure() for _ in range(TAKES))


def rooms(size: int, rounds: int, goal_rate: str, goal_p99_ms: str) -> Rows:
    """Tell a room of this size something, with every server that can fill it in time."""
    peers = [peer for peer in SOCKET_PEERS if size <= 1_000 or peer.name in LARGE_ROOM]
    found = {peer.name: room_rate(peer, size, rounds) for peer in peers}
    rates = {name: rate for name, (rate, _) in found.items()}
    p99: Rows = [
        (f"room of {size:,}, {name} p99", p99_ms, "ms", goal_p99_ms if name == "ours" else None)
        for name, (_, p99_ms) in found.items()
        if name in LARGE_ROOM
    ]
    return p99 + _compare(f"room of {size:,}", rates, {"ours": goal_rate}, goal_ratio=">= 1.2")


def echo_rate(peer: Peer) -> float:
    """Messages echoed per second."""
    message = b"e" + PAYLOAD
    with running(peer) as port:
        fleet = Counter(port)
        fleet.open([""] * ECHO_SOCKETS)
        fleet.reply, fleet.reply_bytes = make_frame(message), _frame_bytes(message)
        for client in fleet.sockets:
            fleet.send(client, fleet.reply * ECHO_DEPTH)
        pump_for(fleet, 0.5)
        before, began = fleet.bytes, time.monotonic()
        pump_for(fleet, ECHO_S)
        seconds, count = time.monotonic() - began, fleet.bytes - before
        fleet.close()
    return count / fleet.reply_bytes / seconds


def room_rate(peer: Peer, size: int, rounds: int) -> tuple[float, float]:
    """Deliveries per second to a room of this size, and the p99 of a delivery in ms."""
    message = b"b" + PAYLOAD
    histogram, spent_s = Histogram(), 0.0
    with running(peer) as port:
        fleet = Counter(port)
        fleet.reply_bytes = _frame_bytes(message)
        fleet.open([""] * size)
        pump_for(fleet, 0.3)
        for round_number in range(rounds + 1):
            fleet.times, fleet.bytes = [], 0
            wanted, began = size * _frame_bytes(message), time.monotonic()
            fleet.send(fleet.sockets[round_number % size], make_frame(message))
            while fleet.bytes < wanted:
                fleet.pump(0.1)
                if time.monotonic() > began + ROOM_GIVE_UP_S:
                    raise RuntimeError(f"{peer.name} told only a part of the room")
            if round_number:  # the first one warms up
                spent_s += time.monotonic() - began
                for at, _ in fleet.times:
                    histogram.record(at - began)
        fleet.close()
    return size * rounds / spent_s, histogram.percentile_s(0.99) * 1000


def rest_rates() -> dict[str, float]:
    """Answers per second with the same row, of this product and of each peer."""
    with serving() as server:
        bounty_id = trio.run(make_bounties, server.url, [token(0)], "peers", 1)[0]
        postgres = postgres_pid(server.folder)
        pin(postgres, to_server_core=False)
        pin(server.pid, to_server_core=True)
        rates = {"ours": best(lambda: requests_per_s(server.port, bounty_id))}
        database = EmbeddedPostgres(server.folder / "postgres")
        environ = {
            "DATABASE_URL": database.start(),
            "SEARCH_PATH": "app,public",
            "QUERY": BY_IDS.replace("any(%s::uuid[])", "$1"),
            "POOL_SIZE": str(POOL_SIZE),
        }
        try:
            for peer in REST_PEERS:
                with running(peer, **environ) as port:
                    rates[peer.name] = best(lambda port=port: requests_per_s(port, bounty_id))
        finally:
            database.stop()
    return rates


def requests_per_s(port: int, bounty_id: str) -> float:
    """Answers per second over kept connections, each asked again as soon as it answered."""
    request = make_request("GET", f"/api/bounties/{bounty_id}", host=f"127.0.0.1:{port}")
    answered = 0

    def on_reply(_context: object, status: int, body: bytes) -> None:
        nonlocal answered
        if status != 200 or bounty_id.encode() not in body:
            raise RuntimeError(f"answered {status}: {body[:200]!r}")
        answered += 1
        requests.ask(0, request)

    requests = Requests(
        ("127.0.0.1", port), REST_CONNECTIONS, on_reply=on_reply, on_failure=lambda _context: None
    )
    for _ in range(REST_CONNECTIONS):
        requests.ask(0, request)
    pump_for(requests, 1.0)
    before, began = answered, time.monotonic()
    pump_for(requests, REST_S)
    seconds = time.monotonic() - began
    requests.close()
    return (answered - before) / seconds


def _compare(
    what: str,
    rates: dict[str, float],
    goals: dict[str, str] | None = None,
    *,
    goal_ratio: str | None = None,
    only_goal: str | None = None,
) -> Rows:
    """A row for each server, and ours as a multiple of each other one."""
    rows: Rows = [
        (f"{what}, {name}", rate, "/s", (goals or {}).get(name)) for name, rate in rates.items()
    ]
    for name, rate in rates.items():
        if name != "ours":
            goal = ">= 1" if name == only_goal else goal_ratio if name == "Node ws" else None
            rows.append((f"  ours / {name}", rates["ours"] / rate, "times", goal))
    return rows


def _frame_bytes(message: bytes) -> int:
    """What a message takes on its way back: two bytes of header below 126."""
    assert len(message) < 126
    return len(message) + 2
