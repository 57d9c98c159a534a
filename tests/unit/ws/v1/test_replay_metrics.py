"""How well clients come back can be read from the metrics."""

from __future__ import annotations

import pytest
from bountyexpo.observability import metrics

from tests.unit.ws.session.session_fakes import World, declare_operations


@pytest.fixture
async def world():
    async with World() as world:
        declare_operations(world)
        yield world


@pytest.fixture
def counted():
    """What was counted since the beginning of the test."""

    def read():
        return {
            (kind, outcome): counter.labels(outcome)._value.get()
            for kind, counter in (("resume", metrics.WS_RESUMES), ("replay", metrics.WS_REPLAYS))
            for outcome in ("resumed", "whole", "limited", "refused")
        } | {"gap": metrics.WS_GAPS._value.get()}

    before = read()
    return lambda: {name: now - before[name] for name, now in read().items() if now != before[name]}


async def resume(world, sid, n=0):
    socket = world.connect()
    socket.say(type="hello", v=1, token="anna", resume={"sid": sid, "n": n})
    await socket.until(lambda: {"resumed", "invalid_session"} & set(socket.types()))
    return socket


async def test_a_whole_resume(autojump_clock, world, counted):
    anna = await world.open("anna", caps=["resume"])
    anna.close(1006)

    await resume(world, anna.frames[0]["sid"])

    assert counted() == {("resume", "resumed"): 1}


async def test_a_resume_that_lost_a_stream(autojump_clock, world, counted):
    anna = await world.open("anna", caps=["resume"])
    anna.room = 0
    world.publish("user:anna", users=("anna",))
    anna.close(1006)

    back = await resume(world, anna.frames[0]["sid"])

    [entry] = next(frame for frame in back.frames if frame["type"] == "resumed")["limited"]
    assert entry["stream"] == "user:anna"
    assert counted() == {("resume", "limited"): 1}


async def test_a_resume_of_what_is_gone(autojump_clock, world, counted):
    anna = await world.open("anna", caps=["resume"])

    await resume(world, "gone")
    await resume(world, anna.frames[0]["sid"], n=7)

    assert counted() == {("resume", "refused"): 2}


async def test_streams_are_counted_one_by_one(autojump_clock, world, counted):
    world.database.members["c"] = {"anna"}
    for stream, count in (("conv:c", 3), ("bounty:b", 201)):
        for _ in range(count):
            world.database.commit(stream)
    names = ("conv:c", "bounty:b", "user:ben")

    anna = await world.open("anna", streams={name: {"seq": 0} for name in names})
    await anna.until(lambda: "synced" in anna.types())

    assert counted() == {
        ("replay", "whole"): 1,
        ("replay", "limited"): 1,
        ("replay", "refused"): 1,
    }


async def test_a_gap_counts_its_streams(autojump_clock, world, counted):
    anna = await world.open("anna")
    anna.room = 0
    for stream in ("conv:c", "conv:c", "conv:d"):
        world.publish(stream, users=("anna",))
    anna.drain()

    assert anna.frames[-1]["streams"] == ["conv:c", "conv:d"]
    assert counted() == {"gap": 2}
