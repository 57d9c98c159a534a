"""``bountyexpo doctor`` beside a running service, and over a database of each kind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bountyexpo.doctor import database
from bountyexpo.doctor.diagnosis import Verdict

from tests.integration.test_cli import bountyexpo
from tests.server_process import ServerProcess, free_port, running

if TYPE_CHECKING:
    from pathlib import Path


async def test_beside_a_running_service_all_is_well(folder: Path, dsn: str) -> None:
    server = ServerProcess(folder, DATABASE_URL=dsn)
    environ = {"DATABASE_URL": dsn, "PORT": str(server.port), "BOUNTYEXPO_DATA": str(folder)}
    async with running(server):
        run = await bountyexpo("doctor", "--json", **environ)
        ready = await bountyexpo("doctor", "--ready", PORT=str(server.port))

    found = {each["subject"]: each for each in json.loads(run.stdout)}
    assert run.returncode == 0, run.stdout
    assert {"settings", "database", "encoding", "migrations", "clock"} <= found.keys()
    assert found["migrations"]["told"].startswith("at 00")
    assert "the service runs there" in found["port"]["told"]
    assert (ready.returncode, ready.stdout) == (0, b"ready\n")


async def test_without_a_service_it_is_not_ready() -> None:
    run = await bountyexpo("doctor", "--ready", PORT=str(free_port()))

    assert run.returncode == 1
    assert b"no server answers" in run.stderr


def test_a_fresh_database_has_its_migrations_to_come(empty_dsn: str) -> None:
    found = {each.subject: each for each in database.examine(empty_dsn)}

    assert found["database"].verdict is Verdict.WELL
    assert "to come" in found["migrations"].told
    assert "when it starts" in found["migrations"].advice


def test_a_database_that_does_not_answer_is_a_failure_without_its_address() -> None:
    dsn = f"postgresql://app:hunter2@127.0.0.1:{free_port()}/bountyexpo"

    (found,) = database.examine(dsn)

    assert found.verdict is Verdict.FAILURE
    assert "hunter2" not in found.told + found.advice
