"""The OpenAPI page of the whole catalogue: complete, readable, and true of what is declared."""

from __future__ import annotations

import json
import re

import pytest
from bountyexpo.http.health import EDGE
from bountyexpo.operations import areas
from bountyexpo.operations.catalogue import CATALOGUE
from bountyexpo.operations.dispatch import decode
from bountyexpo.operations.reference.examples import VALUES, example_of, own_key
from bountyexpo.operations.reference.field_texts import TEXTS, camel
from bountyexpo.operations.reference.openapi import describe
from bountyexpo.operations.reference.schemas import NULL

areas.declare()
OPERATIONS = (*EDGE.all(), *CATALOGUE.all())
DOCUMENT = json.loads(json.dumps(describe(OPERATIONS)))
SCHEMAS = DOCUMENT["components"]["schemas"]
DESCRIBED = {
    described["operationId"]: described
    for methods in DOCUMENT["paths"].values()
    for described in methods.values()
}


def test_every_field_says_what_it_means() -> None:
    silent = [
        f"{name}.{field}"
        for name, schema in SCHEMAS.items()
        for field, described in schema.get("properties", {}).items()
        if not described.get("description", "").endswith(".")
    ]

    assert silent == [], "add them to reference/field_texts.py"


def test_no_text_is_of_a_field_that_is_not_there() -> None:
    there = {
        each
        for name, schema in SCHEMAS.items()
        for field in schema.get("properties", {})
        for each in (camel(field), f"{name}.{camel(field)}")
    }

    assert set(TEXTS) <= there


def test_names_of_schemas_are_those_of_the_types() -> None:
    assert all(re.fullmatch(r"[A-Z][A-Za-z]+", name) for name in SCHEMAS)


def test_nothing_is_null_by_default_or_in_a_path() -> None:
    assert '"default": null' not in json.dumps(DOCUMENT)
    for described in DESCRIBED.values():
        for parameter in described.get("parameters", ()):
            assert NULL not in parameter["schema"].get("anyOf", ())


def test_a_sign_in_shows_the_name_that_the_app_uses() -> None:
    reference = DESCRIBED["auth.sign_in"]["requestBody"]["content"]["application/json"]["schema"]

    assert "email" in SCHEMAS[reference["$ref"].rpartition("/")[2]]["properties"]


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.request], ids=lambda o: o.name)
@pytest.mark.parametrize("transport", ["rest", "socket"])
def test_each_example_is_a_request(operation, transport: str) -> None:
    assert decode(operation, example_of(operation), transport)


def test_no_value_of_an_example_is_left_over() -> None:
    asked = {
        key
        for operation in OPERATIONS
        for name in example_of(operation)
        for key in (camel(name), own_key(operation, name))
    }

    assert set(VALUES) <= asked


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.route], ids=lambda o: o.name)
def test_the_refusals_are_told_one_by_one(operation) -> None:
    responses = DESCRIBED[operation.name]["responses"]

    assert {"401", "500", "503"} <= responses.keys()
    assert ("400" in responses) is bool(operation.fields)
    assert ("403" in responses) is not operation.access.is_open
    assert all(
        re.search(r"`\w+`: ", told["description"])
        for code, told in responses.items()
        if int(code) >= 400
    )
