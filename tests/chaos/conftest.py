"""A database that tests may stop and kill."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bountyexpo.sandbox.postgres import EmbeddedPostgres

from tests.databases import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def killable(initdb: Callable[[Path], Path]) -> Iterator[EmbeddedPostgres]:
    """A server that runs, with a database for the tests of a file."""
    with temporary_folder() as folder:
        server = EmbeddedPostgres(initdb(folder / "postgres"))
        server.start()
        yield server
        server.stop()
