"""A long mixed load while every part of the server is broken in turn: ``make soak``.

Chat with cut connections, REST and whole stories go on; meanwhile actors crash, the parts of the
tree fail one by one, and the database and the whole process are killed and stopped. One client
reads nothing of what it asks for, and another one, from an address of its own, sends nothing but
bad frames. At the end not one acknowledged message may be lost, doubled or out of order, every
story must have come to its end, and the books must balance.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import sys
import tempfile
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
import trio
from bountyexpo.load.books import ENDS, SUMS, count
from bountyexpo.load.people import sign_tokens
from bountyexpo.sandbox.postgres import EmbeddedPostgres
from tests.chaos.breakable import BreakableServer
from tests.chaos.never_reader import never_read
from tests.server_process import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECRET = "a-secret-that-only-the-soak-test-uses-and-no-other"
ROOT = Path(__file__).parents[1]
REPORTS = ROOT / ".data"
# Something is broken this often, in the turn of ``BREAKAGES``.
BREAK_EVERY_S = 8.0
# The last one is so long before the end that everything can come back.
CALM_S = 15.0

# Bad frames per second; who sends them is limited, everybody else is not.
HOSTILE_PER_S = 200
FROZEN_S = 12.0
LIMITS = {
    "RATE_LIMITS": "on",
    "RATE_LIMIT_MULTIPLIER": "1",
    "RATE_LIMIT_ALLOW": "127.0.0.1/32",
}

BREAKAGES = (
    "server killed",
    *(f"actor conversation {moment}" for moment in ("before", "after")),
    "child journal",
    "child poller",
    "database killed",
    *(f"actor {kind} after" for kind in ("user", "bounty", "payment")),
    "child hub",
    "server stopped",
    *(f"child {name}" for name in ("conversation", "user", "bounty", "payment")),
    "child sessions",
    "child pool",
    "server killed",
    *(f"actor {kind} before" for kind in ("user", "bounty", "payment")),
    *(f"child {name}" for name in ("outbox", "webhooks", "sandbox")),
    "database stopped",
    "database frozen",
    *(f"child {name}" for name in ("hypercorn_fallback", "fast_path", "acceptor")),
)

# What must be zero at the end, beside the books.
HOLES = """
    select count(*) from app.conversations c where c.last_seq <>
        (select count(*) from app.messages m where m.conversation_id = c.id)
"""


@dataclass
class Soak:
    """One run: the server, its database, and what was broken how often."""

    server: BreakableServer
    database: EmbeddedPostgres
    nursery: trio.Nursery
    broken: Counter[str] = field(default_factory=Counter)

    async def break_until(self, load: trio.Process, seconds: float, every_s: float) -> None:
        """Break one thing after the other, until the load is near its end."""
        turns = itertools.cycle(BREAKAGES)
        with trio.move_on_after(seconds - CALM_S):
            while load.returncode is None:
                await trio.sleep(every_s)
                what = next(turns)
                sys.stderr.write(f"breaks: {what}\n")
                with trio.CancelScope(shield=True):
                    await self._break(what)
                self.broken[what] += 1

    async def _break(self, what: str) -> None:
        match what.split():
            case "server", how:
                await (self.server.kill() if how == "killed" else self.server.stop())
                await self.server.start(self.nursery)
            case "database", "frozen":
                await self._freeze()
            case "database", how:
                end = self.database.kill if how == "killed" else self.database.stop
                await trio.to_thread.run_sync(end)
                await trio.to_thread.run_sync(self.database.start)
            case _:
                await self.server.break_(what)

    async def _freeze(self) -> None:
        """Let the database stand still for longer than any statement may take."""
        file = self.database.folder / "postmaster.pid"
        postmaster = psutil.Process(int(file.read_text().splitlines()[0]))
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            process.suspend()
        try:
            await trio.sleep(FROZEN_S)
        finally:
            for process in processes:
                process.resume()


def main() -> int:
    """Soak, and return 0 if nothing was broken."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--break-every", type=float, default=BREAK_EVERY_S)
    return trio.run(soak, parser.parse_args())


