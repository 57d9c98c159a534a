"""How fast lists of bounties are answered in a large market, through the whole server.

Each request is asked for by itself, over one kept-alive connection, so that the time is that of the
answer and not of a queue.
"""

from __future__ import annotations

import json
import time
from http.client import HTTPConnection
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bench.lists.large_market import BOUNTIES, TOWNS, USERS, filled_market, user_id
from bench.server import serving

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bench.server import Server

P95_MS_GOAL = 20.0

REQUESTS = 100
WARM_UP = 10
# How far a walk by cursor goes before its pages are measured.
PAGES_BEFORE = 99

Rows = list[tuple[str, float, str, float | str | None]]

# What is asked for, by turns, under each name.
SHAPES: Mapping[str, tuple[str, ...]] = {
    "first page": ("status=open&limit=20",),
    "page 25 by its number": ("page=25&limit=20",),
    "cheapest first": ("sortBy=amount_asc", "sortBy=amount_desc&minAmount=5&maxAmount=40"),
    "ends first": ("sortBy=due_date&sortOrder=asc&page=1",),
    "a category": tuple(f"category={name}" for name in ("tech", "design", "delivery")),
    "kind of work, price, no honour": ("work_type=in_person&page=1&isForHonor=false&minAmount=50",),
    "every status": ("status=all&page=1", "status=completed,archived&page=1"),
    "somebody's own form": tuple(f"userId={user_id(n)}&status=all" for n in range(7, 900, 31)),
    "a place": tuple(f"location={quote(town[1:])}" for town in TOWNS[::5]),
    "skills": ("skills=plumbing", "skills=juggling,rust", "skills=nothing%20of%20it"),
    "words": ("q=carry%20sofa", "q=harpsichord", "q=nosuchword"),
}


def run() -> Rows:
    """Fill a market, serve it, and measure each kind of list."""
    began = time.monotonic()
    with filled_market() as dsn:
        filled_s = time.monotonic() - began
        with serving(DATABASE_URL=dsn) as server:
            return [
                (f"{BOUNTIES:,} bounties of {USERS:,} users filled", filled_s, "s", None),
                *lists(server),
            ]


def lists(server: Server) -> Rows:
    """Measure every shape, and pages that only a cursor reaches."""
    rows: Rows = []
    for name, queries in SHAPES.items():
        paths = (f"/api/bounties?{query}" for query in queries)
        rows += timed(server, f"list: {name}", islice(cycle(paths), WARM_UP + REQUESTS))
    for sort in ("created_at", "amount", "due_date"):
        rows += timed(server, f"list: page {PAGES_BEFORE + 1} on, by {sort}", walk(server, sort))
    return rows


def timed(server: Server, name: str, paths: Iterable[str]) -> Rows:
    """Ask for each path in turn; return how long answers took, the first ones left out."""
    with_connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    times = []
    for path in paths:
        began = time.perf_counter()
        _answer(with_connection, path)
        times.append((time.perf_counter() - began) * 1000)
    with_connection.close()
    times = sorted(times[WARM_UP:])
    return [
        (f"{name}, p95", times[int(len(times) * 0.95)], "ms", P95_MS_GOAL),
        ("  p50", times[len(times) // 2], "ms", None),
    ]


def walk(server: Server, sort: str) -> Iterator[str]:
    """Go from page to page, and yield those far behind."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    path = base = f"/api/bounties?limit=20&sortBy={sort}"
    for number in range(PAGES_BEFORE + WARM_UP + REQUESTS):
        if number >= PAGES_BEFORE:
            yield path
        cursor = _answer(connection, path)["pagination"]["nextCursor"]
        path = f"{base}&cursor={cursor}"
    connection.close()


def _answer(connection: HTTPConnection, path: str) -> Any:
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise AssertionError(f"{path}: {response.status} {body[:200]!r}")
    return json.loads(body)
