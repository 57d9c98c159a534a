"""A socket from its hello to the end of its token, as its client sees it."""

from __future__ import annotations

import pytest
import trio
from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.ws.session.limits import SessionLimits
from bountyexpo.ws.transport.limits import Limits

from tests.unit.ws.session.session_fakes import World, declare_operations


@pytest.fixture
async def world():
    async with World() as world:
        declare_operations(world)
        yield world


async def test_hello_is_answered_with_welcome(autojump_clock, world):
    world.database.members["c1"] = {"anna", "ben"}
    world.database.commit("conv:c1")
    world.database.commit("user:anna")
    world.database.commit("user:anna")

    anna = await world.open("anna")

    assert anna.frames == [
        {
            "type": "welcome",
            "v": 1,
            "sid": "s1",
            "userId": "anna",
            "serverTime": "2026-01-01T00:00:00Z",
            "heartbeatMs": 25000,
            "idleTimeoutMs": 60000,
            "resumeTtlMs": 0,
            "maxFrameBytes": 65536,
            "limits": {
                "framesPerSecond": 20.0,
                "framesBurst": 60,
                "subscriptions": 200,
                "replayEventsPerStream": 200,
                "replayEvents": 2000,
            },
            "resumed": False,
            "conversationIds": ["c1"],
            "more": False,
            "heads": {
                "conv:c1": {"seq": 1, "epoch": "e1"},
                "user:anna": {"seq": 2, "epoch": "e1"},
            },
            "unread": {"notifications": 0, "messages": 3},
            "timestamp": "2026-01-01T00:00:00Z",
        }
    ]


async def test_what_is_told_is_what_the_transport_enforces(autojump_clock):
    transport = Limits(message_bytes_max=1000, ping_interval_s=6.0, idle_timeout_s=12.0)
    async with World(limits=SessionLimits(transport=transport)) as world:
        anna = await world.open("anna")

    told = anna.frames[0]
    assert told["maxFrameBytes"] == 1000
    assert told["heartbeatMs"] == 5000
    assert told["idleTimeoutMs"] == 12_000


async def test_the_token_of_the_upgrade_wins(autojump_clock, world):
    connection = world.connect(bearer="anna")
    connection.say(type="hello", v=1, token="bad")

    await connection.until(lambda: connection.frames)

    assert connection.frames[0]["userId"] == "anna"
    assert connection.handler.credential is None


async def test_at_most_500_conversations_are_listed(autojump_clock, world):
    for n in range(501):
        world.database.members[f"c{n}"] = {"anna"}

    (welcome,) = (await world.open("anna")).frames

    assert len(welcome["conversationIds"]) == 500
    assert welcome["more"] is True


async def test_a_socket_without_hello_is_closed_after_10_seconds(autojump_clock, world):
    connection = world.connect()

    await world.tick(connection, 9)
    assert connection.is_open
    await world.tick(connection, 1)

    assert connection.closed_with == 4408
    assert not world.gateway.sockets


@pytest.mark.parametrize(
    ("hello", "code", "close_code"),
    [
        ({"v": 1}, "UNAUTHENTICATED", 4401),
        ({"v": 1, "token": "bad"}, "UNAUTHENTICATED", 4401),
        ({"v": 1, "token": "expired"}, "TOKEN_EXPIRED", 4411),
        ({"v": 1, "token": "anna@0"}, "TOKEN_EXPIRED", 4411),
        ({"v": 2, "token": "anna"}, "VERSION_UNSUPPORTED", 4426),
        ({"token": "anna"}, "VERSION_UNSUPPORTED", 4426),
        ({"v": 1, "token": "banned"}, "ACCOUNT_SUSPENDED", 4403),
    ],
)
async def test_a_hello_that_proves_nothing_closes(autojump_clock, world, hello, code, close_code):
    world.authority.status["banned"] = "banned"
    connection = world.connect()

    connection.say(type="hello", **hello)

    assert await connection.closed() == close_code
    assert connection.frames[-1]["type"] == "error"
    assert connection.frames[-1]["code"] == code
    assert not world.hub.users
    assert not world.gateway.sockets


