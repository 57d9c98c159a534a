"""Every route, old ones too, asked too often: the running service says when to come again."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import httpx
import pytest
from bountyexpo.domain.ids import new_id
from bountyexpo.http.health import EDGE
from bountyexpo.integrations.tls import trusted
from bountyexpo.operations import areas
from bountyexpo.operations.catalogue import CATALOGUE, UNLIMITED
from bountyexpo.operations.routes import PATH_PARAMETER

from tests.integration.product.product import Product, refused, standing_product

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bountyexpo.operations.catalogue import Limit, Operation
    from bountyexpo.operations.routes import Route

areas.declare()

OPERATIONS = (*CATALOGUE.all(), *EDGE.all())
# Every limit is so much tighter that a few requests meet it.
MULTIPLIER = 0.01
# What is refused before its own limit is looked at has a wider one; and buckets fill again.
TRIES_MAX = 60

ROUTES = [
    pytest.param(operation, route, id=f"{operation.name}:{route}")
    for operation in OPERATIONS
    for route in operation.routes
    if operation.rate is not UNLIMITED
]


class Crowd:
    """The product with tight limits, and somebody new from an address of their own each time."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self._addresses = (f"127.1.{n // 250}.{1 + n % 250}" for n in itertools.count())

    def somebody(self) -> httpx.Client:
        token = self.product.token(new_id())
        return httpx.Client(
            base_url=self.product.url,
            transport=httpx.HTTPTransport(local_address=next(self._addresses), verify=trusted()),
            headers={"authorization": f"Bearer {token}"},
            timeout=15,
        )


@pytest.fixture(scope="module")
def crowd(module_dsn: str) -> Iterator[Crowd]:
    limits = {"RATE_LIMITS": "on", "RATE_LIMIT_MULTIPLIER": str(MULTIPLIER)}
    with standing_product(module_dsn, **limits) as product:
        yield Crowd(product)


def once(client: httpx.Client, route: Route) -> httpx.Response:
    path = PATH_PARAMETER.sub(lambda _: new_id(), route.path)
    body = {} if route.method in {"POST", "PUT", "PATCH"} else None
    return client.request(route.method, path, json=body)


def burst_of(limit: Limit) -> int:
    return max(1, int((limit.burst or limit.calls) * MULTIPLIER))


@pytest.mark.parametrize(("operation", "route"), ROUTES)
def test_who_asks_too_often_is_told_when_to_come_again(
    crowd: Crowd, operation: Operation, route: Route
) -> None:
    rate = operation.rate
    limit = rate.per_user or rate.per_address or rate.per_identifier
    assert limit is not None
    with crowd.somebody() as often, crowd.somebody() as other:
        answers = [once(often, route)]
        while answers[-1].status_code != 429 and len(answers) < TRIES_MAX:
            answers.append(once(often, route))

        assert len(answers) > burst_of(limit)
        body = refused(answers[-1], 429, "RATE_LIMIT_EXCEEDED")
        assert int(answers[-1].headers["retry-after"]) == body["retryAfter"] > 0
        assert once(other, route).status_code != 429
