"""When people were last seen: stored once their absence has lasted, told to those who may know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import trio
from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.realtime.users import last_seen

from tests.unit.ws.session.session_fakes import START, World, declare_operations


@pytest.fixture
async def world():
    async with World() as world:
        declare_operations(world)
        world.database.members["c"] = {"anna", "ben"}
        yield world


async def snapshot(world, *others, user="anna"):
    socket = await world.open(user)
    socket.say(type="presence.subscribe", id="p", userIds=list(others))
    return {view["userId"]: view for view in (await socket.reply_to("p"))["snapshot"]}


async def test_an_absence_that_lasts_is_stored_to_the_minute(autojump_clock, world):
    ben = await world.open("ben")
    await trio.sleep(100)
    ben.close(1000)
    await trio.sleep(29)
    before = dict(world.database.seen)
    await trio.sleep(10)

    assert before == {}
    assert world.database.seen == {"ben": START + timedelta(minutes=1)}


async def test_a_wave_of_reconnects_stores_nothing(autojump_clock, world):
    for socket in [await world.open(f"u{number}") for number in range(5)]:
        socket.close(1006)
    await trio.sleep(20)
    for number in range(5):
        await world.open(f"u{number}")
    await trio.sleep(60)

    assert world.database.seen == {}


async def test_those_who_leave_together_are_stored_together(autojump_clock, world):
    for socket in [await world.open(f"u{number}") for number in range(5)]:
        socket.close(1006)
        await trio.sleep(0.5)
    await trio.sleep(60)

    assert len(world.database.seen) == 5
    assert world.database.reads.count("save_last_seen") == 1


async def test_a_friend_learns_what_only_the_database_knows(autojump_clock, world):
    world.database.seen = {
        "ben": datetime(2025, 12, 24, 18, 0, 59, tzinfo=UTC),
        "eve": datetime(2025, 12, 24, 18, 0, tzinfo=UTC),
    }

    seen = await snapshot(world, "ben", "eve")

    assert seen["ben"]["lastSeenAt"] == "2025-12-24T18:00:00Z"
    assert seen["eve"]["lastSeenAt"] is None


async def test_the_database_is_asked_once_for_somebody_it_knows(autojump_clock, world):
    world.database.seen = {"ben": START}

    first, second = await snapshot(world, "ben"), await snapshot(world, "ben")

    assert first == second
    assert world.database.reads.count("last_seen") == 1


async def test_what_cannot_be_stored_is_stored_later(autojump_clock, world):
    ben = await world.open("ben")
    ben.close(1000)
    world.database.fails_with = DatabaseUnavailable()
    await trio.sleep(60)
    world.database.fails_with = None
    await trio.sleep(10)

    assert world.database.seen == {"ben": START}


async def test_a_fault_of_ours_costs_no_socket(autojump_clock, world):
    anna, ben = await world.open("anna"), await world.open("ben")
    world.database.fails_with = RuntimeError("broken")
    ben.close(1000)
    await trio.sleep(60)
    world.database.fails_with = None

    assert anna.is_open
    (await world.open("ben")).close(1000)
    await trio.sleep(60)
    assert "ben" in world.database.seen


async def test_the_end_of_the_process_stores_who_was_here(autojump_clock):
    async with World() as world:
        await world.open("anna")
        (await world.open("ben")).close(1000)
        for socket in list(world.gateway.sockets):
            socket.connection.close(1012)

    assert set(world.database.seen) == {"anna", "ben"}


async def test_the_end_of_the_process_does_not_wait_for_long(autojump_clock):
    async with World() as world:
        (await world.open("ben")).close(1000)
        world.database.pause = trio.sleep_forever
        began = trio.current_time()

    assert trio.current_time() - began == last_seen.LAST_SAVE_S


async def test_who_becomes_invisible_was_seen_until_then(autojump_clock, world):
    ben = await world.open("ben")
    await trio.sleep(120)
    ben.say(type="presence.set", id="s", state="invisible")
    await ben.reply_to("s")
    await trio.sleep(300)
    ben.close(1000)
    await trio.sleep(60)

    seen = await snapshot(world, "ben")

    assert seen["ben"]["lastSeenAt"] == "2026-01-01T00:02:00Z"
    assert world.database.seen == {"ben": START + timedelta(minutes=2)}


async def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(last_seen, "KNOWN_MAX", 2)
    book = last_seen.LastSeen(None, None)

    for name in ("anna", "ben", "cleo"):
        book.note(name, START)
        book.settle(name)

    assert [book.get(name) for name in ("anna", "ben", "cleo")] == [None, START, START]
    assert set(book._waiting) == {"ben", "cleo"}
