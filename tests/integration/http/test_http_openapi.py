from __future__ import annotations

import json

import pytest
from bountyexpo.http.health import EDGE
from bountyexpo.operations.catalogue import SIGN_UP, UNLIMITED, WRITE, Catalogue
from bountyexpo.operations.reference.openapi import describe, rate_text

from tests.integration.http.edge_toys import TOYS

OPERATIONS = (*EDGE.all(), *TOYS.all())


@pytest.fixture(scope="module")
def document():
    # As a client sees it.
    return json.loads(json.dumps(describe(OPERATIONS)))


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def of(document, name):
    (found,) = [
        described
        for methods in document["paths"].values()
        for described in methods.values()
        if described["operationId"] == name
    ]
    return found


def test_every_routed_operation_is_described_once(document):
    described = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    ]

    assert sorted(described) == sorted(o.name for o in OPERATIONS if o.route)


def test_every_reference_leads_somewhere(document):
    found = set(references(document))

    assert "#/components/schemas/Toy" in found
    for reference in found:
        name = reference.removeprefix("#/components/schemas/")
        assert name in document["components"]["schemas"]


def test_path_parameters_are_declared_and_the_rest_is_the_body(document):
    create = of(document, "toy.create")

    in_path = [p["name"] for p in create["parameters"] if p["in"] == "path"]
    schema = create["requestBody"]["content"]["application/json"]["schema"]
    assert in_path == ["shop_id"]
    assert set(schema["properties"]) == {"title", "price", "kind", "place"}
    assert schema["required"] == ["title"]
    assert create["requestBody"]["required"] is True


def test_fields_of_a_read_are_query_parameters(document):
    listing = of(document, "toy.list")

    assert "requestBody" not in listing
    assert {p["name"]: p["in"] for p in listing["parameters"]} == {
        "limit": "query",
        "kinds": "query",
        "is_new": "query",
    }


def test_every_path_parameter_of_a_template_is_declared(document):
    for path, methods in document["paths"].items():
        for operation in methods.values():
            declared = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert declared == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def test_status_and_refusals_are_described(document):
    create = of(document, "toy.create")

    refused = {"400", "401", "403", "404", "409", "413", "415", "429", "500", "503"}
    assert set(create["responses"]) == {"201", *refused}
    for status in refused:
        refusal = create["responses"][status]["content"]["application/problem+json"]
        assert refusal["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_access_limit_frame_and_old_paths_are_told(document):
    create = of(document, "toy.create")

    assert create["security"] == [{"bearer": []}]
    assert of(document, "toy.list")["security"] == [{}, {"bearer": []}]
    assert create["x-access"] == "user"
    assert create["x-rate-class"] == "write"
    assert create["x-socket-frame"] == "toy.create"
    assert create["x-aliases"] == ["POST /old/{shopId}/toys"]
    assert create["description"] == "It is put into the shop."


def test_raw_reply_is_not_described_as_json(document):
    content = of(document, "toy.picture")["responses"]["200"]["content"]

    assert "application/json" not in content


def test_limits_are_said_in_words():
    assert rate_text(WRITE) == "60 per minute per caller"
    assert rate_text(SIGN_UP) == "30 per 15 minutes per address, 5 per 15 minutes per account"
    assert rate_text(UNLIMITED) == "unlimited"


def test_empty_catalogue_has_a_description():
    assert describe(Catalogue({}).all())["paths"] == {}
