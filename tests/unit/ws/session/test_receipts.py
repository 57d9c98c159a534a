"""Receipts as state: told on recovery, on subscribing, and on joining after a leave."""

from __future__ import annotations

import pytest
from bountyexpo.domain.chat.events import MessageRead
from bountyexpo.ws.session.limits import SessionLimits

from tests.unit.ws.session.session_fakes import World

MARKERS = [{"userId": "ben", "deliveredSeq": 4, "readSeq": 3}]


@pytest.fixture
async def world():
    async with World() as world:
        prepare(world)
        yield world


def prepare(world):
    world.database.members["c1"] = {"anna", "ben"}
    world.database.markers["c1"] = {"ben": (4, 3)}


async def test_a_recovered_conversation_tells_its_markers_before_the_end(autojump_clock, world):
    world.database.commit("conv:c1")
    anna = await world.open("anna", streams={"conv:c1": {"seq": 0}})
    await anna.until(lambda: "synced" in anna.types())

    assert anna.types() == ["welcome", "message.new", "receipts", "synced"]
    assert anna.frames[2]["markers"] == MARKERS
    assert "seq" not in anna.frames[2]


async def test_a_stranger_is_told_no_markers(autojump_clock, world):
    cleo = await world.open("cleo", streams={"conv:c1": {"seq": 0}})
    await cleo.until(lambda: "synced" in cleo.types())
    cleo.say(type="subscribe", id="s", topics=["conv:c1"])
    await cleo.reply_to("s")

    assert "receipts" not in cleo.types()


async def test_subscribing_tells_the_markers_behind_the_ack(autojump_clock, world):
    anna = await world.open("anna")
    anna.say(type="subscribe", id="s", topics=["conv:c1"])
    await anna.until(lambda: "receipts" in anna.types())

    assert anna.types() == ["welcome", "ack", "receipts"]


async def test_joining_again_tells_what_went_by(autojump_clock, world):
    anna = await world.open("anna")
    anna.say(type="join", id="j1", conversationId="c1")
    await anna.reply_to("j1")
    anna.say(type="leave", id="l", conversationId="c1")
    await anna.reply_to("l")
    read = MessageRead(
        conversation_id="c1",
        message_id="m1",
        message_ids=["m1"],
        up_to_seq=1,
        sender_id="ben",
        user_id="ben",
    )
    world.hub.tell(read, of="c1", users=["anna"])
    anna.say(type="join", id="j2", conversationId="c1")
    await anna.until(lambda: "receipts" in anna.types())

    assert anna.types() == ["welcome", "ack", "ack", "ack", "receipts"]


async def test_muting_has_a_bound(autojump_clock):
    async with World(limits=SessionLimits(subscriptions_max=1)) as world:
        prepare(world)
        world.database.members["c2"] = {"anna"}
        anna = await world.open("anna")
        replies = []
        for number, name in enumerate(["c1", "c1", "c2"]):
            anna.say(type="leave", id=str(number), conversationId=name)
            replies.append(await anna.reply_to(str(number)))

    assert [reply["type"] for reply in replies] == ["ack", "ack", "error"]
    assert replies[2]["code"] == "TOO_MANY_SUBSCRIPTIONS"
