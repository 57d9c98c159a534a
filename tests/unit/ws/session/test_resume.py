"""A socket falls and another one goes on where it was: numbers, the buffer, its bounds."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest
import trio
import trio.testing
from bountyexpo.domain.chat.events import MessageRead, TypingStart
from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.ws.session import replay_buffer
from bountyexpo.ws.session.resumable import ResumableSessions
from bountyexpo.ws.v1 import serializer

from tests.unit.ws.session.session_fakes import World, declare_operations

SERIALIZERS = [serializer.JSON, serializer.MSGPACK]


@pytest.fixture
async def world():
    async with World() as world:
        declare_operations(world)
        yield world


async def start(world, **hello):
    return await world.open("anna", caps=["resume", *hello.pop("caps", [])], **hello)


async def go_on(world, lost, *, n=None, user="anna", used_codec=None, **hello):
    heard = [frame["n"] for frame in lost.frames if "n" in frame]
    resume = {"sid": lost.frames[0]["sid"], "n": max(heard, default=0) if n is None else n}
    socket = world.connect(used_codec=used_codec or lost.serializer)
    socket.say(type="hello", v=1, token=user, resume=resume, caps=["resume"], **hello)
    await socket.until(lambda: {"resumed", "invalid_session", "error"} & set(socket.types()))
    await socket.until(lambda: "welcome" in socket.types() or not socket.is_open)
    return socket


def numbers(socket):
    return [frame["n"] for frame in socket.frames if "n" in frame]


def tell(world, count=1, user="anna"):
    for _ in range(count):
        world.publish(f"user:{user}", users=(user,))


async def test_events_carry_n_only_for_a_client_that_can_resume(autojump_clock, world):
    able, other = await start(world), await world.open("anna")

    tell(world, 2)

    assert numbers(able) == [1, 2]
    assert numbers(other) == []
    assert able.frames[0]["resumeTtlMs"] == 120_000
    assert other.frames[0]["resumeTtlMs"] == 0


@pytest.mark.parametrize("used_codec", SERIALIZERS)
async def test_what_was_missed_follows_in_order(autojump_clock, world, used_codec):
    anna = await start(world, used_codec=used_codec)
    tell(world, 2)
    anna.close(1006)
    tell(world, 3)

    back = await go_on(world, anna, n=1)
    tell(world)

    assert back.types()[0] == "welcome"
    assert back.frames[0]["resumed"] is True
    assert back.frames[0]["sid"] == anna.frames[0]["sid"]
    assert numbers(back) == [2, 3, 4, 5, 6]
    assert back.seqs("user:anna") == [2, 3, 4, 5, 6]
    assert [frame.get("replay", False) for frame in back.frames[1:]] == [True] * 4 + [False] * 2
    resumed = next(frame for frame in back.frames if frame["type"] == "resumed")
    assert (resumed["replayed"], resumed["limited"]) == (4, [])
    assert back.types().index("resumed") == 5


async def test_a_resumed_session_does_what_any_does(autojump_clock, world):
    world.database.members["c"] = {"anna", "ben"}
    anna = await start(world, subscribe=["bounty:b"])
    anna.close(1006)
    back = await go_on(world, anna)

    back.say(type="message.send", id="m", conversationId="c", clientMsgId="1", text="hi")
    ack = await back.reply_to("m")
    world.publish("bounty:b")

    assert ack["ok"] is True
    assert back.seqs("bounty:b") == [1]
    assert world.gateway.sockets == {back.handler}
    assert len(world.hub.users["anna"]) == 1


async def test_frames_behind_the_hello_are_worked_off_by_the_resumed_session(autojump_clock, world):
    anna = await start(world)
    anna.close(1006)
    back = world.connect()
    resume = {"sid": anna.frames[0]["sid"], "n": 0}
    back.say(type="hello", v=1, token="anna", resume=resume)
    back.say(type="call", id="a", op="clock.now")

    assert (await back.reply_to("a"))["result"]["user"] == "anna"
    await back.until(lambda: back.handler._queue is None)
    back.say(type="call", id="b", op="clock.now")
    await back.reply_to("b")


async def test_a_live_socket_is_replaced_by_the_one_that_resumes(autojump_clock, world):
    anna = await start(world)
    tell(world, 2)

    back = await go_on(world, anna, n=1)
    tell(world)

    assert anna.closed_with == 4409
    assert numbers(back) == [2, 3]
    assert back.is_open
    assert world.gateway.sockets == {back.handler}


async def test_a_session_can_be_resumed_again_and_again(autojump_clock, world):
    anna = await start(world)
    for n in range(5):
        anna.close(1006)
        tell(world)
        last, anna = anna, await go_on(world, anna, n=n)
        anna.raw.insert(0, last.raw[0])
        assert anna.frames[-2]["n"] == n + 1


@pytest.mark.parametrize("code", [1000, 4401, 4410, 4430])
async def test_some_ends_are_final(autojump_clock, world, code):
    anna = await start(world)
    anna.handler.disconnect(code, "x")

    back = await go_on(world, anna)

    assert back.types()[:2] == ["invalid_session", "welcome"]
    assert not world.resumable.waiting
    assert len(world.hub.users["anna"]) == 1


async def test_after_two_minutes_it_is_too_late(autojump_clock, world):
    anna = await start(world)
    anna.close(1006)
    await trio.sleep(119)
    assert world.hub.users
    await trio.sleep(2)

    back = await go_on(world, anna)

    assert back.types()[:2] == ["invalid_session", "welcome"]
    assert not world.resumable.waiting


async def test_a_quiet_session_is_resumed_though_its_events_are_old(autojump_clock, world):
    anna = await start(world)
    tell(world, 3)
    await world.tick(anna, 125)
    assert anna.handler.session.delivery._replay is None
    anna.close(1006)

    assert (await go_on(world, anna)).frames[0]["resumed"] is True


async def test_more_than_the_buffer_holds_cannot_be_resumed(autojump_clock, world):
    anna = await start(world)
    anna.close(1006)
    tell(world, replay_buffer.BUFFER_FRAMES_MAX + 1)

    back = await go_on(world, anna, n=0)

    assert back.types() == ["invalid_session", "welcome"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"user": "eve"}, "eve"),
        ({"used_codec": serializer.MSGPACK}, "anna"),
        ({"n": 99}, "anna"),
    ],
)
async def test_what_is_not_yours_is_not_resumed(autojump_clock, world, change, expected):
    anna = await start(world)
    tell(world, 2)
    anna.close(1006)

    back = await go_on(world, anna, **change)

    assert back.types()[0] == "invalid_session"
    assert back.frames[1]["userId"] == expected
    assert not numbers(back)


async def test_a_revoked_user_finds_nothing_to_resume(autojump_clock, world):
    anna = await start(world)
    session = anna.handler.session
    session.identity = msgspec.structs.replace(session.identity, session_id="one")
    anna.close(1006)

    world.authority.end("anna", "one")
    await trio.testing.wait_all_tasks_blocked()

    assert not world.hub.users
    assert not world.resumable.waiting
    assert (await go_on(world, anna)).types()[0] == "invalid_session"


async def test_a_banned_user_does_not_resume(autojump_clock, world):
    anna = await start(world)
    anna.close(1006)
    world.authority.change("anna", "banned")

    back = await go_on(world, anna)

    assert await back.closed() == 4403
    # The session that waited is parted with by whoever heard of it, before or after this.
    await trio.testing.wait_all_tasks_blocked()
    assert not world.hub.users
    assert not world.resumable.waiting


async def test_a_resume_without_a_database_can_be_tried_again(autojump_clock, world):
    anna = await start(world)
    anna.close(1006)
    tell(world, 2)
    world.database.fails_with = DatabaseUnavailable()
    failed = await go_on(world, anna)
    assert await failed.closed() == 1013
    world.database.fails_with = None
    tell(world)

    back = await go_on(world, anna)

    assert numbers(back) == [1, 2, 3]


@pytest.mark.parametrize("is_member", [True, False])
async def test_the_head_of_a_conversation_that_was_missed_is_told(autojump_clock, world, is_member):
    anna = await start(world)
    anna.room = 0
    for _ in range(3):
        world.publish("conv:c1", users=("anna",))
    anna.close(1006)
    if is_member:
        world.database.members["c1"] = {"anna"}

    back = await go_on(world, anna)

    resumed = next(frame for frame in back.frames if frame["type"] == "resumed")
    entry = {"stream": "conv:c1", "fromSeq": 1, "headSeq": 3, "epoch": "e1", "cursor": "0"}
    assert resumed["limited"] == [entry]


async def test_what_a_slow_reader_lost_is_listed(autojump_clock, world):
    anna = await start(world)
    tell(world)
    anna.room = 0
    tell(world, 2)
    anna.close(1006)
    tell(world)

    back = await go_on(world, anna)
    tell(world)

    resumed = next(frame for frame in back.frames if frame["type"] == "resumed")
    entry = {"stream": "user:anna", "fromSeq": 2, "headSeq": 4, "epoch": "e1", "cursor": "1"}
    assert resumed["limited"] == [entry]
    assert back.seqs("user:anna") == [5]


async def test_what_was_lost_is_listed_after_a_resume_that_failed(autojump_clock, world):
    anna = await start(world)
    tell(world)
    anna.room = 0
    tell(world, 2)
    anna.close(1006)
    world.database.fails_with = DatabaseUnavailable()
    world.database.pause = partial(trio.sleep, 1)
    failed = world.connect()
    resume = {"sid": anna.frames[0]["sid"], "n": 1}
    failed.say(type="hello", v=1, token="anna", resume=resume)
    await trio.sleep(0.5)
    tell(world)
    world.publish("conv:c", users=("anna",))
    assert await failed.closed() == 1013
    world.database.fails_with = None

    back = await go_on(world, anna)
    tell(world)

    resumed = next(frame for frame in back.frames if frame["type"] == "resumed")
    entry = {"stream": "user:anna", "fromSeq": 2, "headSeq": 4, "epoch": "e1", "cursor": "1"}
    assert resumed["limited"] == [entry]
    assert back.seqs("user:anna") == [5]
    assert back.seqs("conv:c") == [1]


async def test_a_socket_lost_in_the_middle_of_its_resume_loses_nothing(autojump_clock, world):
    anna = await start(world)
    anna.close(1006)
    tell(world, 5)
    middle = world.connect()
    middle.room = 3
    resume = {"sid": anna.frames[0]["sid"], "n": 0}
    middle.say(type="hello", v=1, token="anna", resume=resume)
    await middle.until(lambda: len(middle.frames) == 3)
    tell(world)
    middle.close(1006)
    await trio.sleep(1)
    tell(world)

    back = await go_on(world, anna, n=2)
    tell(world)

    assert numbers(back) == [3, 4, 5, 6, 7, 8]
    assert back.seqs("user:anna") == [3, 4, 5, 6, 7, 8]


async def test_the_oldest_waiting_sessions_make_room(autojump_clock):
    resumable = ResumableSessions(bytes_max=3_000, waiting_max=2)
    async with World(resumable=resumable) as world:
        sockets = [await world.open(user, caps=["resume"]) for user in ("anna", "ben", "carl")]
        for socket in sockets:
            socket.close(1006)
        assert set(world.hub.users) == {"ben", "carl"}

        tell(world, 8, user="ben")
        assert set(world.hub.users) == {"ben", "carl"}
        tell(world, 8, user="carl")

        assert set(world.hub.users) == {"carl"}
        assert resumable.size <= 3_000


async def test_buffers_that_are_gone_are_not_counted(autojump_clock, world):
    anna = await start(world)
    tell(world, 10)
    assert world.resumable.size > 0

    anna.close(1000)

    assert world.resumable.size == 0
    assert not world.resumable


async def test_a_draining_server_keeps_nobody(autojump_clock, world):
    anna = await start(world)

    world.gateway.start_draining(1)
    await anna.closed()

    assert not world.hub.users


async def test_receipts_that_went_by_meanwhile_are_told_as_they_are(autojump_clock, world):
    world.database.members["c1"] = {"anna", "ben"}
    world.database.members["c2"] = {"anna", "ben"}
    world.database.markers["c1"] = {"ben": (3, 2)}
    world.database.markers["c2"] = {"ben": (1, 1)}
    anna = await start(world)
    anna.close(1006)
    read = MessageRead(
        conversation_id="c1",
        message_id="m2",
        message_ids=["m1", "m2"],
        up_to_seq=2,
        sender_id="ben",
        user_id="ben",
    )
    world.hub.tell(read, of="c1", users=["anna"])
    typing = TypingStart(conversation_id="c2", sender_id="ben", expires_in_ms=5000)
    world.hub.tell(typing, of="c2", users=["anna"])

    back = await go_on(world, anna)
    await back.until(lambda: "receipts" in back.types())

    told = [frame for frame in back.frames if frame["type"] == "receipts"]
    assert [frame["conversationId"] for frame in told] == ["c1"]
    assert told[0]["markers"] == [{"userId": "ben", "deliveredSeq": 3, "readSeq": 2}]
