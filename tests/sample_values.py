"""A value of any struct of ours, made from its types."""

from __future__ import annotations

import enum
import types
import typing
from datetime import UTC, datetime
from typing import Any, get_args, get_origin

import msgspec

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
PLAIN: dict[Any, Any] = {
    str: "text",
    int: 7,
    bool: True,
    float: 0.5,
    bytes: b"bytes",
    datetime: WHEN,
}


def sample(kind: Any) -> Any:
    """Return a value of this type, with every field set."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind, include_extras=True)
        return kind(**{name: sample(hints[name]) for name in kind.__struct_fields__})
    if kind in PLAIN:
        return PLAIN[kind]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return next(iter(kind))
    return _composite(kind)


def _composite(kind: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is typing.Annotated:
        return sample(arguments[0])
    if origin is typing.Literal:
        return arguments[0]
    if origin in {typing.Union, types.UnionType}:
        return sample(
            next(each for each in arguments if each not in {type(None), msgspec.UnsetType})
        )
    if origin is list:
        return [sample(arguments[0])]
    if origin is tuple:
        return tuple(sample(each) for each in arguments if each is not ...)
    if origin is dict:
        return {sample(arguments[0]): sample(arguments[1])}
    return {} if kind is Any else kind()
