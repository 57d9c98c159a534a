"""An event leaves its process as it is, and is told by another one with the same bytes."""

from __future__ import annotations

import msgspec
import pytest
from bountyexpo.domain.event_catalogue import declared
from bountyexpo.domain.events import payload_of
from bountyexpo.persistence.streams import StreamEvent
from bountyexpo.realtime import event_frame
from bountyexpo.ws.legacy.serializer import LEGACY
from bountyexpo.ws.v1.serializer import JSON, MSGPACK

from tests.sample_values import WHEN, sample

DURABLE = [spec for spec in declared() if spec.is_durable]


@pytest.mark.parametrize("codec", [msgspec.json, msgspec.msgpack], ids=["json", "msgpack"])
@pytest.mark.parametrize("spec", DURABLE, ids=[f"{each.stream}:{each.type}" for each in DURABLE])
def test_an_event_travels_between_processes(spec, codec):
    event = StreamEvent(
        stream=spec.stream.of("it"),
        seq=7,
        epoch="e1",
        type=spec.type,
        payload=payload_of(sample(spec.struct)),
        users=("anna", "ben"),
        private=spec.is_private,
        created_at=WHEN,
    )

    arrived = codec.decode(codec.encode(event), type=StreamEvent)

    assert arrived == event
    for serializer in (JSON, MSGPACK, LEGACY):
        frames = [serializer.frame(event_frame.full(each)) for each in (event, arrived)]
        assert frames[0] == frames[1]
