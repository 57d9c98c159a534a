"""``bountyexpo load`` against a server process: each scenario for a second or two."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from tests.server_process import ServerProcess, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECRET = "a-secret-for-the-load-tests-of-forty-bytes"
RUN_S = 60.0

SCENARIOS = {
    "connect": ["--connections", "40", "--rate", "40", "--duration", "1"],
    "idle": ["--connections", "20", "--rate", "50", "--duration", "1", "--codec", "msgpack"],
    "chat": ["--connections", "20", "--rate", "50", "--duration", "2", "--drops", "4"],
    "room": ["--connections", "20", "--rate", "5", "--duration", "1", "--processes", "2"],
    "rest": ["--connections", "4", "--rate", "50", "--duration", "1", "--ramp", "0.5"],
    "story": ["--rate", "1", "--duration", "1"],
    "reconnect": ["--connections", "20", "--source", "127.0.0.0/8", "--resume"],
    "mixed": ["--connections", "20", "--rate", "30", "--duration", "1"],
}


@pytest.fixture
async def server() -> AsyncIterator[ServerProcess]:
    folder = Path(tempfile.mkdtemp(prefix="bountyexpo-load-"))
    process = ServerProcess(folder, SUPABASE_JWT_SECRET=SECRET)
    async with running(process):
        yield process
    shutil.rmtree(folder, ignore_errors=True)


async def load(url: str, *arguments: str) -> tuple[int, str]:
    with trio.fail_after(RUN_S):
        done = await trio.run_process(
            [sys.executable, "-m", "bountyexpo", "load", *arguments, "--url", url, "--quiet"],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    return done.returncode, (done.stdout + done.stderr).decode()


async def test_each_scenario_measures_and_finds_nothing_broken(
    server: ServerProcess, tmp_path: Path
) -> None:
    for scenario, options in SCENARIOS.items():
        code, said = await load(
            server.url, scenario, *options, "--jwt-secret", SECRET, "--json", "-"
        )

        assert code == 0, f"{scenario}: {said}"
        found = json.loads(said)
        assert found["faultCount"] == 0
        assert found["times"], scenario

    code, said = await load(
        server.url,
        *("chat", "--connections", "2", "--rate", "20", "--duration", "1"),
        *("--max-p95-ms", "0.001", "--html", str(tmp_path / "page.html")),
    )

    assert code == 1, said
    assert "FAILED" in said
    assert "<svg" in (tmp_path / "page.html").read_text()


async def test_a_run_that_cannot_be_made_says_why() -> None:
    code, said = await load("http://127.0.0.1:1", "chat", "--jwt-secret", SECRET)

    assert code == 2
    assert "no server answers" in said
