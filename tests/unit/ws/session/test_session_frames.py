"""What a session makes of each frame: order, calls, refusals, floods."""

from __future__ import annotations

import msgspec
import pytest
import trio
from bountyexpo.errors import Conflict, DatabaseUnavailable
from bountyexpo.ws.session.limits import SessionLimits
from bountyexpo.ws.v1 import frame_handlers, serializer

from tests.unit.ws.session.session_fakes import World, declare_operations


@pytest.fixture
async def world():
    async with World() as world:
        declare_operations(world)
        yield world


async def test_a_ping_is_answered_at_once(autojump_clock, world):
    connection = world.connect()

    connection.say(type="ping", t=5)

    assert connection.frames == [{"type": "pong", "t": 5, "timestamp": "2026-01-01T00:00:00Z"}]


ODD_VALUES = [
    *({None: 1}, {True: 1}, [{7: 1}], {b"a": 1}, "a\x00", float("nan"), 2**64 - 1),
    *([0] * 10_001, ["x" * 65_537]),
]


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: repr(value)[:20])
async def test_a_ping_with_what_cannot_be_said_back_is_refused(autojump_clock, world, value):
    anna = await world.open("anna", used_codec=serializer.MSGPACK)

    anna.handler.on_message(
        msgspec.msgpack.encode({"type": "ping", "id": "p", "t": value}), is_text=False
    )

    assert (await anna.reply_to("p"))["code"] == "VALIDATION_ERROR"
    assert anna.is_open


# What no handler of the protocol reads is looked at, too: it may be kept or told one day.
OF_THE_PROTOCOL = sorted(frame_handlers.HANDLERS.keys() - frame_handlers.CALLS)


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("kind", ["hello", *OF_THE_PROTOCOL])
async def test_a_frame_of_the_protocol_with_an_odd_value_is_malformed(
    autojump_clock, world, kind, value
):
    anna = await world.open("anna", used_codec=serializer.MSGPACK)
    if kind == "hello":
        anna = world.connect(used_codec=serializer.MSGPACK)

    anna.handler.on_message(
        msgspec.msgpack.encode({"type": kind, "id": "f", "device": value}), is_text=False
    )

    assert (await anna.reply_to("f"))["code"] == "BAD_FRAME"
    assert anna.is_open


@pytest.mark.parametrize("key", ["k\x00", "k\n", "\x1b[2J", "\u2028"])
async def test_an_unfit_idempotency_key_is_refused(autojump_clock, world, key):
    anna = await world.open("anna")

    anna.say(type="call", id="c", op="clock.now", idempotencyKey=key)

    error = await anna.reply_to("c")
    assert error["code"] == "VALIDATION_ERROR"
    assert "idempotency key" in error["message"]
    assert anna.is_open
    assert world.calls == []


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
        {"type": "sync", "streams": {"bounty:\x00": {"seq": 0}}},
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
    text, binary = await world.open("anna"), await world.open("ben", used_codec=serializer.MSGPACK)

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
        "timestamp": "2026-01-01T00:00:00.100000Z",
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


async def test_a_socket_at_rest_has_no_task_and_no_queue(autojump_clock, world):
    anna = await world.open("anna")
    anna.say(type="call", id="c", op="clock.now")
    await anna.reply_to("c")
    await trio.testing.wait_all_tasks_blocked()

    assert anna.handler._queue is None
    assert not world.gateway._nursery.child_tasks


async def test_a_queue_that_is_full_refuses(autojump_clock):
    async with World(limits=SessionLimits(enabled=False, queue_frames_max=2)) as world:
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
