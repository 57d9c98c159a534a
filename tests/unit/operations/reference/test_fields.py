"""How the references put the fields of structs into words."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from bountyexpo.domain.chat.events import MessageRead
from bountyexpo.domain.event_catalogue import declared
from bountyexpo.operations.reference import sockets
from bountyexpo.operations.reference.fields import asked, told
from msgspec import UNSET, UnsetType


class Place(msgspec.Struct, rename="camel"):
    street_name: str
    number: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Form(msgspec.Struct, rename="camel"):
    v: int = 0
    full_name: Annotated[str, msgspec.Meta(max_length=5)] | None = None
    place: Place | None = None
    kinds: Annotated[list[Literal["a", "b"]], msgspec.Meta(max_length=5)] = []


class Told(msgspec.Struct, rename="camel"):
    at: datetime | None
    is_new: bool
    count: int = 3
    places: list[Place] | UnsetType = UNSET
    by_name: dict[str, Any] | UnsetType = UNSET
    note: str | None = None
    kind: Literal["told"] = "told"


def test_what_a_client_sends_may_be_left_out_where_it_has_a_default():
    words = "v? (number), fullName?, place? {streetName, number? (number)}"

    assert asked(Form) == f'{words}, kinds? (list of "a" or "b")'
    assert asked(Form, required=("v",)).startswith("v (number), ")


def test_what_a_client_is_sent_is_there_unless_it_is_not_set():
    assert told(Told) == (
        "at (time or null), isNew (true or false), count (number), "
        "places? (list of {streetName, number (number or null)}), byName? (map to anything), "
        'note (or null), kind ("told")'
    )


def test_what_only_old_clients_hear_is_not_listed():
    [event] = [
        each for stream in sockets.streams() for each in stream.events if "message.read" in each[0]
    ]

    assert "messageIds" in MessageRead.spec().fields
    assert "messageIds" not in event.fields


def test_every_event_is_listed_with_its_stream():
    listed = [(stream.id, kind) for stream in sockets.streams() for kind in stream.types]

    assert sorted(listed) == sorted((str(spec.stream), spec.type) for spec in declared())


def test_what_strangers_see_is_said_where_something_is_private():
    notes = {stream.id: stream.note for stream in sockets.streams()}

    assert "`bounty.updated` with nothing but `bountyId`" in notes["bounty"]
    assert [name for name, note in notes.items() if note] == ["bounty"]
