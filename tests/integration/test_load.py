"""``bountyexpo load`` against a server process: each scenario for a second or two."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trio
from bountyexpo.load.options import Options
from bountyexpo.load.report.terminal import table
from bountyexpo.load.run import measure
from bountyexpo.runtime.clock import SystemClock
from bountyexpo.sandbox.emulators import operator_token
from bountyexpo.settings import Settings

from tests.server_process import ServerProcess, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bountyexpo.load.report.result import Result

ISSUER = "https://load.example/auth/v1"
SECRET = "a-secret-for-the-load-tests-of-forty-bytes"
SIGNED = ("--jwt-secret", SECRET, "--jwt-issuer", ISSUER)
RUN_S = 60.0

RUNS = (
    Options(scenario="connect", connections=40, rate=40, duration_s=1),
    Options(scenario="idle", connections=20, rate=50, duration_s=1, codec="msgpack"),
    Options(scenario="chat", connections=20, rate=50, duration_s=2, drops_per_s=4),
    Options(scenario="room", connections=20, rate=5, duration_s=1, processes=2),
    Options(scenario="rest", connections=4, rate=50, duration_s=1, ramp_s=0.5),
    Options(scenario="story", rate=3, duration_s=1),
    Options(
        scenario="reconnect", connections=20, is_resuming=True, sources=("127.0.0.2", "127.0.0.3")
    ),
    Options(scenario="mixed", connections=20, rate=30, duration_s=1),
)


@pytest.fixture
async def server(folder: Path, dsn: str) -> AsyncIterator[ServerProcess]:
    process = ServerProcess(
        folder, DATABASE_URL=dsn, SUPABASE_JWT_SECRET=SECRET, SUPABASE_JWT_ISSUER=ISSUER
    )
    async with running(process):
        yield process


async def load(*arguments: str) -> tuple[int, str]:
    with trio.fail_after(RUN_S):
        done = await trio.run_process(
            [sys.executable, "-m", "bountyexpo", "load", *arguments, *SIGNED],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    return done.returncode, (done.stdout + done.stderr).decode()


async def test_each_scenario_measures_and_finds_nothing_broken(
    server: ServerProcess, dsn: str, tmp_path: Path
) -> None:
    settings = Settings(data_dir=server.folder, supabase_jwt_secret=SECRET)
    judge = operator_token(settings, SystemClock().now())
    for options in RUNS:
        wanted = replace(options, url=server.url, jwt_secret=SECRET, jwt_issuer=ISSUER)
        if options.scenario == "story":
            wanted = replace(wanted, admin_token=judge, database_url=dsn)
        with trio.fail_after(RUN_S):
            result = await trio.to_thread.run_sync(measure, wanted, abandon_on_cancel=True)

        assert result.is_good, table(result)
        assert result.main.count or options.scenario == "idle"
        if options.scenario == "story":
            check_lives(result)
    # One server for all, because starting it takes longer than most of the runs.
    await check_the_command(server, tmp_path)


def check_lives(result: Result) -> None:
    """One of each kind was told to its end by people with tokens, and the books are right."""
    kinds = ("cancellation", "dispute", "revision")
    assert result.facts == {f"ended: {kind}": 1 for kind in kinds}
    assert "story: register" not in result.timeline.total.times
    assert len(result.books) == 6
    assert not any(result.books.values())
    assert not result.warnings()


async def check_the_command(server: ServerProcess, tmp_path: Path) -> None:
    """A missed threshold is the exit code, and both kinds of reports are written."""
    page = trio.Path(tmp_path / "page.html")

    code, said = await load(
        *("chat", "--connections", "2", "--rate", "20", "--duration", "1", "--quiet"),
        *("--max-p95-ms", "0.001", "--html", str(page), "--json", "-", "--url", server.url),
    )

    assert code == 1, said
    found = json.loads(said)
    assert [each["isMet"] for each in found["verdicts"]] == [True, True, True, False]
    assert "<svg" in await page.read_text()


async def test_a_run_that_cannot_be_made_says_why() -> None:
    code, said = await load("chat", "--url", "http://127.0.0.1:1")

    assert code == 2
    assert "no server answers" in said
