"""What one authenticated idle socket costs the server in memory."""

from __future__ import annotations

import time

from bench.crowd import Crowd, pump_for
from bench.server import raise_file_limit, serving

SOCKETS = 5_000
GOAL_KIB = 6.0
# Opened first, so that what is allocated once is not counted as theirs.
WARM_UP = 500
# Files the server needs for itself: its database connections, its libraries, its log.
SPARE_FILES = 500
# The server's allocator and collector come to rest in this time; pings are answered meanwhile.
SETTLE_S = 5.0


def run() -> list[tuple[str, float, str, float | None]]:
    """Measure the server's private memory before and after 5,000 sockets."""
    count = min(SOCKETS, raise_file_limit() - SPARE_FILES - WARM_UP)
    with serving() as server:
        crowd = Crowd(server.port)
        crowd.join(range(WARM_UP))
        pump_for(crowd.fleet, SETTLE_S)
        before_kib = server.private_kib()
        started = time.monotonic()
        crowd.join(range(WARM_UP, WARM_UP + count))
        rate = count / (time.monotonic() - started)
        pump_for(crowd.fleet, SETTLE_S)
        after_kib = server.private_kib()
        crowd.check()
        cpu_s = server.cpu_s()
        pump_for(crowd.fleet, SETTLE_S)
        idle_share = (server.cpu_s() - cpu_s) / SETTLE_S
        crowd.close()
    each_kib = (after_kib - before_kib) / count
    return [
        (f"idle socket, of {count}", each_kib, "KiB", GOAL_KIB),
        ("  server in all, with them", after_kib / 1024, "MiB", None),
        ("  new accounts welcomed", rate, "/s", None),
        ("  processor share while idle", idle_share * 100, "%", None),
    ]
