"""Who is seen as what, over several devices, through short absences, by whom."""

from __future__ import annotations

import pytest
import trio

from tests.unit.ws.session.session_fakes import World, declare_operations


@pytest.fixture
async def world():
    async with World() as world:
        declare_operations(world)
        world.database.members["c"] = {"anna", "ben"}
        yield world


async def watch(world, user="anna", others=("ben",), **hello):
    socket = await world.open(user, **hello)
    socket.say(type="presence.subscribe", id="p", userIds=list(others))
    return socket, (await socket.reply_to("p"))["snapshot"]


def states(socket):
    return [frame["state"] for frame in socket.frames if frame["type"] == "presence.update"]


async def say(socket, state):
    socket.say(type="presence.set", id="s", state=state)
    await socket.until(lambda: any(frame.get("state") == state for frame in socket.frames))


async def test_a_friend_is_seen_to_come_and_go(autojump_clock, world):
    anna, snapshot = await watch(world)
    assert snapshot == [
        {"userId": "ben", "state": "offline", "lastSeenAt": None, "isOnline": False}
    ]

    ben = await world.open("ben")
    assert states(anna) == ["online"]
    ben.close(1000)
    await trio.sleep(29)
    assert states(anna) == ["online"]
    await trio.sleep(2)

    assert states(anna) == ["online", "offline"]
    assert anna.frames[-1]["senderId"] == anna.frames[-1]["userId"] == "ben"
    assert anna.frames[-1]["lastSeenAt"] == "2026-01-01T00:00:00Z"
    assert anna.frames[-1]["isOnline"] is False


async def test_a_short_absence_is_not_seen(autojump_clock, world):
    anna, _ = await watch(world)
    (await world.open("ben")).close(1006)
    await trio.sleep(20)
    ben = await world.open("ben")
    await trio.sleep(60)

    assert states(anna) == ["online"]
    assert ben.is_open


async def test_the_last_device_decides(autojump_clock, world):
    anna, _ = await watch(world)
    phone, tablet = await world.open("ben"), await world.open("ben")

    phone.close(1000)
    await trio.sleep(60)
    assert states(anna) == ["online"]
    await say(tablet, "away")
    phone = await world.open("ben")
    await say(phone, "away")

    assert states(anna) == ["online", "away", "online", "away"]


async def test_an_invisible_user_is_offline_at_once_and_on_all_devices(autojump_clock, world):
    anna, _ = await watch(world)
    phone, tablet = await world.open("ben"), await world.open("ben")

    await say(phone, "invisible")
    assert states(anna) == ["online", "offline"]
    phone.close(1000)
    await trio.sleep(60)
    assert states(anna) == ["online", "offline"]
    await say(tablet, "online")

    assert states(anna) == ["online", "offline", "online"]


async def test_a_stranger_is_never_there(autojump_clock, world):
    await world.open("eve")

    anna, snapshot = await watch(world, others=("eve", "ben"))
    (await world.open("eve")).close(1000)
    await trio.sleep(60)

    assert [view["state"] for view in snapshot] == ["offline", "offline"]
    assert states(anna) == []


async def test_nobody_is_told_after_unsubscribing(autojump_clock, world):
    anna, _ = await watch(world)
    anna.say(type="presence.unsubscribe", id="u", userIds=["ben", "eve"])
    await anna.reply_to("u")

    await world.open("ben")

    assert states(anna) == []
    assert not world.presence._watchers
    assert not world.presence._announced


async def test_a_closed_socket_watches_nobody(autojump_clock, world):
    anna, _ = await watch(world)

    anna.close(1000)

    assert not world.presence._watchers


async def test_two_hundred_people_are_enough(autojump_clock, world):
    world.database.members["big"] = {"anna", *(f"u{n}" for n in range(201))}
    anna = await world.open("anna")

    anna.say(type="presence.subscribe", id="p", userIds=[f"u{n}" for n in range(201)])
    refusal = await anna.reply_to("p")
    anna.say(type="presence.subscribe", id="q", userIds=[f"u{n}" for n in range(200)])
    accepted = await anna.reply_to("q")

    assert refusal["code"] == "TOO_MANY_SUBSCRIPTIONS"
    assert len(accepted["snapshot"]) == 200


async def test_an_unknown_state_is_refused(autojump_clock, world):
    anna = await world.open("anna")

    anna.say(type="presence.set", id="s", state="sleeping")

    assert (await anna.reply_to("s"))["code"] == "BAD_FRAME"


async def test_a_refused_hello_makes_nobody_appear(autojump_clock, world):
    anna, _ = await watch(world)
    world.authority.status["ben"] = "banned"
    ben = world.connect()
    ben.say(type="hello", v=1, token="ben")

    assert await ben.closed() == 4403
    await trio.sleep(60)
    assert states(anna) == []


async def test_a_resumed_watcher_learns_what_is_now(autojump_clock, world):
    anna, _ = await watch(world, caps=["resume"])
    sid = anna.frames[0]["sid"]
    anna.close(1006)
    await world.open("ben")

    back = world.connect()
    back.say(type="hello", v=1, token="anna", resume={"sid": sid, "n": 0})
    await back.until(lambda: "presence.update" in back.types())

    assert states(back) == ["online"]


async def test_a_session_without_a_socket_is_not_there(autojump_clock, world):
    anna, _ = await watch(world)
    ben = await world.open("ben", caps=["resume"])
    ben.close(1006)

    await trio.sleep(31)

    assert states(anna) == ["online", "offline"]


async def test_a_crash_of_the_keeper_lets_nobody_stay_online(autojump_clock, world):
    ben = await world.open("ben")
    ben.close(1006)

    await world.crash_gateway()
    await trio.sleep(31)
    _, snapshot = await watch(world)

    assert [each["state"] for each in snapshot] == ["offline"]
