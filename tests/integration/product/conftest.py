"""One product for all tests here, over a PostgreSQL that was started without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.databases import fresh_database
from tests.integration.product.product import Product, standing_product
from tests.integration.product.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def product(server_dsn: str, template_database: str) -> Iterator[Product]:
    """The product without rate limits."""
    with (
        fresh_database(server_dsn, template_database) as dsn,
        standing_product(dsn) as found,
    ):
        yield found


@pytest.fixture(scope="session")
def scene(product: Product) -> Scene:
    """People with money, bounties and a conversation."""
    found = Scene(product)
    found.prepare()
    return found
