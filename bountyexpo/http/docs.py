"""The reference pages: OpenAPI, the REST page and the socket page, made once at start-up.

They work without any other site, and can be read without a script. The style and the script stand
in the page, and its content policy admits these two alone, by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from bountyexpo import __version__
from bountyexpo.close_codes import ADVICE
from bountyexpo.errors import BountyExpoError
from bountyexpo.http.messages import HttpResponse
from bountyexpo.operations.reference import sockets
from bountyexpo.operations.reference.examples import example_of, path_of
from bountyexpo.operations.reference.openapi import (
    describe,
    rate_text,
    refusals,
    request_fields,
    sentence_of,
)
from bountyexpo.operations.routes import QUERY_METHODS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bountyexpo.operations.catalogue import Catalogue, Operation
    from bountyexpo.operations.reference.sockets import ProtocolFrames

# A page of the reference may be kept this long, in seconds; it changes with a release only.
PAGE_MAX_AGE_S = 300


def pages(frames: ProtocolFrames, *catalogues: Catalogue) -> dict[str, HttpResponse]:
    """Return the finished pages by path; ``frames`` are those of the socket protocol itself."""
    operations = [operation for catalogue in catalogues for operation in catalogue.all()]
    document = describe(operations)
    environment = _environment()
    templates = resources.files("bountyexpo.http") / "templates"
    style, script = ((templates / name).read_text() for name in ("style.css", "script.js"))
    common = {"style": style, "script": script, "version": __version__}
    headers = _headers("text/html; charset=utf-8")
    headers["content-security-policy"] = _content_policy(style, script)
    rest = environment.get_template("docs.html").render(
        areas=_areas(operations, document), errors=_errors(), **common
    )
    socket = environment.get_template("socket.html").render(
        operations=sockets.operation_frames(operations),
        frames=frames,
        streams=sockets.streams(),
        close_codes=ADVICE,
        **common,
    )
    return {
        "/openapi.json": HttpResponse(
            200, _headers("application/json"), msgspec.json.encode(document)
        ),
        "/docs": HttpResponse(200, headers, rest.encode()),
        "/docs/socket": HttpResponse(200, headers, socket.encode()),
    }


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("bountyexpo.http"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _headers(content_type: str) -> dict[str, str]:
    return {"content-type": content_type, "cache-control": f"public, max-age={PAGE_MAX_AGE_S}"}


def _content_policy(style: str, script: str) -> str:
    """Admit the page's own style and script, and calls of this server."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _areas(
    operations: list[Operation], document: dict[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    areas: dict[str, list[dict[str, Any]]] = {}
    for operation in operations:
        if operation.route is not None:
            areas.setdefault(operation.area, []).append(_entry(operation, document))
    return dict(sorted(areas.items()))


def _entry(operation: Operation, document: dict[str, Any]) -> dict[str, Any]:
    assert operation.route is not None
    properties = _properties(operation, document)
    return {
        "operation": operation,
        "rate": rate_text(operation.rate),
        "fields": [
            (
                name,
                place,
                required,
                _kind(properties.get(name, {})),
                properties.get(name, {}).get("description", ""),
            )
            for name, place, required in request_fields(operation)
        ],
        "reply": _reply(operation, document),
        "refusals": [(each.code, each.status, sentence_of(each)) for each in refusals(operation)],
        "curl": _curl(operation),
        "example": example_of(operation),
    }


def _reply(operation: Operation, document: dict[str, Any]) -> list[tuple[str, str, str]]:
    """List the fields of the reply: name, type and meaning; none where it is no object."""
    described = _described(operation, document)
    content = described["responses"][str(operation.status)]["content"]
    schema = _resolve(content.get("application/json", {}).get("schema", {}), document)
    return [
        (name, _kind(field), field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
    ]


def _described(operation: Operation, document: dict[str, Any]) -> dict[str, Any]:
    assert operation.route is not None
    found: dict[str, Any] = document["paths"][operation.route.path][operation.route.method.lower()]
    return found


def _properties(operation: Operation, document: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of each field of the request, wherever it travels."""
    described = _described(operation, document)
    properties: dict[str, Any] = {
        field["name"]: field["schema"] for field in described.get("parameters", [])
    }
    content = described.get("requestBody", {}).get("content", {})
    body = _resolve(content.get("application/json", {}).get("schema", {}), document)
    properties.update(body.get("properties", {}))
    return properties


def _resolve(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference to its component; anything else is returned as it is."""
    name = schema.get("$ref", "").rpartition("/")[2]
    resolved: dict[str, Any] = document["components"]["schemas"].get(name, {}) if name else schema
    return resolved


def _kind(schema: dict[str, Any]) -> str:
    """Say the type of a field in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_kind(option) for option in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    kind = schema.get("format") or schema.get("type", "any")
    bounds = [
        f"{label} {schema[key]}"
        for key, label in (
            ("minLength", "min"),
            ("maxLength", "max"),
            ("minimum", "≥"),
            ("maximum", "≤"),
        )
        if key in schema
    ]
    return ", ".join([str(kind), *bounds])


def _curl(operation: Operation) -> str:
    """Return the call of the example, for a shell."""
    assert operation.route is not None
    example = example_of(operation)
    path = operation.route.path.format_map(example)
    rest = {name: value for name, value in example.items() if name not in path_of(operation)}
    if rest and operation.method in QUERY_METHODS:
        path += f"?{urlencode(rest, doseq=True)}"
    lines = [f'curl -X {operation.route.method} "$URL{path}"']
    if not operation.access.is_open:
        lines.append('-H "authorization: Bearer $TOKEN"')
    if rest and operation.method not in QUERY_METHODS:
        text = msgspec.json.encode(rest).decode()
        lines += ['-H "content-type: application/json"', f"-d '{text}'"]
    return " \\\n  ".join(lines)


def _errors() -> list[tuple[str, int, str]]:
    """List code, status and text of each error, one line per code."""
    lines = {error.code: (error.code, error.status, sentence_of(error)) for error in _tree()}
    return sorted(lines.values(), key=lambda line: (line[1], line[0]))


def _tree(root: type[BountyExpoError] = BountyExpoError) -> Iterator[type[BountyExpoError]]:
    for child in root.__subclasses__():
        if child.__module__.startswith("bountyexpo."):
            yield child
            yield from _tree(child)
