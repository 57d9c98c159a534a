from __future__ import annotations

import pytest
from bountyexpo.http.app import create_app
from bountyexpo.http.health import EDGE
from bountyexpo.http.others import other_routes
from bountyexpo.ws.v1.reference import FRAMES

from tests.integration.http.edge_toys import TOYS, ToyServices


@pytest.fixture
def services():
    return ToyServices()


@pytest.fixture
def client(services):
    return create_app(services, other_routes(FRAMES, TOYS, EDGE), TOYS).test_client()
