"""Every example of the reference is a request that the product takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bountyexpo.operations import areas
from bountyexpo.operations.catalogue import CATALOGUE, Operation
from bountyexpo.operations.reference.examples import example_of, path_of
from bountyexpo.operations.routes import QUERY_METHODS

if TYPE_CHECKING:
    from tests.integration.product.product import Person, Product

MALFORMED = {"VALIDATION_ERROR", "MALFORMED_REQUEST", "METHOD_NOT_ALLOWED"}

areas.declare()
ASKED = [operation for operation in CATALOGUE.all() if operation.route and operation.request]


@pytest.fixture(scope="module")
def person(product: Product) -> Person:
    return product.person("reader")


@pytest.mark.parametrize("operation", ASKED, ids=lambda operation: operation.name)
def test_it_is_not_malformed(operation: Operation, product: Product, person: Person) -> None:
    example = example_of(operation)
    path = operation.route.path.format_map(example)
    rest = {name: value for name, value in example.items() if name not in path_of(operation)}
    in_query = operation.method in QUERY_METHODS

    reply = product.http.request(
        operation.method,
        path,
        params=rest if in_query else None,
        json=None if in_query else rest,
        headers={"authorization": f"Bearer {person.token}"},
    )

    # What the example names need not be there, and the caller has no money.
    assert reply.status_code < 500, reply.text
    assert reply.is_success or reply.json()["code"] not in MALFORMED, reply.text
