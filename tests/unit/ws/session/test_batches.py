"""Several frames in one, for clients that take them so."""

from __future__ import annotations

import pytest
from bountyexpo.ws.v1 import serializer

from tests.unit.ws.session.session_fakes import World

SERIALIZERS = [serializer.JSON, serializer.MSGPACK]


@pytest.fixture
async def world():
    async with World() as world:
        yield world


@pytest.mark.parametrize("used_codec", SERIALIZERS)
@pytest.mark.parametrize("caps", [["batch"], ["batch", "resume"]])
async def test_a_replay_comes_in_batches_for_those_who_take_them(
    autojump_clock, world, used_codec, caps
):
    for _ in range(150):
        world.database.commit("user:anna", users=("anna",), payload={"text": "x" * 100})

    anna = await world.open(
        "anna",
        used_codec=used_codec,
        caps=caps,
        streams={"user:anna": {"seq": 0, "epoch": "e1"}},
    )

    batches = [frame["frames"] for frame in anna.frames if frame["type"] == "batch"]
    assert [len(frames) for frames in batches] == [64, 64, 22]
    events = [frame for frames in batches for frame in frames]
    assert [frame["seq"] for frame in events] == list(range(1, 151))
    assert all(frame["replay"] for frame in events)
    if "resume" in caps:
        assert [frame["n"] for frame in events] == list(range(1, 151))
    assert anna.types()[-1] == "synced"


async def test_a_batch_is_bounded_in_bytes(autojump_clock, world):
    for _ in range(10):
        world.database.commit("user:anna", users=("anna",), payload={"text": "x" * 20_000})

    anna = await world.open("anna", caps=["batch"], streams={"user:anna": {"seq": 0}})

    assert max(len(frame) for frame in anna.raw) <= 64 * 1024
    assert [len(frame["frames"]) for frame in anna.frames if frame["type"] == "batch"] == [3, 3, 3]
