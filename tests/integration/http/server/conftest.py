"""Plain clients of HTTP, and what came before on their connections."""

from __future__ import annotations

import pytest

from tests.integration.plain_client import PlainClient


@pytest.fixture
async def connect(raw):
    """Open a plain HTTP client to a site."""

    async def open_connection(site, **options):
        return PlainClient(await raw(site.port, **options))

    return open_connection


@pytest.fixture(params=[0, 2], ids=["first", "later"])
def before(request):
    """How many good requests came before on the same connection."""
    return request.param
