"""The OpenAPI 3.1 description, made from the catalogue and the types of its operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo import __version__
from bountyexpo.domain.access import AccessLevel
from bountyexpo.errors import (
    Conflict,
    DatabaseUnavailable,
    IdempotencyConflict,
    InternalError,
    InvalidRequest,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    RateLimited,
    TokenExpired,
    TooLarge,
    Unavailable,
    UnsupportedMediaType,
)
from bountyexpo.operations.call import RawReply
from bountyexpo.operations.catalogue import UNLIMITED
from bountyexpo.operations.idempotency.keeps import Keeps
from bountyexpo.operations.reference.examples import example_of
from bountyexpo.operations.reference.schemas import (
    REFERENCE,
    Schemas,
    with_meanings,
    without_null,
)
from bountyexpo.operations.routes import QUERY_METHODS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bountyexpo.errors import BountyExpoError
    from bountyexpo.operations.catalogue import Operation, RateClass
    from bountyexpo.operations.reference.schemas import Schema

PROBLEM_REFERENCE = {"$ref": REFERENCE.format(name="Problem")}

PROBLEM_SCHEMA = with_meanings(
    "Problem",
    {
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
    },
)

PROBLEM_CONTENT = {"application/problem+json": {"schema": PROBLEM_REFERENCE}}

IDEMPOTENCY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A repeat with the same key gets the first reply again.",
    "schema": {"type": "string", "maxLength": 255},
}


def describe(operations: Iterable[Operation]) -> Schema:
    """Return the OpenAPI document of all operations that have a route."""
    routed = [operation for operation in operations if operation.route is not None]
    schemas = Schemas(routed)
    paths: dict[str, Schema] = {}
    for operation in routed:
        assert operation.route is not None
        described = _operation(operation, schemas)
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
            "schemas": {**schemas.components, "Problem": PROBLEM_SCHEMA},
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


def _operation(operation: Operation, schemas: Schemas) -> Schema:
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
    if operation.successor is not None:
        described["deprecated"] = True
        described["x-successor"] = str(operation.successor)
    if operation.description:
        described["description"] = operation.description
    if operation.frame is not None:
        described["x-socket-frame"] = operation.frame
    if operation.aliases:
        described["x-aliases"] = [str(alias) for alias in operation.aliases]
    parameters = _parameters(operation, schemas)
    if parameters:
        described["parameters"] = parameters
    body = _body(operation, schemas)
    if body is not None:
        described["requestBody"] = body
    return described


def _parameters(operation: Operation, schemas: Schemas) -> list[Schema]:
    fields = schemas.fields(operation)
    example = example_of(operation)
    parameters: list[Schema] = []
    for name, place, required in request_fields(operation):
        if place == "body":
            continue
        schema = without_null(fields[name])
        parameter = {"name": name, "in": place, "required": required, "schema": schema}
        if text := schema.get("description"):
            parameter["description"] = text
        if name in example:
            parameter["example"] = example[name]
        parameters.append(parameter)
    if operation.method not in QUERY_METHODS:
        parameters.append(IDEMPOTENCY_PARAMETER)
    return parameters


def _body(operation: Operation, schemas: Schemas) -> Schema | None:
    fields = [field for field in request_fields(operation) if field[1] == "body"]
    if not fields:
        return None
    required = [name for name, _, is_required in fields if is_required]
    if len(fields) == len(operation.fields):
        schema = schemas.request(operation)
    else:
        properties = schemas.fields(operation)
        schema = {"type": "object", "properties": {name: properties[name] for name, *_ in fields}}
        if required:
            schema["required"] = required
    in_body = {name for name, *_ in fields}
    example = {name: value for name, value in example_of(operation).items() if name in in_body}
    content: Schema = {"schema": schema, "example": example}
    return {"required": bool(required), "content": {"application/json": content}}


def _responses(operation: Operation, schemas: Schemas) -> Schema:
    if operation.reply is RawReply:
        content: Schema = {"text/plain": {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": schemas.reply(operation)}}
    responses: Schema = {str(operation.status): {"description": "Done.", "content": content}}
    if operation.repeat_status is not None:
        repeated = {"description": "Done before; nothing has changed.", "content": content}
        responses[str(operation.repeat_status)] = repeated
    by_status: dict[int, list[type[BountyExpoError]]] = {}
    for error in refusals(operation):
        by_status.setdefault(error.status, []).append(error)
    for status, errors in sorted(by_status.items()):
        told = " ".join(f"`{each.code}`: {sentence_of(each)}" for each in errors)
        responses[str(status)] = {"description": told, "content": PROBLEM_CONTENT}
    return responses


def refusals(operation: Operation) -> Iterator[type[BountyExpoError]]:
    """Return how a call can fail that is otherwise in order, as its declaration tells."""
    if operation.fields:
        yield InvalidRequest
    # A token that is no good is refused also where none is needed.
    yield from (NotAuthenticated, TokenExpired)
    if operation.access is not AccessLevel.ANYONE:
        yield NotAllowed
    if any(name.lower().endswith("id") for name in operation.fields):
        yield NotFound
    if operation.method not in QUERY_METHODS:
        yield Conflict
        if operation.keeps is not Keeps.NOTHING:
            yield IdempotencyConflict
        yield from (TooLarge, UnsupportedMediaType)
    if operation.rate is not UNLIMITED:
        yield RateLimited
    yield from (InternalError, Unavailable, DatabaseUnavailable)


def sentence_of(error: type[BountyExpoError]) -> str:
    """Return what an error means, in one line."""
    return (error.__doc__ or "").partition("\n")[0]
