"""The service works behind pgbouncer in both of its modes, also when it is started again."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
from bountyexpo.load.story.demo import demo
from psycopg.conninfo import conninfo_to_dict

from tests.databases import fresh_database, temporary_folder
from tests.proxies.programs import libraries, program
from tests.server_process import ServerProcess, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.debian

# In transaction mode it lends few sessions, so that transactions must change theirs.
SESSIONS = {"transaction": 4, "session": 40}

SETTINGS = """
[databases]
* = host={sockets} user=postgres

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {sessions}
"""


@contextmanager
def pgbouncer(folder: Path, dsn: str, mode: str) -> Iterator[str]:
    """Run it before the database of an address; gives its own."""
    parts, port = conninfo_to_dict(dsn), free_port()
    file = folder / "pgbouncer.ini"
    file.write_text(
        SETTINGS.format(sockets=parts["host"], port=port, mode=mode, sessions=SESSIONS[mode])
    )
    folder.chmod(0o755)
    # As whoever runs the server, whose socket nobody else may use; never as root.
    owner = Path(parts["host"], ".s.PGSQL.5432").owner()
    switch = ["-u", owner] if os.getuid() == 0 else []
    command = [program("pgbouncer"), "-q", *switch, str(file)]
    with subprocess.Popen(command, cwd="/", env={**os.environ, **libraries()}) as process:
        try:
            yield f"postgresql://{parts['user']}@127.0.0.1:{port}/{parts['dbname']}"
        finally:
            process.terminate()


@pytest.mark.parametrize("mode", SESSIONS)
async def test_the_story_is_played_behind_it_and_again_after_a_second_start(
    server_dsn: str, mode: str
):
    with (
        fresh_database(server_dsn) as dsn,
        temporary_folder() as folder,
        pgbouncer(folder, dsn, mode) as address,
    ):
        for start in ("one", "two"):
            (own := folder / start).mkdir()
            server = ServerProcess(own, DATABASE_URL=address)
            with trio.fail_after(60):
                async with running(server):
                    assert await demo(server.url, "json") == 0
            noticed = any("pooler in transaction mode" in line for line in server.output)
            assert noticed is (mode == "transaction")
