# ruff: noqa: A005 - the name of what is measured; this package is never on the path itself
"""Requests per second on the fast path and by the Hypercorn fallback, in the same run.

The client is one loop over kept-alive connections that knows the length of each answer after the
first one; it uses a third of the processor time that the fast path does.
"""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from bench.server import serving, token

if TYPE_CHECKING:
    from bench.server import Server

CONNECTIONS = 32
WARM_UP_S = 1.0
# The turns of each, and how long one is.
ROUNDS = 5
ROUND_S = 1.0
# How much faster the fast path is to be (with a query to the database).
GOAL_RATIO = 5.0

Row = tuple[str, float, str, float | str | None]


class AnswerLost(Exception):
    """The server did not answer as it should."""


@dataclass
class Trial:
    """One load and what came of it; times are in seconds."""

    seconds: float = 0.0
    cpu_s: float = 0.0
    times: list[float] = field(default_factory=list)

    def add(self, other: Trial) -> None:
        """Count another round in."""
        self.seconds += other.seconds
        self.cpu_s += other.cpu_s
        self.times += other.times

    @property
    def per_second(self) -> float:
        """Answers by time."""
        return len(self.times) / self.seconds

    @property
    def cpu_us(self) -> float:
        """The server's processor time of one request, in microseconds."""
        return self.cpu_s / len(self.times) * 1e6

    def within_ms(self, share: float) -> float:
        """The time within which this share was answered."""
        return sorted(self.times)[int(len(self.times) * share)] * 1000


class Client:
    """Connections that ask the same again as soon as they are answered."""

    def __init__(self, port: int, request: bytes) -> None:
        self._request = request
        self._epoll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._asked_at: dict[int, float] = {}
        self._missing: dict[int, int] = {}
        for _ in range(CONNECTIONS):
            sock = socket.create_connection(("127.0.0.1", port), timeout=10)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets[sock.fileno()] = sock
            self._length = self._first_answer(sock)
            sock.setblocking(False)
            self._epoll.register(sock, select.EPOLLIN)

    def load(self, server: Server, seconds: float) -> Trial:
        """Ask for this long."""
        trial = Trial()
        began, cpu_s = time.perf_counter(), server.cpu_s()
        for number in self._sockets:
            self._ask(number)
        while (now := time.perf_counter()) < began + seconds:
            for number, _ in self._epoll.poll(1.0):
                self._hear(number, trial)
        trial.seconds = now - began
        trial.cpu_s = server.cpu_s() - cpu_s
        self._finish()
        return trial

    def close(self) -> None:
        """Leave."""
        for sock in self._sockets.values():
            sock.close()
        self._epoll.close()

    def _first_answer(self, sock: socket.socket) -> int:
        """Ask once and return how long the answer is."""
        sock.sendall(self._request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._checked(sock.recv(65536))
        head, _, body = data.partition(b"\r\n\r\n")
        (length,) = (
            int(line.partition(b":")[2])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        while len(body) < length:
            body += sock.recv(65536)
        return len(head) + 4 + length

    def _ask(self, number: int) -> None:
        self._asked_at[number] = time.perf_counter()
        self._missing[number] = self._length
        self._sockets[number].send(self._request)

    def _hear(self, number: int, trial: Trial) -> None:
        if self._take(number):
            trial.times.append(time.perf_counter() - self._asked_at[number])
            self._ask(number)

    def _take(self, number: int) -> bool:
        """Read; tell whether the answer is whole."""
        data = self._sockets[number].recv(65536)
        if self._missing[number] == self._length:
            self._checked(data)
        self._missing[number] -= len(data)
        if self._missing[number] < 0:
            raise AnswerLost("an answer was longer than the first one")
        return not self._missing[number]

    def _finish(self) -> None:
        """Read the answers that are still on their way."""
        waiting = set(self._sockets)
        while waiting:
            for number, _ in self._epoll.poll(10.0):
                if self._take(number):
                    waiting.discard(number)

    @staticmethod
    def _checked(data: bytes) -> bytes:
        if not data.startswith(b"HTTP/1.1 200"):
            raise AnswerLost(data[:200].decode(errors="replace"))
        return data


def run() -> list[Row]:
    """Measure each request both ways, by turns: a busy machine is busy for both."""
    rows: list[Row] = []
    with serving(HTTP_DIRECT="on") as fast, serving(HTTP_DIRECT="off") as fallback:
        servers = (fast, fallback)
        bounties = [f"/api/bounties/{post_bounty(server)}" for server in servers]
        rows += compare("health", servers, ["/health"] * 2, goal=None)
        rows += compare("one bounty", servers, bounties, goal=f">= {GOAL_RATIO:g}")
    return rows


def compare(
    name: str, servers: tuple[Server, Server], paths: list[str], goal: str | None
) -> list[Row]:
    """Load both servers in turn and set the sums beside each other."""
    trials = Trial(), Trial()
    clients = [
        Client(server.port, asking(path)) for server, path in zip(servers, paths, strict=True)
    ]
    for server, client in zip(servers, clients, strict=True):
        client.load(server, WARM_UP_S)
    for _ in range(ROUNDS):
        for server, client, trial in zip(servers, clients, trials, strict=True):
            trial.add(client.load(server, ROUND_S))
    for client in clients:
        client.close()
    fast, fallback = trials
    return [
        (f"{name}, fast path", fast.per_second, "req/s", None),
        ("  answered within, p99", fast.within_ms(0.99), "ms", None),
        ("  server processor per request", fast.cpu_us, "µs", None),
        (f"{name}, Hypercorn fallback", fallback.per_second, "req/s", None),
        ("  answered within, p99", fallback.within_ms(0.99), "ms", None),
        ("  server processor per request", fallback.cpu_us, "µs", None),
        ("  fast path by fallback", fast.per_second / fallback.per_second, "times", goal),
    ]


def asking(path: str) -> bytes:
    """The request for a path."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n".encode()


def post_bounty(server: Server) -> str:
    """Post a bounty for honour and return its id."""
    bounty = {
        "title": "Paint the garden fence",
        "description": "Two coats of green on thirty metres; brushes and paint are there.",
        "is_for_honor": True,
    }
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
        headers = {"Authorization": f"Bearer {token(1)}"}
        reply = client.post("/api/bounties", json=bounty, headers=headers)
        reply.raise_for_status()
        return str(reply.json()["id"])
