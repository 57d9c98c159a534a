"""A socket from hello to close, as its client sees it."""

from __future__ import annotations

import msgspec
import pytest
import trio
from bountyexpo.errors import Conflict, DatabaseUnavailable
from bountyexpo.operations.call import Call, RawReply
from bountyexpo.operations.catalogue import READ, USER, WRITE
from bountyexpo.ws import codec
from bountyexpo.ws.limits import SessionLimits

from tests.unit.ws.session_fakes import START, World


class Send(msgspec.Struct, rename="camel"):
    conversation_id: str
    client_msg_id: str
    text: str = ""


class Sent(msgspec.Struct, rename="camel"):
    message_id: str
    seq: int


@pytest.fixture
async def world():
    async with World() as world:
        declare_operations(world)
        yield world


def declare_operations(world):
    operation = world.catalogue.operation
    world.calls = []

    @operation("message.send", access=USER, rate=WRITE, frame="message.send")
    async def send(call: Call, request: Send) -> Sent:
        """Send a message."""
        world.calls.append(call)
        await trio.sleep(0.1)
        payload = {"senderId": call.user_id, "clientMsgId": request.client_msg_id}
        users = tuple(world.database.members[request.conversation_id])
        event = world.publish(f"conv:{request.conversation_id}", payload=payload, users=users)
        return Sent(message_id=f"m{event.seq}", seq=event.seq)

    @operation("clock.now", access=USER, rate=READ)
    async def now(call: Call) -> dict:
        """Tell the time."""
        world.calls.append(call)
        return {"now": START, "user": call.user_id}

    @operation("fault.raise", access=USER, rate=READ)
    async def fault(call: Call) -> None:
        """Fail as the test wishes."""
        raise world.failure

    @operation("blob.get", access=USER, rate=READ)
    async def blob(call: Call) -> RawReply:
        """Reply with something that is not a map."""
        return RawReply()

    @operation("large.get", access=USER, rate=READ)
    async def large(call: Call) -> str:
        """Reply with too much."""
        return "x" * 300_000


# -- hello


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
            "serverTime": "2026-01-01T00:00:00.000Z",
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
            "timestamp": "2026-01-01T00:00:00.000Z",
        }
    ]


async def test_the_token_of_the_upgrade_wins(autojump_clock, world):
    connection = world.connect(bearer="anna")
    connection.say(type="hello", v=1, token="bad")

    await connection.until(lambda: connection.frames)

    assert connection.frames[0]["userId"] == "anna"
    assert connection.handler.bearer is None


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
    assert not world.gateway.sessions


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
    world.database.status["banned"] = "banned"
    connection = world.connect()

    connection.say(type="hello", **hello)

    assert await connection.closed() == close_code
    assert connection.frames[-1]["type"] == "error"
    assert connection.frames[-1]["code"] == code
    assert not world.hub.users
    assert not world.gateway.sessions


async def test_a_hello_without_a_database_is_told_to_come_back(autojump_clock, world):
    world.database.fails_with = DatabaseUnavailable()
    connection = world.connect()

    connection.say(type="hello", v=1, token="anna")

    assert await connection.closed() == 1013
    assert connection.frames[-1]["code"] == "DATABASE_UNAVAILABLE"
    assert connection.frames[-1]["retryAfterMs"] == 1000


async def test_a_greeting_that_takes_too_long_is_given_up(autojump_clock, world):
    world.database.pause = trio.sleep_forever
    connection = world.connect()

    connection.say(type="hello", v=1, token="anna")

    assert await connection.closed() == 1013
    assert not world.hub.users


async def test_a_socket_that_closes_while_greeted_is_not_left_in_the_hub(autojump_clock, world):
    for reads in range(6):
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
        assert not world.gateway.sessions


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
    assert anna.frames[-1]["expiresAt"] == "2026-01-01T00:01:40.000Z"
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

    assert (ack["ok"], ack["expiresAt"]) == (True, "2026-01-01T00:05:50.000Z")
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
    assert anna.handler.identity.user_id == "anna"


# -- frames


async def test_a_ping_is_answered_at_once(autojump_clock, world):
    connection = world.connect()

    connection.say(type="ping", t=5)

    assert connection.frames == [{"type": "pong", "t": 5, "timestamp": "2026-01-01T00:00:00.000Z"}]


async def test_an_unknown_frame_type_is_refused_and_harmless(autojump_clock, world):
    anna = await world.open("anna")

    for n in range(5):
        anna.say(type="dance", id=f"d{n}")
    error = await anna.reply_to("d4")

    assert error["code"] == "UNKNOWN_TYPE"
    assert error["retryable"] is False
    assert anna.is_open


