"""Finding the server of this machine by its port, wherever it keeps its data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bountyexpo.runtime.clock import SystemClock
from bountyexpo.sandbox.emulators import operator_token, providers
from bountyexpo.sandbox.local_server import database_at, operator_token_at
from bountyexpo.settings import Settings

from tests.server_process import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

# Listens as a server does, and lives until its input ends.
LISTENER = """
import os, socket, sys
line = socket.create_server(("127.0.0.1", 0))
print(line.getsockname()[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The port of a process that was started in a folder, with data in a folder below."""
    command = [sys.executable, "-c", LISTENER]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={"BOUNTYEXPO_DATA": "below"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.terminate()


def test_its_token_is_found_through_its_own_settings(port: int, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "below")
    providers(settings)  # makes the secrets, as a start does

    token = operator_token_at(f"http://127.0.0.1:{port}", {"BOUNTYEXPO_DATA": str(tmp_path)})

    assert token is not None
    made = operator_token(settings, SystemClock().now())
    assert made is not None
    assert token.split(".")[0] == made.split(".")[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_server_without_secrets_has_no_token(host: str, tmp_path: Path) -> None:
    url = f"http://{host}:{free_port()}"

    assert operator_token_at(url, {"BOUNTYEXPO_DATA": str(tmp_path)}) is None


def test_a_server_elsewhere_is_not_looked_for(port: int, tmp_path: Path) -> None:
    providers(Settings(data_dir=tmp_path / "below"))

    assert operator_token_at(f"http://db.example.org:{port}", {"BOUNTYEXPO_DATA": "/none"}) is None


@pytest.mark.parametrize("given", [None, "postgresql://app@db.example.org/app"])
def test_its_database_is_found_through_its_own_settings(
    port: int, given: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [Settings(data_dir=Path("/data"), database_url=given)]
    monkeypatch.setattr("bountyexpo.sandbox.local_server._own", lambda _url: iter(found))
    monkeypatch.setattr("bountyexpo.sandbox.local_server.running_address", str)

    assert database_at(f"http://127.0.0.1:{port}") == (given or "/data/postgres")


def test_a_server_elsewhere_has_no_database_here(port: int) -> None:
    assert database_at(f"http://db.example.org:{port}") is None
