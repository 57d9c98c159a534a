"""Whatever a request may hold has bounds in its type, so that the reference pages can show them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from bountyexpo.operations import areas
from bountyexpo.operations.call import RawReply
from bountyexpo.operations.catalogue import CATALOGUE
from bountyexpo.ws.v1 import protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

areas.declare()

REQUESTS = {each.name: each.request for each in CATALOGUE.all() if each.request is not None}
FRAMES = {
    name: struct
    for name, struct in vars(protocol).items()
    if isinstance(struct, type) and issubclass(struct, msgspec.Struct)
}
REPLIES = {each.name: each.reply for each in CATALOGUE.all() if each.reply is not RawReply}

# What says how long a text may be; base64 has the bounds of its bytes.
TEXT_BOUNDS = {"maxLength", "enum", "const"}

# Any JSON, of which the gate bounds depth, count and each value: what a client wants back or says
# of its device, which is not kept, and the arguments of an operation, which has a type of its own.
ANY_JSON = {("Ping", "t"), ("Hello", "device"), ("CallFrame", "args")}

# The name of a field that is a moment, and those that are none: a deadline in the poster's own
# words, and seconds since 1970 as the auth server has them.
MOMENT = re.compile(r"(At|_at|_date|Until|_until|_time|^at|[Tt]imestamp)$")
NO_MOMENTS = {"expiresAt", "expires_at"}


def is_bounded(schema: dict[str, Any]) -> bool:
    """Whether a schema says how much may be in a value of it, parts aside."""
    match schema.get("type"):
        case "string":
            return schema.get("format") == "date-time" or bool(TEXT_BOUNDS & schema.keys())
        case "integer":
            return "enum" in schema or {"minimum", "maximum"} <= schema.keys()
        case "array":
            return "maxItems" in schema
        case "object":
            return bool({"properties", "maxProperties"} & schema.keys())
        case _:
            return True


def parts(schema: dict[str, Any], named: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a schema is made of, and the path to each."""
    if "$ref" in schema:
        yield "", named[schema["$ref"].rpartition("/")[2]]
    for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield "", choice
    if "items" in schema:
        yield "[]", schema["items"]
    for name, field in schema.get("properties", {}).items():
        yield f".{name}", field


def unbounded(schema: dict[str, Any], named: dict[str, Any], path: str) -> Iterator[str]:
    """The places in a schema that have no bounds."""
    if not is_bounded(schema):
        yield path
    for way, part in parts(schema, named):
        yield from unbounded(part, named, path + way)


@pytest.mark.parametrize("name", REQUESTS)
def test_every_field_of_a_request_has_bounds(name: str) -> None:
    schema = msgspec.json.schema(REQUESTS[name])

    assert list(unbounded(schema, schema["$defs"], name)) == []


@pytest.mark.parametrize("name", FRAMES)
def test_every_field_of_a_frame_has_bounds(name: str) -> None:
    schema = msgspec.json.schema(FRAMES[name])

    found = set(unbounded(schema, schema["$defs"], name))
    assert found <= {f"{struct}.{field}" for struct, field in ANY_JSON}


def fields(schema: dict[str, Any], named: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field in a schema and in all that it refers to."""
    for each in (schema, *named.values()):
        yield from each.get("properties", {}).items()


def types_of(schema: dict[str, Any]) -> set[tuple[str | None, str | None]]:
    choices = schema.get("anyOf", [schema])
    return {(each.get("type"), each.get("format")) for each in choices}


@pytest.mark.parametrize("types", [REQUESTS, REPLIES], ids=["requests", "replies"])
def test_every_moment_has_the_format_of_one(types: dict[str, Any]) -> None:
    for kind in types.values():
        schema = msgspec.json.schema(kind)
        for name, field in fields(schema, schema.get("$defs", {})):
            if MOMENT.search(name) and name not in NO_MOMENTS:
                assert types_of(field) <= {("string", "date-time"), ("null", None)}, name
