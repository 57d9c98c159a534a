"""What the references say of the protocol's own frames is what they are."""

from __future__ import annotations

import pytest
from bountyexpo.errors import RateLimited
from bountyexpo.ws.session import frame_splice
from bountyexpo.ws.v1 import protocol, reference
from bountyexpo.ws.v1.frame_handlers import FIRST_FRAMES, HANDLERS
from bountyexpo.ws.v1.serializer import JSON

from tests.unit.ws.session.session_fakes import START, World, declare_operations, payload_of

REFUSED = RateLimited(retry_after_s=1, issues=[{"path": "x", "message": "y"}], conversationId="c")
FRAMES = [
    protocol.error(START, REFUSED, "r1"),
    protocol.pong(START, 1),
    protocol.invalid_session(START),
    protocol.resumed(START, 1, []),
    protocol.synced(START, [], "r1"),
    protocol.gap(START, ["conv:c"]),
    protocol.receipts(START, "c", []),
    protocol.auth_expiring(START, START),
    protocol.session_revoked(START, "signed out"),
    protocol.reconnect(START, 1, 2, "deploy"),
    JSON.decode(payload_of(frame_splice.batch(JSON, [JSON.frame({"type": "pong"})]))),
]
SAID = {frame.types[0]: frame.fields for frame in reference.SERVER}


def fields_of(text):
    return {name.strip().removesuffix("?") for name in text.split(",")}


@pytest.mark.parametrize("frame", FRAMES, ids=[frame["type"] for frame in FRAMES])
def test_the_fields_of_a_frame_are_all_listed_and_no_others(frame):
    assert fields_of(SAID[frame["type"]]) == frame.keys() - {"type"}


async def test_the_fields_of_the_welcome_are_all_listed(autojump_clock):
    async with World() as world:
        anna = await world.open("anna")

    assert fields_of(SAID["welcome"]) == anna.frames[0].keys() - {"type"}


def test_every_frame_to_clients_is_looked_at():
    assert SAID.keys() == {frame["type"] for frame in FRAMES} | {"welcome", "ack"}


async def test_every_frame_of_clients_is_listed_once():
    async with World() as world:
        declare_operations(world)
        of_features = world.context.features.frames.keys()
        operations = {each.frame for each in world.catalogue.all()}
    known = {*FIRST_FRAMES, *HANDLERS, *of_features, "ping"} - operations

    listed = [kind for frame in reference.CLIENT for kind in frame.types]

    assert sorted(listed) == sorted(known)
