"""One product for all tests here, over a PostgreSQL that was started without it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import psycopg
import pytest
from bountyexpo.domain.ids import new_id
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.integration.product.product import Product, standing
from tests.integration.product.scene import Scene
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def folder() -> Iterator[Path]:
    """A folder that the user of an embedded database may enter."""
    path = Path(tempfile.mkdtemp(prefix="bountyexpo-product-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="package")
def database_url(server_dsn: str) -> Iterator[str]:
    """The address of an empty database, in the form of the setting."""
    name = f"product_{new_id().replace('-', '')}"
    with psycopg.connect(server_dsn, autocommit=True) as session:
        session.execute(f"create database {name}")
    yield url(make_conninfo(server_dsn, dbname=name))
    with psycopg.connect(server_dsn, autocommit=True) as session:
        session.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="package")
def product(folder: Path, database_url: str) -> Iterator[Product]:
    """The product without rate limits."""
    with standing(ServerProcess(folder, DATABASE_URL=database_url)) as server:
        found = Product(server, database_url)
        yield found
        found.close()


@pytest.fixture(scope="package")
def scene(product: Product) -> Scene:
    """People with money, bounties and a conversation."""
    found = Scene(product)
    found.prepare()
    return found


def url(dsn: str) -> str:
    """Write an address as a URL."""
    parts = conninfo_to_dict(dsn)
    name = parts.pop("dbname")
    return f"postgresql:///{name}?{urlencode(parts)}"