async def soak(options: argparse.Namespace) -> int:
    """Load and break; then look at what came of it, and at the books."""
    REPORTS.mkdir(exist_ok=True)
    async with setting() as run:
        load = await trio.lowlevel.open_process(command(run.server.url, options), cwd=ROOT)
        try:
            async with misbehaving(run.server.port, options.seconds):
                await run.break_until(load, options.seconds, options.break_every)
                code = await load.wait()
        finally:
            if load.poll() is None:
                load.terminate()
        sums = await trio.to_thread.run_sync(books, run.database)
    if not (REPORTS / "soak.json").exists():
        return code
    found = json.loads((REPORTS / "soak.json").read_text())
    verdicts = [*promises(found), *sums]
    sys.stdout.write(table(run.broken, found["times"], verdicts) + "\n")
    return code or int(any(value for _, value in verdicts))


@asynccontextmanager
async def setting() -> AsyncIterator[Soak]:
    """A server that can be broken, over a database that can be killed."""
    folder = Path(tempfile.mkdtemp(prefix="bountyexpo-soak-"))
    database = EmbeddedPostgres(folder / "postgres")
    try:
        dsn = await trio.to_thread.run_sync(database.start)
        server = BreakableServer(
            folder / "data", DATABASE_URL=dsn, SUPABASE_JWT_SECRET=SECRET, **LIMITS
        )
        try:
            async with running(server) as nursery:
                yield Soak(server, database, nursery)
        finally:
            (REPORTS / "soak.log").write_text("\n".join(server.output) + "\n")
    finally:
        database.stop()
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def misbehaving(port: int, seconds: float) -> AsyncIterator[None]:
    """Let a client that never reads and a hostile one go on inside."""
    url = f"http://127.0.0.1:{port}"
    never, hostile = await trio.to_thread.run_sync(sign_tokens, url, SECRET, ["never", "hostile"])
    flood = await trio.lowlevel.open_process(
        [
            *(sys.executable, "-m", "tests.chaos.flood", str(port), str(HOSTILE_PER_S)),
            *(str(seconds), "--token", hostile),
        ],
        cwd=ROOT,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(never_read, port, never)
        yield
        nursery.cancel_scope.cancel()
    await flood.wait()


def command(url: str, options: argparse.Namespace) -> list[str]:
    """The load that runs beside the breaking."""
    (REPORTS / "soak.json").unlink(missing_ok=True)
    return [
        *(sys.executable, "-m", "bountyexpo", "load", "mixed", "--url", url, "--patient"),
        *("--jwt-secret", SECRET, "--connections", str(options.connections)),
        *("--rate", str(options.rate), "--duration", str(options.seconds), "--drain", "60"),
        *("--max-errors", "0", "--html", str(REPORTS / "soak.html")),
        *("--json", str(REPORTS / "soak.json")),
    ]


def promises(found: dict[str, Any]) -> list[tuple[str, int]]:
    """What must be zero of the load's report."""
    counts = found["counts"]
    return [
        ("acknowledged messages lost", counts.get("lost", 0)),
        ("heard twice", counts.get("doubled", 0)),
        ("heard out of order", counts.get("reordered", 0)),
        ("broken in other ways", counts.get("broken", 0)),
        ("errors that waiting does not cure", sum(found["errors"].values())),
    ]


def books(database: EmbeddedPostgres) -> list[tuple[str, int]]:
    """What must be zero in the database."""
    with psycopg.connect(database.dsn()) as session:
        found = count(session, SUMS, ENDS)
        holes = session.execute(HOLES).fetchone()
    assert holes is not None
    return [
        *((f"books: {name}", value) for name, value in found.items()),
        ("conversations whose numbers have holes", int(holes[0])),
    ]


def table(broken: Counter[str], times: dict[str, Any], verdicts: list[tuple[str, int]]) -> str:
    """What was broken how often, and what came of it."""
    lines = ["", f"{'broken meanwhile':<44}{'times':>12}"]
    lines += [f"  {what:<42}{times:>12}" for what, times in broken.items()]
    lines += [f"  {'in all':<42}{broken.total():>12}", ""]
    lines += [f"  messages {name:<33}{times[name]['count']:>12}" for name in ("acked", "delivered")]
    lines += ["", f"{'goal 0':<44}{'found':>12}"]
    for what, value in verdicts:
        lines.append(f"  {what:<42}{value:>12}  {'met' if value == 0 else 'MISSED'}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
