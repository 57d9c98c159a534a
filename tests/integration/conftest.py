"""A real PostgreSQL and plain connections for every test.

The PostgreSQL is an embedded server, or the one of ``TEST_DATABASE_URL``. One server serves the
session; the schema is migrated once into a template, and each test gets a fresh copy of it.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.persistence.migrate import migrate_now
from bountyexpo.persistence.pool import Pool
from bountyexpo.sandbox.postgres import EmbeddedPostgres
from bountyexpo.ws.transport.epoll_poller import EpollPoller
from bountyexpo.ws.transport.task_poller import TaskPoller
from psycopg.conninfo import make_conninfo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


# A test does not survive a loss of power anyway; of the crash of a process it still does.
QUICK = {"fsync": "off", "full_page_writes": "off"}


@pytest.fixture(scope="session")
def server_dsn() -> Iterator[str]:
    """The address of a server on which databases may be made."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    # Not pytest's own folder: that one is closed to the user under which the server runs.
    folder = Path(tempfile.mkdtemp(prefix="bountyexpo-test-"))
    server = EmbeddedPostgres(folder / "data", settings=QUICK)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template_database(server_dsn: str) -> Iterator[str]:
    """The name of a migrated database nobody is connected to."""
    name = f"template_{new_id().replace('-', '')}"
    _on_server(server_dsn, f"create database {name}")
    migrate_now(make_conninfo(server_dsn, dbname=name))
    yield name
    _on_server(server_dsn, f"drop database {name} with (force)")


@pytest.fixture
def empty_dsn(server_dsn: str) -> Iterator[str]:
    """The address of a database without any table."""
    yield from _fresh(server_dsn, "template0")


@pytest.fixture
def dsn(server_dsn: str, template_database: str) -> Iterator[str]:
    """The address of a fresh migrated database."""
    yield from _fresh(server_dsn, template_database)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Pool]:
    """A running, ready pool on a fresh migrated database."""
    async with trio.open_nursery() as nursery:
        pool = Pool(dsn)
        await nursery.start(pool.run)
        with trio.fail_after(10):
            await pool.wait_ready()
        yield pool
        nursery.cancel_scope.cancel()


@pytest.fixture(params=[EpollPoller, TaskPoller], ids=["epoll", "tasks"])
def poller(request):
    """Each test runs with both ways of driving sockets."""
    return request.param


@pytest.fixture
async def raw():
    """Open a plain TCP connection to a port; closed at the end of the test."""
    opened = []

    async def connect(port, *, receive_buffer=None):
        sock = trio.socket.socket()
        opened.append(sock)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await sock.connect(("127.0.0.1", port))
        return trio.SocketStream(sock)

    yield connect
    for sock in opened:
        sock.close()


def _fresh(server_dsn: str, template: str) -> Iterator[str]:
    name = f"test_{new_id().replace('-', '')}"
    _on_server(server_dsn, f"create database {name} template {template}")
    yield make_conninfo(server_dsn, dbname=name)
    _on_server(server_dsn, f"drop database {name} with (force)")


def _on_server(server_dsn: str, sql: str) -> None:
    with psycopg.connect(server_dsn, autocommit=True) as session:
        session.execute(sql)
