"""What all tests have in common: one seed, and a PostgreSQL for those that want one.

pytest-randomly shuffles the tests and seeds ``random`` before each; ``--randomly-seed`` gives the
same run again. trio chooses the order of tasks by a generator of its own, seeded here from that.

The PostgreSQL is an embedded server, or the one of ``TEST_DATABASE_URL``. One server serves the
session; the schema is migrated once into a template, and each test gets a fresh copy of it.
"""

from __future__ import annotations

import os
import random
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

# Importing Hypothesis makes trio shuffle every batch of tasks, instead of turning some around.
import hypothesis  # noqa: F401
import pytest
import structlog
import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.persistence.migrate import migrate_now
from bountyexpo.persistence.pool import Pool
from bountyexpo.sandbox.postgres import EmbeddedPostgres
from psycopg.conninfo import make_conninfo

from tests.commits import Heard
from tests.databases import QUICK, copy_data_folder, fresh_database, on_server, temporary_folder
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


ROOT = Path(__file__).parent

CLOCKS = {"autojump_clock", "mock_clock"}

# Files that take long, the longest first: begun last, one of them would run when all others are
# done.
FIRST = (
    *(ROOT / "conformance" / "test_odd_values.py", ROOT / "test_tidy.py"),
    *(ROOT / "chaos", ROOT / "conformance", ROOT / "integration" / "product"),
    *(ROOT / "integration" / "test_contributing.py", ROOT / "integration" / "sandbox"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest; the rest stays as it was shuffled."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    places = enumerate(FIRST)
    return next((place for place, path in places if item.path.is_relative_to(path)), len(FIRST))


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Seed the order in which trio runs the tasks of this test; see that its clock is used."""
    trio._core._run._r.seed(random.getrandbits(64))
    set_up_logs()
    if isinstance(item, pytest.Function):
        hidden = CLOCKS & set(item.fixturenames) - set(item._fixtureinfo.argnames)
        assert not hidden, "pytest-trio takes a clock from the arguments of the test itself only"


def set_up_logs() -> None:
    """Have tracebacks written as Python does: in colours and with variables each takes 90 ms."""
    structlog.reset_defaults()
    *processors, _ = structlog.get_config()["processors"]
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*processors, renderer])


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user of an embedded server may enter."""
    with temporary_folder() as path:
        yield path


@pytest.fixture(scope="session")
def initdb() -> Iterator[Callable[[Path], Path]]:
    """Make the data folder of a server, as PostgreSQL would, but in no time."""
    with temporary_folder() as made:
        server = EmbeddedPostgres(made / "data", settings=QUICK)
        server.start()
        server.stop()
        yield partial(copy_data_folder, made / "data")


@pytest.fixture(scope="session")
def server_dsn(initdb: Callable[[Path], Path]) -> Iterator[str]:
    """The address of a server on which databases may be made."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    with temporary_folder() as made:
        server = EmbeddedPostgres(initdb(made / "data"), settings=QUICK)
        try:
            yield server.start()
        finally:
            server.stop()


@pytest.fixture(scope="session")
def template_database(server_dsn: str) -> Iterator[str]:
    """The name of a migrated database nobody is connected to."""
    name = f"template_{new_id().replace('-', '')}"
    on_server(server_dsn, f"create database {name}")
    migrate_now(make_conninfo(server_dsn, dbname=name))
    yield name
    on_server(server_dsn, f"drop database {name} with (force)")


@pytest.fixture
def empty_dsn(server_dsn: str) -> Iterator[str]:
    """The address of a database without any table."""
    with fresh_database(server_dsn) as dsn:
        yield dsn


@pytest.fixture
def dsn(server_dsn: str, template_database: str) -> Iterator[str]:
    """The address of a fresh migrated database."""
    with fresh_database(server_dsn, template_database) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def module_dsn(server_dsn: str, template_database: str) -> Iterator[str]:
    """The address of a migrated database that the tests of a file share."""
    with fresh_database(server_dsn, template_database) as dsn:
        yield dsn


@pytest.fixture
def heard() -> Heard:
    """What was heard of the commits of ``database``."""
    return Heard()


@pytest.fixture
async def database(dsn: str, heard: Heard) -> AsyncIterator[Pool]:
    """A running, ready pool on a fresh migrated database."""
    async with trio.open_nursery() as nursery:
        pool = Pool(dsn, heard.after_commit)
        await nursery.start(pool.run)
        with trio.fail_after(PATIENCE_S):
            await pool.wait_ready()
        yield pool
        nursery.cancel_scope.cancel()
