"""JSON schemas of requests and replies, as programs and people want to read them.

What ``msgspec`` makes of the types is true already; here it gets the meaning of each field, and
loses what only says that a field may be left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.operations.call import RawReply
from bountyexpo.operations.reference.field_texts import text_of
from bountyexpo.operations.routes import QUERY_METHODS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.operations.catalogue import Operation

REFERENCE = "#/components/schemas/{name}"

NULL = {"type": "null"}

Schema = dict[str, Any]


class Schemas:
    """The schemas of some operations; ``components`` are those that have a name."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        # By place, because not every type can be a dictionary key.
        keys: list[tuple[str, str]] = []
        types: list[Any] = []
        for operation in operations:
            if operation.request is not None:
                keys.append(("request", operation.name))
                types.append(operation.request)
            if operation.reply is not RawReply:
                keys.append(("reply", operation.name))
                types.append(dict[str, bool] if operation.reply is None else operation.reply)
        found, components = msgspec.json.schema_components(types, ref_template=REFERENCE)
        self._found = dict(zip(keys, found, strict=True))
        self.components = {name: with_meanings(name, each) for name, each in components.items()}
        for operation in operations:
            _add_other_names(operation, self.fields(operation))

    def request(self, operation: Operation) -> Schema:
        """Return the schema of the whole request, wherever its fields travel."""
        return self._found["request", operation.name]

    def reply(self, operation: Operation) -> Schema:
        """Return the schema of a reply in JSON."""
        return self._found["reply", operation.name]

    def fields(self, operation: Operation) -> dict[str, Schema]:
        """Return the schema of each field of the request."""
        if operation.request is None:
            return {}
        name = self.request(operation)["$ref"].rpartition("/")[2]
        fields: dict[str, Schema] = self.components[name].get("properties", {})
        return fields


def without_null(schema: Schema) -> Schema:
    """Return a schema that does not admit null: what is in a path or a query is there."""
    options = [each for each in schema.get("anyOf", ()) if each != NULL]
    if not options:
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return {**options[0], **rest} if len(options) == 1 else {**rest, "anyOf": options}


def with_meanings(name: str, component: Schema) -> Schema:
    """Return a named schema that says of each of its fields what it means."""
    for field, schema in component.get("properties", {}).items():
        if schema.get("enum") == [True]:
            # Generators of clients know enumerations of texts and numbers only.
            del schema["enum"]
            schema["type"] = "boolean"
        # That a field may be left out is said by ``required``.
        if schema.get("default", ...) is None:
            del schema["default"]
        if text := text_of(name, field):
            schema.setdefault("description", text)
    return component


def _add_other_names(operation: Operation, fields: dict[str, Schema]) -> None:
    """Show the names by which clients of the old endpoints know fields of the body."""
    in_path = operation.route.parameters if operation.route else ()
    for other, name in operation.aliased_fields.items():
        if name not in in_path and operation.method not in QUERY_METHODS:
            # A client that fills in defaults must not say something of its own by both names.
            same = {key: value for key, value in fields[name].items() if key != "default"}
            if same.get("items", {}).get("type") == "object":
                # Generators name the items by the field, and know no second one by that name.
                same["items"] = {}
            fields.setdefault(other, {**same, "description": f"The same as `{name}`."})
