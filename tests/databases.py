"""Folders and databases of tests, made quickly."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import psycopg
from bountyexpo.domain.ids import new_id
from psycopg.conninfo import conninfo_to_dict, make_conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

# A test does not survive a loss of power anyway; of the crash of a process it still does.
QUICK = {"fsync": "off", "full_page_writes": "off"}


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that the user of an embedded server may enter; pytest's own ones are closed."""
    path = Path(tempfile.mkdtemp(prefix="bountyexpo-test-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def fresh_database(server_dsn: str, template: str = "template0") -> Iterator[str]:
    """The address of a copy of ``template``, as a URL: that is what the setting takes."""
    name = f"test_{new_id().replace('-', '')}"
    # Files are copied in half of the time that it takes to write each page to the log.
    copy = f"create database {name} template {template} strategy file_copy"
    on_server(server_dsn, copy)
    yield url(make_conninfo(server_dsn, dbname=name))
    on_server(server_dsn, f"drop database {name} with (force)")


def on_server(server_dsn: str, sql: str) -> None:
    """Run a statement outside of any transaction."""
    with psycopg.connect(server_dsn, autocommit=True) as session:
        session.execute(sql)


def copy_data_folder(source: Path, target: Path) -> Path:
    """Copy the data of a server that does not run; the copies belong to the same user."""
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
    return target


def url(dsn: str) -> str:
    """Write an address as a URL."""
    parts = conninfo_to_dict(dsn)
    name = parts.pop("dbname")
    return f"postgresql:///{name}?{urlencode(parts)}"
