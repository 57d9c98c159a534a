"""The OpenAPI 3.1 description, made from the catalogue and the types of its operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo import __version__
from bountyexpo.operations.call import RawReply
from bountyexpo.operations.catalogue import QUERY_METHODS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bountyexpo.operations.catalogue import Operation, RateClass

REFERENCE = "#/components/schemas/{name}"

PROBLEM_REFERENCE = {"$ref": REFERENCE.format(name="Problem")}

PROBLEM_SCHEMA = {
    "title": "Problem",
    "description": "Why a request was refused or failed (RFC 9457, with the older members).",
    "type": "object",
    "required": ["success", "error", "message", "code", "statusCode", "timestamp", "requestId"],
    "properties": {
        "success": {"const": False},
        "error": {"type": "string", "description": "What happened, for people."},
        "message": {"type": "string", "description": "The same text."},
        "code": {"type": "string", "description": "What happened, for programs."},
        "statusCode": {"type": "integer"},
        "timestamp": {"type": "string", "format": "date-time"},
        "requestId": {"type": "string"},
        "retryAfter": {"type": "integer", "description": "Seconds to wait before a repeat."},
        "issues": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
    },
}

IDEMPOTENCY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A repeat with the same key gets the first reply again.",
    "schema": {"type": "string", "maxLength": 255},
}

Schema = dict[str, Any]


def describe(operations: Iterable[Operation]) -> Schema:
    """Return the OpenAPI document of all operations that have a route."""
    routed = [operation for operation in operations if operation.route is not None]
    schemas, components = _schemas(routed)
    paths: dict[str, Schema] = {}
    for operation in routed:
        assert operation.route is not None
        described = _operation(operation, schemas, components)
        paths.setdefault(operation.route.path, {})[operation.route.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "BOUNTYExpo API",
            "version": __version__,
            "description": "A marketplace for small paid tasks. Amounts are US dollars where a "
            "field has no unit in its name, and whole cents where it ends in `_cents`.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": area} for area in dict.fromkeys(o.area for o in routed)],
        "paths": paths,
        "components": {
            "schemas": {**components, "Problem": PROBLEM_SCHEMA},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def request_fields(operation: Operation) -> list[tuple[str, str, bool]]:
    """List the fields of the request: name, place (path, query or body) and whether required."""
    assert operation.route is not None
    in_path = set(operation.route.parameters)
    elsewhere = "query" if operation.route.method in QUERY_METHODS else "body"
    return [
        (name, "path" if name in in_path else elsewhere, name in in_path or info.required)
        for name, info in operation.fields.items()
    ]


def rate_text(rate: RateClass) -> str:
    """Say a rate class in words."""
    parts = [
        f"{limit.calls} per {_span(limit.window_s)} per {who}"
        for limit, who in (
            (rate.per_user, "caller"),
            (rate.per_address, "address"),
            (rate.per_identifier, "account"),
        )
        if limit is not None
    ]
    return ", ".join(parts) or "unlimited"


def _span(seconds: float) -> str:
    if seconds == 60:
        return "minute"
    return f"{seconds / 60:g} minutes" if seconds > 60 else f"{seconds:g} seconds"


def _schemas(operations: list[Operation]) -> tuple[dict[Any, Schema], dict[str, Schema]]:
    """Return the schema of each request and reply type, and the components they refer to.

    Replies are looked up by operation name, because not every type can be a dictionary key.
    """
    keys: list[Any] = []
    types: list[Any] = []
    for operation in operations:
        if operation.request is not None:
            keys.append(operation.request)
            types.append(operation.request)
        if operation.reply is not RawReply:
            keys.append(operation.name)
            types.append(dict[str, bool] if operation.reply is None else operation.reply)
    schemas, components = msgspec.json.schema_components(types, ref_template=REFERENCE)
    return dict(zip(keys, schemas, strict=True)), dict(components)


def _operation(
    operation: Operation, schemas: dict[Any, Schema], components: dict[str, Schema]
) -> Schema:
    described: Schema = {
        "operationId": operation.name,
        "tags": [operation.area],
        "summary": operation.summary,
        "responses": _responses(operation, schemas),
        "security": [{}, {"bearer": []}] if operation.access.is_open else [{"bearer": []}],
        "x-access": operation.access.value,
        "x-rate-class": operation.rate.name,
        "x-rate-limit": rate_text(operation.rate),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.frame is not None:
        described["x-socket-frame"] = operation.frame
    if operation.aliases:
        described["x-aliases"] = [str(alias) for alias in operation.aliases]
    parameters = _parameters(operation, schemas, components)
    if parameters:
        described["parameters"] = parameters
    body = _body(operation, schemas, components)
    if body is not None:
        described["requestBody"] = body
    return described


def _properties(
    operation: Operation, schemas: dict[Any, Schema], components: dict[str, Schema]
) -> dict[str, Schema]:
    if operation.request is None:
        return {}
    name = schemas[operation.request]["$ref"].rpartition("/")[2]
    properties: dict[str, Schema] = components[name].get("properties", {})
    return properties


def _parameters(
    operation: Operation, schemas: dict[Any, Schema], components: dict[str, Schema]
) -> list[Schema]:
    properties = _properties(operation, schemas, components)
    parameters: list[Schema] = [
        {"name": name, "in": place, "required": required, "schema": properties[name]}
        for name, place, required in request_fields(operation)
        if place != "body"
    ]
    if operation.method not in QUERY_METHODS:
        parameters.append(IDEMPOTENCY_PARAMETER)
    return parameters


def _body(
    operation: Operation, schemas: dict[Any, Schema], components: dict[str, Schema]
) -> Schema | None:
    fields = [field for field in request_fields(operation) if field[1] == "body"]
    if not fields:
        return None
    required = [name for name, _, is_required in fields if is_required]
    if len(fields) == len(operation.fields):
        schema = schemas[operation.request]
    else:
        properties = _properties(operation, schemas, components)
        schema = {"type": "object", "properties": {name: properties[name] for name, *_ in fields}}
        if required:
            schema["required"] = required
    return {"required": bool(required), "content": {"application/json": {"schema": schema}}}


def _responses(operation: Operation, schemas: dict[Any, Schema]) -> Schema:
    if operation.reply is RawReply:
        content: Schema = {"text/plain": {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": schemas[operation.name]}}
    refusal = {
        "description": "Refused or failed; `code` says why.",
        "content": {"application/problem+json": {"schema": PROBLEM_REFERENCE}},
    }
    return {
        str(operation.status): {"description": "Done.", "content": content},
        "4XX": refusal,
        "5XX": refusal,
    }
