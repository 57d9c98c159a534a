"""The command line and its database: what cannot work, whose it is, and what has run there."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import httpx
import psycopg
from bountyexpo.domain.ids import new_id
from bountyexpo.integrations.tls import trusted
from psycopg.conninfo import make_conninfo

from tests.databases import on_server, url
from tests.integration.test_cli import bountyexpo
from tests.server_process import ServerProcess, free_port, running

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_database_that_cannot_hold_every_text_ends_the_start(
    server_dsn: str, folder: Path
) -> None:
    name = f"ascii_{new_id().replace('-', '')}"
    options = "encoding 'SQL_ASCII' locale_provider 'libc' locale 'C'"
    on_server(server_dsn, f"create database {name} template template0 {options}")
    try:
        run = await serve(folder, url(make_conninfo(server_dsn, dbname=name)))
    finally:
        on_server(server_dsn, f"drop database {name} with (force)")

    assert run.returncode == 2
    assert "DATABASE_URL: the database is encoded as SQL_ASCII" in run.stderr.decode()
    assert b"Traceback" not in run.stderr


async def test_a_second_service_on_a_database_is_refused_by_name(dsn: str, folder: Path) -> None:
    (folder / "one").mkdir()
    first = ServerProcess(folder / "one", DATABASE_URL=dsn)
    async with running(first), httpx.AsyncClient(verify=trusted()) as client:
        second = await serve(folder / "two", dsn)
        still = await client.get(f"{first.url}/readyz")

    assert still.status_code == httpx.codes.OK
    assert second.returncode == 2
    told = second.stderr.decode()
    assert "DATABASE_URL: the database is in use by process" in told
    assert f"on host {socket.gethostname()}, port {first.port}" in told
    assert "Traceback" not in told


async def test_the_last_run_of_each_job_is_shown(dsn: str, folder: Path) -> None:
    none = await bountyexpo("jobs", DATABASE_URL=dsn)
    with psycopg.connect(dsn) as session:
        session.execute(
            "insert into app.job_runs (job, epoch, node, due_at, finished_at, outcome, error)"
            " values ('prune', 1, 'n1', now(), now(), 'failed', 'old'),"
            " ('prune', 2, 'n2', now(), now(), 'succeeded', null)"
        )
    some = await bountyexpo("jobs", DATABASE_URL=dsn)
    nowhere = await bountyexpo("jobs", BOUNTYEXPO_DATA=str(folder))

    assert (none.returncode, none.stdout) == (0, b"no job has run yet\n")
    (line,) = some.stdout.decode().splitlines()
    assert line.split()[:2] == ["prune", "succeeded"]
    assert line.endswith("n2")
    assert nowhere.returncode == 1
    assert f"No database runs in {folder}" in nowhere.stderr.decode()


async def serve(folder: Path, address: str):
    """Start a service that is expected to end by itself."""
    ports = {"PORT": str(free_port()), "SANDBOX_PORT": str(free_port())}
    return await bountyexpo("serve", DATABASE_URL=address, BOUNTYEXPO_DATA=str(folder), **ports)
