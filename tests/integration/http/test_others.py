"""What is no operation is counted and answered on the fast path like all else."""

from __future__ import annotations

import contextlib

import pytest
from bountyexpo.edge.socket_paths import SOCKET_PATHS
from bountyexpo.errors import RateLimited
from bountyexpo.http.health import EDGE
from bountyexpo.http.limits import OTHER, UNSIGNED
from bountyexpo.http.others import other_routes
from bountyexpo.http.webhooks import STRIPE_PATHS
from bountyexpo.operations.catalogue import CATALOGUE, UNLIMITED
from bountyexpo.ws.v1.reference import FRAMES

from tests.integration.http.fast_and_fallback import applications, both_ways, operations
from tests.integration.plain_client import request

HERE = "127.0.0.1"
ROUTES = other_routes(FRAMES, CATALOGUE, EDGE)
PAGES = sorted({route.path for route in ROUTES if route.path not in {*STRIPE_PATHS, *SOCKET_PATHS}})

# One of each kind of request that is no operation's.
ASKED = {
    **{f"page {path}": ("GET", path, 200) for path in PAGES},
    **{f"page {path} with a slash": ("GET", f"{path}/", 200) for path in PAGES},
    **{f"socket {path}": ("GET", path, 426) for path in sorted(SOCKET_PATHS)},
    "nothing": ("GET", "/nothing", 404),
    "nothing to post to": ("POST", "/nothing", 404),
    "another method": ("DELETE", "/api/bounties", 405),
    "another method of a page": ("POST", "/docs", 405),
    "preflight": ("OPTIONS", "/api/bounties", 204),
    "preflight of nothing": ("OPTIONS", "/nothing", 204),
    "index": ("GET", "/", 200),
}


def spend(rate):
    """Let this address use up a class, on both ways."""
    for services, _ in applications():
        limiter = services.present.rate_limiter
        with contextlib.suppress(RateLimited):
            while True:
                limiter.take(rate, user_id=None, address=HERE)


def check_refused(reply):
    assert reply.status == 429
    assert int(reply.headers["retry-after"]) > 0
    assert reply.headers["ratelimit-remaining"] == "0"
    assert int(reply.headers["x-ratelimit-reset"]) > 0


@pytest.mark.parametrize("name", ASKED)
async def test_all_that_is_no_operation_is_counted_by_the_address(name):
    method, path, status = ASKED[name]
    async with both_ways() as site:
        for reply in await site.ask(request(f"{method} {path}")):
            assert reply.status == status
            assert int(reply.headers["ratelimit-remaining"]) == OTHER.per_address.calls - 1
        assert site.taken == [path], "the fast path has answered"

        spend(OTHER)
        for reply in await site.ask(request(f"{method} {path}")):
            check_refused(reply)
        for reply in await site.ask(request("GET /livez")):
            assert reply.status == 200


@pytest.mark.parametrize("path", STRIPE_PATHS)
async def test_webhooks_without_a_good_signature_are_counted_and_all_others_are_not(path):
    signed = request(f"POST {path}", b"{}", Stripe_Signature="good")
    async with both_ways() as site:
        for _ in range(2):
            for reply in await site.ask(signed):
                assert reply.status == 200
                assert "ratelimit-remaining" not in reply.headers
        for reply in await site.ask(request(f"POST {path}", b"{}")):
            assert reply.status == 401
            assert int(reply.headers["ratelimit-remaining"]) == UNSIGNED.per_address.calls - 1
        assert site.taken == [path] * 3

        spend(UNSIGNED)
        for bad in (request(f"POST {path}", b"{}"), signed):
            for reply in await site.ask(bad):
                check_refused(reply)
        for services, _ in applications():
            assert len(services.present.webhooks) == 2


def test_nothing_but_probes_and_metrics_is_without_a_limit():
    free = {each.name for each in operations() if each.rate is UNLIMITED}

    assert free == {
        *("health.status", "health.live", "health.livez", "health.ready", "health.readyz"),
        "metrics.page",
    }
