from __future__ import annotations

import pytest
from bountyexpo.http.app import create_app
from bountyexpo.ws.v1.reference import FRAMES

from tests.integration.http.edge_toys import TOYS, ToyServices


@pytest.fixture
def services():
    return ToyServices()


@pytest.fixture
def client(services):
    return create_app(services, FRAMES, TOYS).test_client()