async def test_a_hello_without_a_database_is_told_to_come_back(autojump_clock, world):
    world.database.fails_with = DatabaseUnavailable()
    connection = world.connect()

    connection.say(type="hello", v=1, token="anna")

    assert await connection.closed() == 1013
    assert connection.frames[-1]["code"] == "DATABASE_UNAVAILABLE"
    assert connection.frames[-1]["retryAfterMs"] == 1000


async def test_a_hello_that_takes_too_long_is_given_up(autojump_clock, world):
    world.database.pause = trio.sleep_forever
    connection = world.connect()

    connection.say(type="hello", v=1, token="anna")

    assert await connection.closed() == 1013
    assert not world.hub.users


async def test_a_socket_that_closes_while_welcomed_is_not_left_in_the_hub(autojump_clock, world):
    for reads in range(3):
        connection = world.connect()
        world.database.reads.clear()
        connection.say(type="hello", v=1, token="anna", subscribe=["bounty:b"])
        with trio.move_on_after(1):
            while len(world.database.reads) < reads:
                await trio.lowlevel.checkpoint()
        connection.close(1000)
        await trio.sleep(1)

        assert not world.hub.users
        assert not world.hub.topics
        assert not world.gateway.sockets


async def test_the_first_frame_must_be_hello(autojump_clock, world):
    connection = world.connect()

    connection.say(type="subscribe", id="a", topics=[])
    error = await connection.reply_to("a")

    assert error["code"] == "BAD_FRAME"
    assert connection.is_open


async def test_a_second_hello_is_refused(autojump_clock, world):
    anna = await world.open("anna")

    anna.say(type="hello", v=1, token="ben", id="a")

    assert (await anna.reply_to("a"))["code"] == "BAD_FRAME"
    assert "ben" not in world.hub.users


async def test_a_session_cannot_be_resumed_and_says_so_first(autojump_clock, world):
    anna = await world.open("anna", resume={"sid": "s0", "n": 7})

    assert anna.types() == ["invalid_session", "welcome"]


async def test_the_eleventh_socket_replaces_the_oldest(autojump_clock, world):
    sockets = [await world.open("anna") for _ in range(11)]

    assert [each.closed_with for each in sockets] == [4409] + [None] * 10
    assert len(world.hub.users["anna"]) == 10


async def test_events_wait_for_the_welcome(autojump_clock, world):
    ben = world.connect()
    ben.say(type="hello", v=1, token="ben")
    for _ in range(200):
        if "ben" in world.hub.users:
            world.publish("user:ben", users=("ben",))
        await trio.lowlevel.checkpoint()
    await trio.sleep(1)

    assert ben.types()[0] == "welcome"
    assert len(ben.seqs("user:ben")) > 100
    assert ben.seqs("user:ben") == list(range(1, len(ben.seqs("user:ben")) + 1))


# -- tokens


async def test_the_end_of_a_token_is_announced_and_then_enforced(autojump_clock, world):
    anna = await world.open("anna@100")

    await world.tick(anna, 41)
    assert anna.frames[-1]["type"] == "auth.expiring"
    assert anna.frames[-1]["expiresAt"] == "2026-01-01T00:01:40Z"
    await world.tick(anna, 88)
    assert anna.is_open
    await world.tick(anna, 2)

    assert anna.closed_with == 4411
    assert anna.frames[-1]["code"] == "TOKEN_EXPIRED"
    assert anna.types().count("auth.expiring") == 1


async def test_a_refreshed_token_keeps_the_socket(autojump_clock, world):
    anna = await world.open("anna@100")
    await world.tick(anna, 50)

    anna.say(type="auth.refresh", id="r", token="anna@300")
    ack = await anna.reply_to("r")
    await world.tick(anna, 200)

    assert (ack["ok"], ack["expiresAt"]) == (True, "2026-01-01T00:05:50Z")
    assert anna.is_open


@pytest.mark.parametrize(
    ("token", "code"),
    [("ben", "FORBIDDEN"), ("bad", "UNAUTHENTICATED"), ("expired", "TOKEN_EXPIRED")],
)
async def test_only_the_same_user_can_refresh(autojump_clock, world, token, code):
    anna = await world.open("anna@100")

    anna.say(type="auth.refresh", id="r", token=token)

    assert (await anna.reply_to("r"))["code"] == code
    assert anna.is_open
    assert anna.handler.session.identity.user_id == "anna"
