"""The command line as an operator uses it, against a real server in its own process."""

from __future__ import annotations

import os
import re
import socket
import sys
from typing import TYPE_CHECKING

import httpx
import pytest
import trio
from bountyexpo.cli import _welcome
from bountyexpo.data_folder import DataFolderRefused, claimed
from bountyexpo.domain.ids import new_id
from bountyexpo.integrations.tls import trusted
from bountyexpo.sandbox.auth.tokens import api_key
from bountyexpo.sandbox.emulators import with_ports
from bountyexpo.settings import Settings

from tests.patience import PATIENCE_S
from tests.server_process import ServerProcess, free_port, running

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


async def bountyexpo(*arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    with trio.fail_after(PATIENCE_S):
        return await trio.run_process(
            [sys.executable, "-m", "bountyexpo", *arguments],
            env={"PATH": os.environ["PATH"]} | environ,
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )


async def test_a_bad_setting_is_named_with_its_fix_and_stops_the_start() -> None:
    run = await bountyexpo("serve", PORT="many", STRIPE_SECRET_KEY="pk_test_public")

    assert run.returncode == 2
    told = run.stderr.decode()
    assert "PORT is 'many'" in told
    assert "Use 0 to 65535" in told
    assert "STRIPE_SECRET_KEY does not begin with sk_" in told
    assert "pk_test_public" not in told


async def test_production_refuses_every_emulator() -> None:
    run = await bountyexpo("serve", BOUNTYEXPO_ENV="production")

    assert run.returncode == 2
    told = run.stderr.decode()
    assert all(name in told for name in ("DATABASE_URL", "SUPABASE_URL", "STRIPE_SECRET_KEY"))


async def test_production_does_not_start_with_a_test_key_or_an_unencrypted_auth_server() -> None:
    run = await bountyexpo(
        "serve",
        BOUNTYEXPO_ENV="production",
        DATABASE_URL="postgresql://app:x@db.internal/x",
        SUPABASE_URL="http://auth.example.org",
        SUPABASE_ANON_KEY="a",
        SUPABASE_SERVICE_ROLE_KEY="s",
        STRIPE_SECRET_KEY="sk_test_hunter2",
        STRIPE_WEBHOOK_SECRET="whsec_a",
    )

    assert run.returncode == 2
    told = run.stderr.decode()
    assert "STRIPE_SECRET_KEY is no live key" in told
    assert "SUPABASE_URL is not encrypted" in told
    assert "hunter2" not in told


@pytest.mark.parametrize("command", ["tree", "demo"])
async def test_without_a_server_a_command_says_so_and_fails(command: str, folder: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    run = await bountyexpo(command, "--url", url, BOUNTYEXPO_DATA=str(folder))

    assert run.returncode == 1
    assert url in (run.stdout + run.stderr).decode()


async def test_the_tree_is_shown_to_the_operator_only_who_judges_in_the_demo(
    folder: Path, dsn: str
) -> None:
    server = ServerProcess(folder, DATABASE_URL=dsn)
    async with running(server):
        known = await bountyexpo("tree", "--url", server.url, BOUNTYEXPO_DATA=str(folder))
        stranger = await bountyexpo("tree", "--url", server.url, BOUNTYEXPO_DATA=f"{folder}/none")
        story = ("demo", "--story", "dispute", "--url", server.url)
        judged = await bountyexpo(*story, BOUNTYEXPO_DATA=str(folder))

    assert judged.returncode == 0, judged.stdout
    assert "An administrator looks at the case" in judged.stdout.decode()
    assert known.returncode == 0
    lines = known.stdout.decode().splitlines()
    assert lines[0] == "root (supervisor rest_for_one) running"
    assert "    bounty (pool) running" in lines
    assert stranger.returncode == 1
    assert "sign in" in stranger.stderr.decode().lower()


async def test_a_second_service_on_a_data_folder_is_refused_by_name(folder: Path, dsn: str) -> None:
    server = ServerProcess(folder, DATABASE_URL=dsn)
    async with running(server):
        second = await bountyexpo(
            "serve", PORT=str(free_port()), SANDBOX_PORT="0", BOUNTYEXPO_DATA=str(folder)
        )
        async with httpx.AsyncClient(verify=trusted()) as client:
            first = await client.get(f"{server.url}/readyz")

    assert second.returncode == 2
    told = second.stderr.decode()
    assert all(text in told for text in (str(folder), str(server.process.pid), str(server.port)))
    assert first.status_code == 200


def test_a_data_folder_is_free_when_its_service_has_ended(folder: Path) -> None:
    with claimed(folder, port=1):
        pass
    with claimed(folder, port=2), pytest.raises(DataFolderRefused, match=r"on port 2\b"):
        claimed(folder, port=3).__enter__()


def test_a_data_folder_that_cannot_be_written_is_named(folder: Path) -> None:
    (folder / "file").write_text("no folder")

    with pytest.raises(DataFolderRefused, match="cannot be written"):
        claimed(folder / "file" / "data", port=1).__enter__()


async def test_a_port_in_use_is_named(folder: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]

        run = await bountyexpo("serve", PORT=str(port), BOUNTYEXPO_DATA=str(folder))

    assert run.returncode == 2
    assert f"PORT: port {port} is in use" in run.stderr.decode()


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
async def test_a_host_of_another_machine_is_named(folder: Path, host: str) -> None:
    run = await bountyexpo("serve", HOST=host, BOUNTYEXPO_DATA=str(folder))

    said = run.stderr.decode()
    assert run.returncode == 2
    assert f"HOST: this machine has no address {host}" in said
    assert len(said.splitlines()) == 1


async def test_the_start_prints_keys_that_open_the_auth_server(folder: Path, dsn: str) -> None:
    server = ServerProcess(folder, DATABASE_URL=dsn)
    async with running(server), httpx.AsyncClient(verify=trusted()) as client:
        shown = r"^  (anon key|service key|mail) +(\S+)"
        told = dict(re.findall(shown, "\n".join(server.output), re.MULTILINE))
        anon, service = told["anon key"], told["service key"]
        asked = f"{server.sandbox_url}/auth/v1"
        settings = await client.get(f"{asked}/settings", headers={"apikey": anon})
        headers = {"apikey": anon, "Authorization": f"Bearer {service}"}
        unknown = await client.get(f"{asked}/admin/users/{new_id()}", headers=headers)
        mail = await client.get(told["mail"])

    assert settings.status_code == 200
    assert (unknown.status_code, unknown.json()["error_code"]) == (404, "user_not_found")
    assert mail.json() == {"messages": []}


def test_a_service_key_of_a_secret_that_may_be_a_projects_is_not_printed(folder: Path) -> None:
    environ = {"BOUNTYEXPO_DATA": str(folder), "BOUNTYEXPO_ENV": "test"}
    secret = {"SUPABASE_JWT_SECRET": "a-secret-of-at-least-thirty-two-bytes"}

    own = _welcome(with_ports(Settings.load(environ)))
    given = _welcome(with_ports(Settings.load(environ | secret)))

    assert api_key("service_role", secret["SUPABASE_JWT_SECRET"]) not in given
    assert api_key("anon", secret["SUPABASE_JWT_SECRET"]) in given
    assert "service key eyJ" in own
