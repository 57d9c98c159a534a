"""Whatever is said to an actor, and whatever it replies, can travel: all of it, found by itself."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import types
from datetime import UTC, datetime
from typing import Any, Union, get_args, get_origin

import bountyexpo.actors
import msgspec
import pytest
from bountyexpo.runtime import Message
from msgspec import inspect

CODECS = (msgspec.json, msgspec.msgpack)


def modules():
    for found in pkgutil.walk_packages(bountyexpo.actors.__path__, "bountyexpo.actors."):
        yield importlib.import_module(found.name)


def unions():
    """Return each closed union of messages under its name."""
    return {
        name: value
        for module in modules()
        for name, value in vars(module).items()
        if name.endswith("Message") and get_origin(value) in {Union, types.UnionType}
    }


def subclasses(base):
    for each in base.__subclasses__():
        yield each
        yield from subclasses(each)


def said():
    """Return every class of message that the actors declare."""
    list(modules())
    return [each for each in subclasses(Message) if each.__module__.startswith("bountyexpo.")]


def terms(message):
    """Return the kind that a message is for, and the type of the reply."""
    [base] = (base for base in message.__orig_bases__ if get_origin(base) is Message)
    return get_args(base)


PLAIN = {
    inspect.NoneType: (None,),
    inspect.BoolType: (True, False),
    inspect.IntType: (7,),
    inspect.FloatType: (0.5,),
    inspect.StrType: ("text",),
    inspect.DateTimeType: (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),),
    # What a client or a provider sent: decoded JSON.
    inspect.AnyType: ("anything", 1, None),
}


def samples(about):
    """Return values of one type that between them use every alternative."""
    match about:
        case inspect.LiteralType():
            return list(about.values)
        case inspect.EnumType():
            return list(about.cls)
        case inspect.UnionType():
            return [value for each in about.types for value in samples(each)]
        case inspect.ListType():
            return [[], list(samples(about.item_type))]
        case inspect.VarTupleType():
            return [(), tuple(samples(about.item_type))]
        case inspect.DictType():
            [key, *_] = samples(about.key_type)
            return [{}, *({key: value} for value in samples(about.value_type))]
        case inspect.StructType() | inspect.DataclassType():
            return list(filled(about))
    if type(about) not in PLAIN:
        raise TypeError(f"{about} cannot travel")
    return PLAIN[type(about)]


def filled(about):
    """Yield the struct with every field filled, each alternative of each field in its turn."""
    values = {field.name: samples(field.type) for field in about.fields}
    for turn in range(max(map(len, values.values()), default=1)):
        yield about.cls(**{name: each[turn % len(each)] for name, each in values.items()})


def travelled(value: Any, wanted: Any) -> list[Any]:
    return [codec.decode(codec.encode(value), type=wanted) for codec in CODECS]


def test_every_message_is_in_the_one_union_of_its_kind() -> None:
    found = unions()
    members = [each for union in found.values() for each in get_args(union)]

    assert len(found) >= 5
    assert sorted(map(repr, members)) == sorted(map(repr, said()))
    for union in found.values():
        assert len({terms(each)[0] for each in get_args(union)}) == 1
    assert len({each.__struct_config__.tag for each in members}) == len(members)


@pytest.mark.parametrize("name", sorted(unions()))
def test_every_message_travels_as_one_of_its_union(name) -> None:
    union = unions()[name]
    for message in get_args(union):
        for sample in samples(inspect.type_info(message)):
            assert travelled(sample, union) == [sample, sample], message


@pytest.mark.parametrize("message", said(), ids=lambda each: each.__name__)
def test_every_reply_travels(message) -> None:
    reply = terms(message)[1]
    for sample in samples(inspect.type_info(reply)):
        assert travelled(sample, reply) == [sample, sample]


def test_what_cannot_travel_is_noticed() -> None:
    @dataclasses.dataclass
    class Owed:
        reply: object
        error: Exception

    with pytest.raises(TypeError, match="cannot travel"):
        samples(inspect.type_info(Owed))