@pytest.mark.parametrize(
    "frame",
    [
        {},
        {"type": 5},
        {"type": "ping", "id": 5},
        {"type": "ping", "id": "x" * 65},
        {"type": "subscribe", "topics": "bounty:b"},
        {"type": "sync", "streams": {"user:anna": {"seq": -1}}},
        {"type": "sync"},
        {"type": "call", "op": "clock.now", "args": []},
        {"type": "auth.refresh"},
    ],
)
async def test_the_third_malformed_frame_in_a_minute_closes(autojump_clock, world, frame):
    anna = await world.open("anna")

    for expected in (1, 2):
        anna.say(**frame)
        await anna.until(lambda n=expected: anna.types().count("error") == n)
    assert anna.frames[-1]["code"] == "BAD_FRAME"
    await trio.sleep(61)
    anna.say(**frame)
    await anna.until(lambda: anna.types().count("error") == 3)
    assert anna.is_open
    anna.say(**frame)
    anna.say(**frame)

    assert await anna.closed() == 4400


@pytest.mark.parametrize("payload", [b"{", b"[]", b"7", b"\xff"])
async def test_an_undecodable_frame_closes(autojump_clock, world, payload):
    anna = await world.open("anna")

    anna.handler.on_message(payload, is_text=True)

    assert anna.closed_with == 1007


async def test_a_flood_is_refused_then_closed(autojump_clock, world):
    anna = await world.open("anna")
    await trio.sleep(10)

    for _ in range(60):
        anna.say(type="ping")
    assert anna.types().count("pong") == 60
    anna.say(type="ping", id="late")
    refusal = anna.frames[-1]
    assert (refusal["code"], refusal["re"], refusal["retryAfterMs"]) == (
        "RATE_LIMITED",
        "late",
        1000,
    )
    await trio.sleep(0.05)
    anna.say(type="ping")
    assert anna.frames[-1]["type"] == "pong"
    anna.say(type="ping")
    anna.say(type="ping")

    assert anna.closed_with == 4429


async def test_limits_can_be_lifted_for_load_tests(autojump_clock):
    async with World(limits=SessionLimits(enabled=False)) as world:
        anna = await world.open("anna")

        for _ in range(1000):
            anna.say(type="ping")

        assert anna.types().count("pong") == 1000


async def test_both_codecs_speak_the_same_protocol(autojump_clock, world):
    text, binary = await world.open("anna"), await world.open("ben", used_codec=codec.MSGPACK)

    for each in (text, binary):
        each.say(type="call", id="c", op="clock.now")
    first, second = await text.reply_to("c"), await binary.reply_to("c")

    assert first["result"] == {"now": "2026-01-01T00:00:00Z", "user": "anna"}
    assert second["result"] == {"now": "2026-01-01T00:00:00Z", "user": "ben"}


# -- calls


async def test_a_frame_of_the_catalogue_is_acked_flat(autojump_clock, world):
    world.database.members["c"] = {"anna", "ben"}
    anna, tablet, ben = [await world.open(who) for who in ("anna", "anna", "ben")]

    anna.say(type="message.send", id="r1", conversationId="c", clientMsgId="k1", text="hi")
    ack = await anna.reply_to("r1")

    assert ack == {
        "type": "ack",
        "re": "r1",
        "ok": True,
        "messageId": "m1",
        "seq": 1,
        "timestamp": "2026-01-01T00:00:00.100Z",
    }
    assert (anna.seqs("conv:c"), tablet.seqs("conv:c"), ben.seqs("conv:c")) == ([], [1], [1])


async def test_an_echo_is_sent_to_whoever_asked_for_it(autojump_clock, world):
    world.database.members["c"] = {"anna"}
    anna = await world.open("anna", echo=True)

    anna.say(type="message.send", id="r1", conversationId="c", clientMsgId="k1")
    await anna.reply_to("r1")

    assert anna.seqs("conv:c") == [1]


async def test_a_call_knows_its_caller(autojump_clock, world):
    anna = await world.open("anna")

    anna.say(type="call", id="c1", op="clock.now", idempotencyKey="k", args={})
    await anna.reply_to("c1")

    (call,) = world.calls
    assert (call.user_id, call.peer, call.transport) == ("anna", "192.0.2.1", "socket")
    assert (call.idempotency_key, call.request_id) == ("k", "s1:c1")


