"""What is not read is told as state, once a second, to whom it concerns."""

from __future__ import annotations

from functools import partial

import pytest
import trio
from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.realtime.chat.unread_counts import NAMED_MAX

from tests.unit.ws.session.session_fakes import World, declare_operations


@pytest.fixture
async def world():
    async with World() as world:
        declare_operations(world)
        world.database.members["c"] = {"anna", "ben"}
        world.database.counts["anna"] = {"c": 2, "d": 1}
        yield world


def told(socket):
    return [frame for frame in socket.frames if frame["type"] == "unread"]


def write(world, sender="ben"):
    world.publish("conv:c", payload={"senderId": sender}, users=("anna", "ben"))


async def test_a_change_is_told_to_every_socket_of_the_user(autojump_clock, world):
    phone, tablet, ben = [await world.open(name) for name in ("anna", "anna", "ben")]

    world.unread.change(["anna", "nobody"])
    await trio.sleep(0.1)

    frame = {
        "type": "unread",
        "notifications": 0,
        "messages": 3,
        "byConversation": {"c": 2, "d": 1},
        "timestamp": "2026-01-01T00:00:00Z",
    }
    assert told(phone) == told(tablet) == [frame]
    assert told(ben) == []


async def test_many_changes_of_a_second_are_told_once(autojump_clock, world):
    anna, ben = await world.open("anna"), await world.open("ben")

    for _ in range(30):
        world.unread.change(["anna", "ben"])
        await trio.sleep(0.1)
    await trio.sleep(5)

    assert len(told(anna)) == len(told(ben)) == 4
    # Both were read together.
    assert world.database.reads.count("unread") == 4


async def test_a_new_message_is_counted_by_whoever_asked_for_it_only(autojump_clock, world):
    anna = await world.open("anna", caps=["unread"])
    ben = await world.open("ben")

    write(world)
    write(world, sender="anna")
    await trio.sleep(0.1)

    assert len(told(anna)) == 1
    assert anna.types()[-1] == "unread"
    assert told(ben) == []


async def test_ones_own_message_changes_nothing(autojump_clock, world):
    anna = await world.open("anna", caps=["unread"])

    write(world, sender="anna")
    await trio.sleep(2)

    assert told(anna) == []


async def test_when_nobody_asks_messages_cost_nothing(autojump_clock, world):
    anna = await world.open("anna", caps=["unread"])
    other = await world.open("anna", caps=["unread"])
    anna.close(1000)
    assert "message.new" in world.hub._watchers
    other.close(1000)

    assert not world.hub._watchers
    assert not world.unread._followers


async def test_a_resumed_session_still_counts(autojump_clock, world):
    anna = await world.open("anna", caps=["unread", "resume"])
    sid = anna.frames[0]["sid"]
    anna.close(1006)
    back = world.connect()
    back.say(type="hello", v=1, token="anna", caps=["unread"], resume={"sid": sid, "n": 0})
    await back.until(lambda: "resumed" in back.types())

    write(world)
    await trio.sleep(0.1)

    assert len(told(back)) == 1


async def test_a_refused_hello_follows_nothing(autojump_clock, world):
    world.authority.status["anna"] = "banned"
    anna = world.connect()
    anna.say(type="hello", v=1, token="anna", caps=["unread"])
    await anna.closed()

    assert not world.unread._followers


async def test_of_very_many_conversations_the_sum_is_told(autojump_clock, world):
    anna = await world.open("anna")
    world.database.counts["anna"] = {f"c{number}": 1 for number in range(NAMED_MAX + 1)}

    world.unread.change(["anna"])
    await trio.sleep(0.1)

    [frame] = told(anna)
    assert frame["messages"] == NAMED_MAX + 1
    assert "byConversation" not in frame


async def test_what_cannot_be_read_is_told_when_it_can(autojump_clock, world):
    anna = await world.open("anna")
    world.database.fails_with = DatabaseUnavailable()
    world.unread.change(["anna"])
    await trio.sleep(3)
    world.database.fails_with = None
    await trio.sleep(2)

    assert len(told(anna)) == 1


async def test_what_changes_while_it_is_read_is_told_again(autojump_clock, world):
    anna = await world.open("anna")
    world.database.pause = partial(trio.sleep, 1)
    world.unread.change(["anna"])
    await trio.sleep(0.5)

    world.unread.change(["anna"])
    await trio.sleep(5)

    assert len(told(anna)) == 2


async def test_a_fault_of_ours_ends_nothing(autojump_clock, world):
    anna = await world.open("anna")
    world.database.fails_with = RuntimeError("broken")
    world.unread.change(["anna"])
    await trio.sleep(3)
    world.database.fails_with = None
    world.unread.change(["anna"])
    await trio.sleep(2)

    assert len(told(anna)) == 1


async def test_old_sockets_have_no_word_for_it(autojump_clock, world):
    old = world.connect(path="/messages/subscribe", query={"token": "anna"})
    await old.until(lambda: "connected" in old.types())

    world.unread.change(["anna"])
    await trio.sleep(1)

    assert old.types() == ["connected"]
