"""The catalogue of events: what is declared holds together, and what is stored is told again."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from bountyexpo.domain.chat.events import ConversationAdded, MessageNew
from bountyexpo.domain.event_catalogue import declared, redaction_of, spec_of
from bountyexpo.domain.events import Coalesce, Stream, event, payload_of
from bountyexpo.domain.market.events import BountyUpdated
from bountyexpo.domain.money.events import PaymentFailed

from tests.sample_events import Note
from tests.sample_values import sample

DURABLE = [spec for spec in declared() if spec.is_durable]
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)


def names(specs):
    return [f"{spec.stream}:{spec.type}" for spec in specs]


@pytest.mark.parametrize("spec", DURABLE, ids=names(DURABLE))
def test_what_the_database_has_shuffled_is_told_as_it_was_live(spec):
    live = payload_of(sample(spec.struct))
    stored = msgspec.json.decode(msgspec.json.encode(live, order="sorted"))

    told = spec.in_order(stored)

    assert msgspec.json.encode(told) == msgspec.json.encode(live)
    assert msgspec.msgpack.encode(told) == msgspec.msgpack.encode(live)


@pytest.mark.parametrize("spec", DURABLE, ids=names(DURABLE))
def test_whatever_was_stored_once_can_be_told(spec):
    live = payload_of(sample(spec.struct))
    first = spec.fields[0]

    assert spec.in_order({"ofOld": 1, **live}) == {**live, "ofOld": 1}
    assert spec.in_order({first: {"not": "this"}}) == {first: {"not": "this"}}
    assert spec.in_order({}) == {}


def test_a_field_that_is_not_set_is_left_out_and_none_is_told():
    failed = PaymentFailed(payment_id="p", payment_intent_id=None, amount_cents=1)
    updated = BountyUpdated(id="b", bounty_id="b", status="open", version=2)

    assert payload_of(failed)["reason"] is None
    assert "isExpired" not in payload_of(updated)


def test_events_are_found_by_the_name_of_their_stream():
    assert spec_of("conv:7", "message.new") is MessageNew.spec()
    assert spec_of(Stream.USER.of("anna"), "conversation.added") is ConversationAdded.spec()
    assert spec_of("user:anna", "message.new") is None


def test_a_stream_with_private_events_has_one_to_show_in_their_place():
    private = {spec.stream for spec in declared() if spec.is_private}

    for stream in private:
        kind, id_field = redaction_of(stream.of("it"))
        assert id_field in spec_of(stream.of("it"), kind).fields


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"coalesce": Coalesce("x", ("n",))}, "a number cannot be left out"),
        ({"is_durable": False, "is_private": True}, "it is told to its users only"),
        ({"is_durable": False, "coalesce": Coalesce("x", ("m",))}, "'m'"),
        ({"origin": ("n", "m")}, "'m'"),
        ({"public_fields": ("m",)}, "'m'"),
        ({"legacy_fields": ("m",)}, "'m'"),
        ({"legacy_each": "m"}, "'m'"),
        ({"redacted_id": "m"}, "note.refused"),
    ],
)
def test_a_declaration_that_cannot_hold_is_refused(options, complaint):
    class Refused(Note, frozen=True):
        pass

    with pytest.raises(AssertionError, match=complaint):
        event("note.refused", Stream.USER, **options)(Refused)

    assert spec_of("user:anna", "note.refused") is None


@pytest.mark.parametrize("spec", declared(), ids=names(declared()))
def test_every_event_says_what_it_means(spec):
    assert spec.struct.__doc__
    assert "No docstring" not in spec.struct.__doc__