@pytest.mark.parametrize(
    ("op", "code"),
    [
        ("nothing.here", "UNKNOWN_OPERATION"),
        ("blob.get", "HTTP_ONLY"),
        ("large.get", "PAYLOAD_TOO_LARGE"),
        ("message.send", "VALIDATION_ERROR"),
    ],
)
async def test_a_call_that_cannot_be_served_is_refused(autojump_clock, world, op, code):
    anna = await world.open("anna")

    anna.say(type="call", id="c", op=op)

    assert (await anna.reply_to("c"))["code"] == code
    assert anna.is_open


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (DatabaseUnavailable(), {"code": "DATABASE_UNAVAILABLE", "retryable": True}),
        (Conflict("No.", code="odd_code", bountyId="b"), {"code": "ODD_CODE", "bountyId": "b"}),
        (RuntimeError("oops"), {"code": "INTERNAL_ERROR", "retryable": False}),
    ],
)
async def test_a_failed_call_leaves_the_socket_open(autojump_clock, world, failure, expected):
    anna = await world.open("anna")
    world.failure = failure

    anna.say(type="call", id="c", op="fault.raise")
    error = await anna.reply_to("c")

    assert {**error, **expected} == error
    assert "oops" not in error["message"]
    assert anna.is_open


async def test_frames_are_served_in_the_order_they_came(autojump_clock, world):
    world.database.members["c"] = {"anna"}
    anna = await world.open("anna")

    for n in range(10):
        anna.say(type="message.send", id=f"r{n}", conversationId="c", clientMsgId=f"k{n}")
    anna.say(type="call", id="last", op="clock.now")
    await anna.reply_to("last")

    acks = [frame for frame in anna.frames if frame["type"] == "ack"]
    assert [ack["re"] for ack in acks] == [*(f"r{n}" for n in range(10)), "last"]
    assert [ack.get("seq") for ack in acks[:10]] == list(range(1, 11))


async def test_a_session_at_rest_has_no_task_and_no_inbox(autojump_clock, world):
    anna = await world.open("anna")
    anna.say(type="call", id="c", op="clock.now")
    await anna.reply_to("c")
    await trio.testing.wait_all_tasks_blocked()

    assert anna.handler._inbox is None
    assert not world.gateway._nursery.child_tasks


async def test_an_inbox_that_is_full_refuses(autojump_clock):
    async with World(limits=SessionLimits(enabled=False, inbox_frames_max=2)) as world:
        declare_operations(world)
        anna = await world.open("anna")

        for n in range(4):
            anna.say(type="call", id=f"c{n}", op="clock.now")

        refused = [frame["re"] for frame in anna.frames if frame["type"] == "error"]
        assert refused == ["c2", "c3"]
        assert anna.frames[-1]["code"] == "OVERLOADED"
        assert anna.frames[-1]["retryable"] is True


async def test_a_fault_in_a_session_ends_that_session_only(autojump_clock, world):
    anna, ben = await world.open("anna"), await world.open("ben")
    intact, world.catalogue.by_frame = world.catalogue.by_frame, None

    anna.say(type="whatever")
    assert await anna.closed() == 1011
    world.catalogue.by_frame = intact
    ben.say(type="call", id="c", op="clock.now")

    assert (await ben.reply_to("c"))["ok"] is True


# -- subscriptions


async def test_subscriptions_are_checked_one_by_one(autojump_clock, world):
    world.database.members["mine"] = {"anna"}
    world.database.hidden.add("bounty:hidden")
    for stream in ("bounty:b", "conv:mine", "user:anna"):
        world.database.commit(stream)
    anna = await world.open("anna")
    wanted = ["bounty:b", "bounty:hidden", "feed:open", "conv:mine", "conv:theirs", "wallet"]

    anna.say(type="subscribe", id="s", topics=[*wanted, "user:ben", "nonsense"])
    ack = await anna.reply_to("s")

    assert ack["accepted"] == ["bounty:b", "feed:open", "conv:mine", "wallet"]
    assert ack["rejected"] == [
        {"topic": "bounty:hidden", "code": "NOT_FOUND"},
        {"topic": "conv:theirs", "code": "NOT_PARTICIPANT"},
        {"topic": "user:ben", "code": "UNKNOWN_TOPIC"},
        {"topic": "nonsense", "code": "UNKNOWN_TOPIC"},
    ]
    assert set(ack["heads"]) == {"bounty:b", "conv:mine", "user:anna"}
    assert set(world.hub.topics) == {"bounty:b", "feed:open"}


async def test_a_subscriber_hears_until_he_leaves(autojump_clock, world):
    anna = await world.open("anna", subscribe=["bounty:b"])

    world.publish("bounty:b", type="bounty.status")
    anna.say(type="unsubscribe", id="u", topics=["bounty:b", "bounty:other"])
    await anna.reply_to("u")
    world.publish("bounty:b", type="bounty.status")

    assert anna.seqs("bounty:b") == [1]
    assert not world.hub.topics


async def test_no_more_than_200_subscriptions(autojump_clock, world):
    anna = await world.open("anna")

    anna.say(type="subscribe", id="s", topics=[f"bounty:{n}" for n in range(201)])
    ack = await anna.reply_to("s")

    assert len(ack["accepted"]) == 200
    assert ack["rejected"] == [{"topic": "bounty:200", "code": "TOO_MANY_SUBSCRIPTIONS"}]


