"""Verifiers by a shared secret and by published keys."""

from __future__ import annotations

import httpx
import pytest
from bountyexpo.integrations.tokens import TokenVerifier
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.fixed_clock import FixedClock
from tests.unit.integrations.token_stage import JWKS_URL, SECRET, START, KeyServer


@pytest.fixture
def clock():
    return FixedClock(START)


@pytest.fixture
def verifier(clock):
    return TokenVerifier(secret=SECRET, jwks_url=None, issuers=None, clock=clock)


@pytest.fixture
def key_server():
    return KeyServer()


@pytest.fixture
def jwks_verifier(clock, key_server):
    http = httpx.AsyncClient(transport=httpx.MockTransport(key_server.answer))
    return TokenVerifier(secret=None, jwks_url=JWKS_URL, issuers=None, clock=clock, http=http)


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def ec_key():
    return ec.generate_private_key(ec.SECP256R1())
