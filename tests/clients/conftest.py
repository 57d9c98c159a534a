"""A server for clients of all kinds, and Node for those that are written for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from bountyexpo.sandbox.auth.tokens import api_key
from bountyexpo.sandbox.emulators import SECRETS_FILE, Secrets

from tests.clients.node import Node
from tests.databases import fresh_database, temporary_folder
from tests.integration.product.product import standing
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@pytest.fixture
def node() -> Iterator[Node]:
    """Node in a fresh folder, with our scripts and their packages."""
    with temporary_folder() as folder:
        yield Node(folder)


@pytest.fixture(scope="session")
def served(server_dsn: str, template_database: str) -> Iterator[Mapping[str, str]]:
    """The addresses and keys of a running server without rate limits."""
    with (
        fresh_database(server_dsn, template_database) as dsn,
        temporary_folder() as folder,
        standing(ServerProcess(folder, DATABASE_URL=dsn)) as server,
    ):
        secrets = msgspec.json.decode((folder / SECRETS_FILE).read_bytes(), type=Secrets)
        yield {
            "url": server.url,
            "sandboxUrl": server.sandbox_url,
            "anonKey": api_key("anon", secrets.jwt_secret),
            "serviceKey": api_key("service_role", secrets.jwt_secret),
            "stripeKey": secrets.stripe_secret_key,
            "webhookSecret": secrets.webhook_secret,
        }
