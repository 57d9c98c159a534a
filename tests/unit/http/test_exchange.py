"""The shell around every response keeps what went wrong from the caller, and tells the log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from bountyexpo.errors import Conflict
from bountyexpo.http.exchange import answer
from bountyexpo.http.limits import OTHER
from bountyexpo.http.messages import HttpRequest
from bountyexpo.operations.rate_limits import RateLimiter


@pytest.fixture
def services():
    """Each test has limits of its own to use up."""
    return SimpleNamespace(
        clock=SimpleNamespace(now=lambda: datetime(2026, 5, 4, tzinfo=UTC), monotonic=lambda: 0.0),
        settings=SimpleNamespace(trusted_proxies=(), allowed_origins=()),
        rate_limiter=RateLimiter(lambda: 0.0),
    )


async def response_to(services, failure):
    async def fail(_request, _call):
        raise failure

    request = HttpRequest(method="GET", path="/x", headers={"x-request-id": "req_1"})
    response = await answer(request, services, fail)
    return response, json.loads(response.body)


async def test_an_unexpected_exception_is_an_internal_error_and_nothing_more(services):
    response, body = await response_to(services, KeyError("password"))

    assert response.status == 500
    assert body["code"] == "INTERNAL_ERROR"
    assert b"password" not in response.body


async def test_an_error_is_told_with_the_request_and_the_moment(services):
    response, body = await response_to(services, Conflict("No."))

    assert response.status == 409
    assert response.headers["content-type"] == "application/problem+json"
    assert body["message"] == "No."
    assert body["requestId"] == response.headers["x-request-id"] == "req_1"
    assert body["timestamp"] == "2026-05-04T00:00:00.000Z"


async def test_refusals_have_a_limit_too(services):
    for _ in range(OTHER.per_address.calls):
        await response_to(services, Conflict("Taken."))

    response, body = await response_to(services, Conflict("Taken."))
    assert (response.status, body["code"]) == (429, "RATE_LIMIT_EXCEEDED")
