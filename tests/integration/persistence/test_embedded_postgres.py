"""The embedded server: found again after a crash, started again, stopped by the last to leave."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import psycopg
import pytest
import trio
from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.sandbox import postgres_folder
from bountyexpo.sandbox.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Callable

# Starts the server, says so, and then waits to be killed.
USER = """
import sys, time
from bountyexpo.sandbox import postgres_folder
from bountyexpo.sandbox.postgres import EmbeddedPostgres
EmbeddedPostgres(sys.argv[1], settings={"fsync": "off"}).start()
sys.stdout.write("started\\n"); sys.stdout.flush()
time.sleep(600)
"""


@pytest.fixture
def new_folder(folder: Path) -> Path:
    """Where a server makes its data at its first start."""
    return folder / "data"


@pytest.fixture
def made_folder(folder: Path, initdb: Callable[[Path], Path]) -> Path:
    """The data of a server that was made before."""
    return initdb(folder / "data")


def server(folder: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(folder, settings={"fsync": "off"})


def run(dsn: str, sql: str) -> list[tuple]:
    with psycopg.connect(dsn, autocommit=True) as session:
        found = session.execute(sql)
        return found.fetchall() if found.description else []


def test_a_killed_service_finds_its_server_again(new_folder: Path):
    user = subprocess.Popen(
        [sys.executable, "-c", USER, str(new_folder)], stdout=subprocess.PIPE, text=True
    )
    while user.stdout.readline() != "started\n":
        assert user.poll() is None
    user.send_signal(signal.SIGKILL)
    user.wait()
    user.stdout.close()
    pid = (new_folder / "postmaster.pid").read_text().split("\n", 1)[0]

    following = server(new_folder)
    dsn = following.start()

    assert (new_folder / "postmaster.pid").read_text().split("\n", 1)[0] == pid
    assert run(dsn, "select 1") == [(1,)]
    following.stop()
    assert not following.is_running()


def test_the_last_to_leave_stops_it_and_the_data_stay(made_folder: Path):
    one, two = server(made_folder), server(made_folder)
    dsn = one.start()
    assert two.start() == dsn
    run(dsn, "create table kept as select 7 as n")

    one.stop()
    assert two.is_running()
    two.stop()
    assert not two.is_running()

    assert run(one.start(), "select n from kept") == [(7,)]
    one.stop()


def test_a_killed_server_is_started_again_at_once(made_folder: Path):
    own = server(made_folder)
    dsn = own.start()
    run(dsn, "create table kept as select 7 as n")

    own.kill()

    assert run(own.start(), "select n from kept") == [(7,)]
    own.stop()


def test_the_mark_of_another_process_does_not_confuse_it(made_folder: Path):
    own = server(made_folder)
    own.start()
    own.kill()
    lines = (made_folder / "postmaster.pid").read_text().split("\n")
    (made_folder / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]))

    assert run(own.start(), "select 1") == [(1,)]
    own.stop()


async def test_as_a_child_it_serves_until_cancelled(made_folder: Path):
    own = server(made_folder)
    with pytest.raises(DatabaseUnavailable):
        own.dsn()
    async with trio.open_nursery() as nursery:
        await nursery.start(own.run)

        assert own.is_running()
        nursery.cancel_scope.cancel()

    assert not own.is_running()


async def test_as_a_child_it_ends_with_its_server(made_folder: Path, monkeypatch):
    monkeypatch.setattr("bountyexpo.sandbox.postgres.WATCH_INTERVAL_S", 0.05)
    own = server(made_folder)

    with pytest.RaisesGroup(OSError):
        async with trio.open_nursery() as nursery:
            await nursery.start(own.run)
            own.kill()


@pytest.mark.parametrize(
    "name", ["My Projects", "a%20b", "a&b=c", "what?", "nr#1", "a,b", "it's", 'say "$x"', "x" * 120]
)
def test_any_path_of_the_data_folder_works(new_folder: Path, name: str):
    somewhere = server(new_folder / name / "postgres")

    dsn = somewhere.start()
    found = run(dsn, "select 1")
    again = server(new_folder / name / "postgres")
    address = again.start()
    again.stop()
    somewhere.stop()

    assert found == [(1,)]
    assert address == dsn
    assert not somewhere.is_running()


def test_a_socket_outside_the_data_folder_is_nobody_elses(new_folder: Path):
    somewhere = server(new_folder / ("x" * 120))
    dsn = somewhere.start()
    try:
        sockets = Path(unquote(dsn.partition("host=")[2]))

        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    finally:
        somewhere.stop()


def test_a_place_for_the_socket_that_somebody_else_made_is_refused(new_folder: Path):
    taken = new_folder / ("x" * 120)
    sockets = postgres_folder.socket_folder(taken, None)
    sockets.chmod(0o777)

    with pytest.raises(OSError, match="not a private folder"):
        postgres_folder.socket_folder(taken, None)

    sockets.rmdir()


def test_nobody_but_the_server_gains_entry_to_the_folders_above(new_folder: Path):
    above = new_folder.parent
    above.chmod(0o700)
    somewhere = server(new_folder)
    somewhere.start()
    somewhere.stop()

    assert not above.stat().st_mode & 0o007


def test_the_language_of_the_caller_is_not_that_of_the_database(new_folder: Path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "tr_TR.ISO-8859-9")
    somewhere = server(new_folder)
    dsn = somewhere.start()
    try:
        facts = "select current_setting('server_encoding'), lower('ÄI'), upper('ß') = 'ß'"

        assert run(dsn, facts) == [("UTF8", "äi", True)]
    finally:
        somewhere.stop()
