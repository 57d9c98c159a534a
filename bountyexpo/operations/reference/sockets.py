"""What the references of the socket list: frames, and the streams with their events.

Operations and events come from their catalogues; the frames of the protocol itself are handed in
by ``ws``, which alone knows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from bountyexpo.domain.event_catalogue import declared, redaction_of
from bountyexpo.domain.events import Stream
from bountyexpo.operations.reference.fields import asked, told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bountyexpo.domain.events import EventSpec
    from bountyexpo.operations.catalogue import Operation


class Frame(NamedTuple):
    """A frame type, or several of one form: fields in words, what is answered, what it is for."""

    types: tuple[str, ...]
    fields: str
    meaning: str
    answer: str = ""


class ProtocolFrames(NamedTuple):
    """The frames of the protocol itself, from clients and to them."""

    client: tuple[Frame, ...]
    server: tuple[Frame, ...]


class StreamEntry(NamedTuple):
    """What is told on one kind of stream; ``note`` says what strangers see of private events."""

    id: str
    name: str
    kept: str
    meaning: str
    events: tuple[Frame, ...]
    note: str = ""

    @property
    def types(self) -> tuple[str, ...]:
        """The types of its events."""
        return tuple(kind for event in self.events for kind in event.types)


# How each stream is named, how long it is kept, and what it is.
_STREAMS: Final = {
    Stream.CONVERSATION: (
        "conv:<id>",
        "for ever; of reactions 30 days, 5,000 events",
        "One conversation, heard by who takes part.",
    ),
    Stream.USER: ("user:<id>", "30 days, 5,000 events", "What concerns one user, who hears it."),
    Stream.BOUNTY: (
        "bounty:<id>",
        "as long as the bounty",
        "One bounty, heard by its parties and by who subscribed.",
    ),
    Stream.FEED: ("feed:open", "not kept", "News of open bounties, heard by who subscribed."),
    Stream.PRESENCE: ("presence", "not kept", "People, heard by who named them."),
}


def operation_frames(operations: Iterable[Operation]) -> tuple[Frame, ...]:
    """Return the operations that have a frame of their own."""
    return tuple(
        Frame(
            types=(operation.frame,),
            fields=asked(operation.request) if operation.request is not None else "",
            answer=_names(operation.reply),
            meaning=operation.summary,
        )
        for operation in operations
        if operation.frame is not None
    )


def streams() -> tuple[StreamEntry, ...]:
    """Return every kind of stream with its events, those without a number last."""
    return tuple(_stream(kind, *words) for kind, words in _STREAMS.items())


def _stream(kind: Stream, name: str, kept: str, meaning: str) -> StreamEntry:
    specs = sorted(
        (spec for spec in declared() if spec.stream is kind), key=lambda spec: not spec.is_durable
    )
    note = ""
    if any(spec.is_private for spec in specs):
        shown, id_field = redaction_of(kind.of(""))
        note = (
            "Of what is private only those hear whom it concerns; others hear that there was "
            f"something: `{shown}` with nothing but `{id_field}`, under the same number."
        )
    return StreamEntry(kind.value, name, kept, meaning, tuple(map(_event, specs)), note)


def _event(spec: EventSpec) -> Frame:
    marks = [
        *(["Private."] if spec.is_private else []),
        *(["No number."] if not spec.is_durable else []),
        *([f"Who was away is told by `{spec.snapshot}`."] if spec.snapshot is not None else []),
    ]
    hidden = () if spec.legacy_each is None else (spec.legacy_each,)
    return Frame(
        types=(spec.type,),
        fields=told(spec.struct, hidden=hidden),
        meaning=" ".join([_sentences(spec.struct), *marks]),
    )


def _sentences(struct: type) -> str:
    return " ".join((struct.__doc__ or "").split()).replace("``", "`")


def _names(reply: Any) -> str:
    if not (isinstance(reply, type) and issubclass(reply, msgspec.Struct)):
        return ""
    omits = reply.__struct_config__.omit_defaults
    fields = msgspec.structs.fields(reply)
    return ", ".join(
        field.encode_name + ("?" if omits and not field.required else "") for field in fields
    )