async def test_a_closed_socket_leaves_its_topics(autojump_clock, world):
    anna = await world.open("anna", subscribe=["bounty:b", "feed:open"])
    assert len(world.hub.topics) == 2

    anna.close(1000)

    assert not world.hub.topics
    assert not world.hub.users


async def test_leaving_a_conversation_mutes_what_is_ephemeral(autojump_clock, world):
    world.database.members["c"] = {"anna"}
    anna = await world.open("anna")
    typing = {"type": "typing.start", "conversationId": "c"}

    anna.say(type="leave", id="l", conversationId="c")
    await anna.reply_to("l")
    world.hub.publish_ephemeral("conv:c", ["anna"], typing)
    world.publish("conv:c", users=("anna",))
    assert "typing.start" not in anna.types()
    assert anna.seqs("conv:c") == [1]
    anna.say(type="join", id="j", conversationId="c")
    await anna.reply_to("j")
    world.hub.publish_ephemeral("conv:c", ["anna"], typing)

    assert anna.types().count("typing.start") == 1


async def test_a_foreign_conversation_cannot_be_joined(autojump_clock, world):
    world.database.members["c"] = {"ben"}
    anna = await world.open("anna")

    anna.say(type="join", id="j", conversationId="c")
    error = await anna.reply_to("j")

    assert (error["code"], error["conversationId"]) == ("NOT_PARTICIPANT", "c")


# -- slow readers


async def test_what_a_slow_reader_misses_is_announced_when_there_is_room(autojump_clock, world):
    anna = await world.open("anna")
    anna.room = 2
    for _ in range(5):
        world.publish("conv:c", users=("anna",))
    world.publish("conv:d", users=("anna",))
    assert anna.seqs("conv:c") == [1, 2]

    # A little room must not let a later event of the stream through.
    anna.room = 1
    world.publish("conv:c", users=("anna",))
    assert anna.seqs("conv:c") == [1, 2]
    anna.drain()
    world.publish("conv:c", users=("anna",))

    assert anna.frames[-2]["type"] == "gap"
    assert anna.frames[-2]["streams"] == ["conv:c", "conv:d"]
    assert anna.seqs("conv:c") == [1, 2, 7]


async def test_ephemeral_frames_of_a_slow_reader_vanish(autojump_clock, world):
    anna = await world.open("anna")
    anna.room = 0

    world.hub.publish_ephemeral("conv:c", ["anna"], {"type": "typing.start"})
    anna.drain()

    assert anna.types() == ["welcome"]


async def test_a_reply_that_does_not_fit_ends_the_socket(autojump_clock, world):
    anna = await world.open("anna")
    anna.room = 0

    anna.say(type="call", id="c", op="clock.now")

    assert await anna.closed() == 4430


# -- the end


async def test_a_revoked_user_is_told_and_closed(autojump_clock, world):
    anna = await world.open("anna")

    world.hub.disconnect_user("anna", reason="logout")

    assert anna.frames[-1]["type"] == "session.revoked"
    assert anna.frames[-1]["reason"] == "logout"
    assert anna.closed_with == 4410


async def test_draining_spreads_the_return_and_closes_at_the_end(autojump_clock, world):
    sockets = [await world.open(f"u{n}") for n in range(10)]

    world.gateway.start_draining(10)
    await trio.sleep(9.9)
    asked = sorted((each.frames[-1] for each in sockets), key=lambda frame: frame["afterMs"])
    assert [frame["afterMs"] for frame in asked] == [n * 800 for n in range(10)]
    assert asked[0] == {
        "type": "reconnect",
        "afterMs": 0,
        "graceMs": 10000,
        "reason": "deploy",
        "resumable": True,
        "timestamp": "2026-01-01T00:00:00.000Z",
    }
    assert all(each.is_open for each in sockets)
    await world.gateway.drained.wait()

    assert {each.closed_with for each in sockets} == {1012}


async def test_a_draining_gateway_still_serves_but_admits_nobody(autojump_clock, world):
    anna = await world.open("anna")
    world.gateway.admit(None)

    world.gateway.start_draining(10)
    anna.say(type="call", id="c", op="clock.now")

    assert (await anna.reply_to("c"))["ok"] is True
    with pytest.raises(Exception, match="not available"):
        world.gateway.admit(None)


async def test_a_stopped_gateway_closes_what_is_half_done(autojump_clock):
    async with World() as world:
        declare_operations(world)
        world.database.members["c"] = {"anna"}
        anna = await world.open("anna")
        anna.say(type="message.send", id="r", conversationId="c", clientMsgId="k")
        await trio.sleep(0.05)

    assert anna.closed_with == 1012
