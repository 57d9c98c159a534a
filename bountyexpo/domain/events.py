"""The catalogue of events: everything that clients hear without having asked, declared once.

An event is a struct whose fields are those of its frame (contract realtime §4.6); ``@event`` says
what stream it belongs to and who may see it. From this one declaration come the live frame and the
replayed one, what strangers are shown instead, what stands for what when a socket is slow, the
words of old clients, and the socket reference.

A durable event is numbered and stored in its stream, so that nobody misses it; any other is lost on
whoever is away. Fields that are ``UNSET`` are left out; None travels as null.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

E = TypeVar("E", bound="EventType")


class Stream(StrEnum):
    """What has a stream of its own; a stream is named ``<kind>:<id>``."""

    USER = "user"
    CONVERSATION = "conv"
    BOUNTY = "bounty"
    FEED = "feed"
    PRESENCE = "presence"

    def of(self, entity_id: str) -> str:
        """Return the name of the stream of one entity."""
        return f"{self.value}:{entity_id}"


# The public stream of new and changed bounties (contract realtime §4.4).
FEED_STREAM: Final = Stream.FEED.of("open")


class Event(msgspec.Struct, frozen=True, rename="camel"):
    """Something that has happened, as clients hear of it."""

    @classmethod
    def spec(cls) -> EventSpec:
        """Return what was declared about this class of events."""
        return _BY_CLASS[cls]


EventType: TypeAlias = type[Event]


class Coalesce(NamedTuple):
    """Which events stand for each other while a socket has no room: only the last counts.

    They share the ``group`` and the values of ``fields``, named as on the wire. An event with a
    number stands for itself only: to leave it out would be a hole in its stream.
    """

    group: str
    fields: tuple[str, ...] = ()

    def key(self, payload: Mapping[str, Any]) -> Hashable:
        """Return what two events have in common of which the later one is enough."""
        return (self.group, *(payload.get(name) for name in self.fields))


class EventSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalogue knows of one class of events.

    Args:
        type: the type of its frame.
        stream: the kind of stream that it belongs to.
        struct: the class that holds its fields.
        is_durable: it has a number in its stream, and is replayed.
        is_private: only those whom it is sent to may see it. Others who follow the stream are
            shown, under the same number, that something has changed and nothing else.
        coalesce: what it stands for while a socket is slow; None when each one counts.
        origin: the two fields that name sender and client id: the socket that sent it is answered
            by an ack and needs no copy. Old clients never hear what their own user has sent.
        snapshot: the frame by which the present state is told to who was away; None when there is
            none, or nothing to tell.
        redacted_id: the field with the id of the stream's entity: alone with it, this event is
            what others are shown in the place of a private one.
        public_fields: what anybody hears on the old event path; empty for nothing.
        legacy_fields: what old clients know of it; None when they have no word for it.
        legacy_each: the field with ids of which old clients are told one by one.
    """

    type: str
    stream: Stream
    struct: EventType
    is_durable: bool = True
    is_private: bool = False
    coalesce: Coalesce | None = None
    origin: tuple[str, str] | None = None
    snapshot: str | None = None
    redacted_id: str | None = None
    public_fields: tuple[str, ...] = ()
    legacy_fields: tuple[str, ...] | None = None
    legacy_each: str | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of its fields on the wire, in their order."""
        return self.struct.__struct_encode_fields__

    def on_wire(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values of some of its fields under their names on the wire."""
        names = dict(zip(self.struct.__struct_fields__, self.fields, strict=True))
        return {names[name]: value for name, value in values.items()}

    def sender_of(self, payload: Mapping[str, Any]) -> str | None:
        """Return who has sent it; None for what is not sent by anybody."""
        return None if self.origin is None else payload.get(self.origin[0])

    def in_order(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Return a stored payload with its fields in the order in which they were sent live.

        What the database keeps has an order of its own. Whatever was stored can be told: fields of
        an earlier version stay, and what does not fit at all is told as it is.
        """
        try:
            known = payload_of(msgspec.convert(payload, self.struct))
        except msgspec.ValidationError:
            return payload
        return known if known.keys() >= payload.keys() else {**known, **payload}


_BY_CLASS: dict[EventType, EventSpec] = {}
_BY_NAME: dict[tuple[str, str], EventSpec] = {}
_REDACTIONS: dict[str, tuple[str, str]] = {}


def event(
    type: str,  # noqa: A002 - the wire's own name
    stream: Stream,
    **declared: Any,
) -> Callable[[E], E]:
    """Declare a class of events; the keywords are the fields of ``EventSpec``."""

    def declare(struct: E) -> E:
        spec = EventSpec(type=type, stream=stream, struct=struct, **declared)
        key = (stream.value, type)
        _check(spec)
        assert _BY_NAME.setdefault(key, spec).struct.__qualname__ == struct.__qualname__, key
        _BY_CLASS[struct] = spec
        if spec.redacted_id is not None:
            _REDACTIONS[stream.value] = (type, spec.redacted_id)
        return struct

    return declare


def _check(spec: EventSpec) -> None:
    """Refuse a declaration that names fields which are not there, or cannot be kept."""
    of_coalesce = spec.coalesce.fields if spec.coalesce is not None else ()
    of_old_clients = (*(spec.legacy_fields or ()), *filter(None, (spec.legacy_each,)))
    named = {*of_coalesce, *(spec.origin or ()), *spec.public_fields, *of_old_clients}
    assert named <= {*spec.fields, "timestamp", "seq"}, (spec.type, named)
    assert spec.redacted_id is None or spec.redacted_id in spec.fields, spec.type
    assert not (spec.is_durable and spec.coalesce), f"{spec.type}: a number cannot be left out"
    assert spec.is_durable or not spec.is_private, f"{spec.type}: it is told to its users only"


def declared() -> tuple[EventSpec, ...]:
    """Return all that was declared, in that order."""
    return tuple(_BY_NAME.values())


def spec_of(stream: str, type: str) -> EventSpec | None:  # noqa: A002 - the wire's name
    """Return what is known of an event by the name of its stream and its type."""
    return _BY_NAME.get((stream.partition(":")[0], type))


def redaction_of(stream: str) -> tuple[str, str]:
    """Return the type that stands for a private event of this stream, and its field for the id."""
    return _REDACTIONS[stream.partition(":")[0]]


def payload_of(event: Event) -> dict[str, Any]:
    """Return the fields of an event as plain values; times are ISO text, as they are stored."""
    plain: dict[str, Any] = msgspec.to_builtins(event)
    return plain
