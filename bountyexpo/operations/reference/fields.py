"""The fields of a struct in words, as the references of the socket tell them.

A field without a remark is text; one with a question mark may be left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import NODEFAULT
from msgspec import inspect as types

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    Describe = Callable[[type[msgspec.Struct]], str]

_WORDS: Final[dict[type[types.Type], str]] = {
    types.AnyType: "anything",
    types.NoneType: "null",
    types.BoolType: "true or false",
    types.IntType: "number",
    types.FloatType: "number",
    types.StrType: "text",
    types.BytesType: "base64 or bin",
    types.DateTimeType: "time",
}


def asked(struct: type[msgspec.Struct], *, required: Collection[str] = ()) -> str:
    """Return the fields that a client sends; the ``required`` ones in spite of a default."""
    words = []
    for field in _fields(struct):
        is_optional = not field.required and field.encode_name not in required
        # What may be left out may be null as well; that need not be said of each.
        kind = _kind(field.type, asked).removesuffix(" or null" if is_optional else "")
        words.append(_in_words(field.encode_name, kind, is_optional=is_optional))
    return ", ".join(words)


def told(struct: type[msgspec.Struct], *, hidden: Collection[str] = ()) -> str:
    """Return the fields that a client is sent: those with a default, too, unless it is none."""
    return ", ".join(
        _in_words(field.encode_name, _kind(field.type, told), is_optional=_may_be_absent(field))
        for field in _fields(struct)
        if field.encode_name not in hidden
    )


def _fields(struct: type[msgspec.Struct]) -> tuple[types.Field, ...]:
    found = types.type_info(struct)
    assert isinstance(found, types.StructType)
    return found.fields


def _may_be_absent(field: types.Field) -> bool:
    """Tell whether the default of a field is to be left out (``UNSET``)."""
    has_default = field.default is not NODEFAULT or field.default_factory is not NODEFAULT
    return not field.required and not has_default


def _in_words(name: str, kind: str, *, is_optional: bool) -> str:
    name += "?" if is_optional else ""
    if kind == "text":
        return name
    if kind.startswith("{"):
        return f"{name} {kind}"
    return f"{name} ({kind.removeprefix('text ')})"


def _kind(kind: types.Type, describe: Describe) -> str:
    while isinstance(kind, types.Metadata):
        kind = kind.type
    word = _WORDS.get(type(kind))
    if word is not None:
        return word
    match kind:
        case types.LiteralType(values=values):
            return " or ".join(map(_quoted, values))
        case types.UnionType(types=several):
            return " or ".join(_kind(each, describe) for each in several)
        case types.ListType(item_type=item):
            return f"list of {_kind(item, describe)}"
        case types.DictType(value_type=value):
            return f"map to {_kind(value, describe)}"
        case types.StructType(cls=struct):
            return f"{{{describe(struct)}}}"
        case _:
            raise TypeError(f"there is no word for {kind}")


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
