from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from bountyexpo.http.app import create_app
from edge_toys import TOYS, ToyServices


@pytest.fixture
def services():
    return ToyServices()


@pytest.fixture
def client(services):
    return create_app(services, TOYS).test_client()
