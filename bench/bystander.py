"""Somebody who only pings, in a process of their own: what others feel while the server is busy."""

from __future__ import annotations

import multiprocessing
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bountyexpo.load.client.fleet import make_frame
from bountyexpo.load.report.histogram import Histogram

from bench.crowd import HELLO, pump_for
from bench.peers import Counter
from bench.server import token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

# A number that no crowd of the benchmarks reaches.
NUMBER = 900_000
PING = make_frame(b'{"type":"ping","t":1}')
PAUSE_S = 0.01
SETTLE_S = 0.5
SPAWN = multiprocessing.get_context("spawn")


@contextmanager
def bystander(port: int) -> Iterator[list[float]]:
    """Ping while the body runs; then the list holds the p99 of the answers, in ms."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_ping, args=(port, theirs), daemon=True)
    process.start()
    found: list[float] = []
    try:
        ours.recv()
        yield found
        ours.send("stop")
        found.append(ours.recv())
    finally:
        process.terminate()
        process.join()


def _ping(port: int, theirs: Connection) -> None:
    fleet = Counter(port)
    fleet.open([token(NUMBER)])
    [client] = fleet.sockets
    fleet.send(client, HELLO)
    pump_for(fleet, SETTLE_S)
    histogram = Histogram()
    theirs.send("ready")
    while not theirs.poll():
        fleet.bytes, began = 0, time.monotonic()
        fleet.send(client, PING)
        while not fleet.bytes:
            fleet.pump(1.0)
        histogram.record(time.monotonic() - began)
        pump_for(fleet, PAUSE_S)
    theirs.send(histogram.percentile_s(0.99) * 1000)
