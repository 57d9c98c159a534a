"""A server behind each proxy in turn, with limits, and two people who know it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from bountyexpo.load.people import make_accounts

from tests.databases import fresh_database, temporary_folder
from tests.integration.product.product import standing
from tests.proxies.programs import OF_DEBIAN, PROXIES, Proxy, running
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL = [
    pytest.param(name, marks=[pytest.mark.debian] if name in OF_DEBIAN else []) for name in PROXIES
]
# The proxy comes from here, so only what it says is believed; the clients come from elsewhere.
PROXY_ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class Behind:
    """A server and the proxy in front of it."""

    server: ServerProcess
    proxy: Proxy
    token: str


@pytest.fixture(scope="module", params=ALL)
def behind(
    request: pytest.FixtureRequest, server_dsn: str, template_database: str
) -> Iterator[Behind]:
    """A server behind a proxy, with the limits of real life."""
    with (
        fresh_database(server_dsn, template_database) as dsn,
        temporary_folder() as folder,
        standing(proxied(folder / "data", dsn)) as server,
        temporary_folder() as own,
        running(request.param, own, f"127.0.0.1:{server.port}") as proxy,
    ):
        (token,) = trio.run(partial(make_accounts, server.url, ["anna"]))
        yield Behind(server, proxy, token)


def proxied(folder, dsn: str) -> ServerProcess:
    """A server that believes its proxy."""
    folder.mkdir()
    return ServerProcess(
        folder,
        DATABASE_URL=dsn,
        TRUSTED_PROXIES=PROXY_ADDRESS,
        METRICS_TOKEN="m" * 32,
        RATE_LIMITS="on",
        RATE_LIMIT_MULTIPLIER="10",
    )
