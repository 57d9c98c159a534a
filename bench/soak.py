"""A long mixed load while the server is killed again and again: ``make soak``.

``kill -9`` falls every KILL_EVERY_S, and every third time SIGTERM instead, as a deploy does. At the
end not one acknowledged message may be lost, doubled or out of order, every story must have come to
its end, and the books must balance.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import psycopg
import trio
from bountyexpo.sandbox.postgres import EmbeddedPostgres
from tests.chaos.test_kill import BOOKS
from tests.server_process import ServerProcess, running

SECRET = "a-secret-that-only-the-soak-test-uses-and-no-other"
REPORTS = Path(__file__).parents[1] / ".data"
KILL_EVERY_S = 20.0
# The last restart is so long before the end that everything can come back.
CALM_S = 10.0


def main() -> int:
    """Soak, and return 0 if nothing was broken."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--kill-every", type=float, default=KILL_EVERY_S)
    return trio.run(soak, parser.parse_args())


async def soak(options: argparse.Namespace) -> int:
    """Load and kill; then look at the books."""
    REPORTS.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bountyexpo-soak-"))
    server = ServerProcess(folder, SUPABASE_JWT_SECRET=SECRET)
    try:
        async with running(server) as nursery:
            load = await trio.lowlevel.open_process(
                command(server.url, options), cwd=Path(__file__).parents[1]
            )
            kills = await kill_until(load, server, nursery, options)
            code = await load.wait()
            sums = await trio.to_thread.run_sync(books, server.folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    names = ("accounts", "unbalanced transfers", "unsettled bounties", "drifted accounts")
    for name, value in zip(names, sums, strict=True):
        print(f"  {'ok    ' if value == 0 else 'FAILED'}  books: {name} {value}")
    print(f"  the server was ended {kills} times meanwhile")
    return code or int(any(sums))


def command(url: str, options: argparse.Namespace) -> list[str]:
    """The load that runs beside the kills."""
    return [
        *(sys.executable, "-m", "bountyexpo", "load", "mixed", "--url", url, "--patient"),
        *("--jwt-secret", SECRET, "--connections", str(options.connections)),
        *("--rate", str(options.rate), "--duration", str(options.seconds), "--drain", "60"),
        *("--max-errors", "0", "--html", str(REPORTS / "soak.html")),
        *("--json", str(REPORTS / "soak.json")),
    ]


async def kill_until(
    load: trio.Process, server: ServerProcess, nursery: trio.Nursery, options: argparse.Namespace
) -> int:
    """End the server and start it again, until the load is near its end; returns how often."""
    kills = 0
    until = trio.current_time() + options.seconds - CALM_S
    with trio.move_on_at(until):
        while load.returncode is None:
            await trio.sleep(options.kill_every)
            with trio.CancelScope(shield=True):
                await (server.stop() if kills % 3 == 2 else server.kill())
                await server.start(nursery)
            kills += 1
    return kills


def books(folder: Path) -> tuple[int, ...]:
    """What does not balance in the ledger; all zero when all is well."""
    database = EmbeddedPostgres(folder / "postgres")
    try:
        with psycopg.connect(database.start()) as session:
            row = session.execute(BOOKS).fetchone()
    finally:
        database.stop()
    assert row is not None
    return tuple(int(value) for value in row)


if __name__ == "__main__":
    sys.exit(main())
