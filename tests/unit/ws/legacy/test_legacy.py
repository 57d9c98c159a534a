"""The sockets of old clients: their words, their silence, and the checks they never had."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from bountyexpo.domain.chat.events import MessageRead, TypingStart
from bountyexpo.domain.event_catalogue import declared

from tests.unit.ws.session.session_fakes import World, declare_operations

MESSAGES = "/messages/subscribe"
EVENTS = "/events/subscribe"


@pytest.fixture
async def world():
    async with World() as world:
        declare_operations(world)
        world.database.members["c"] = {"anna", "ben"}
        world.database.members["d"] = {"anna", "ben"}
        yield world


async def subscribe(world, user="anna"):
    socket = world.connect(path=MESSAGES, query={"token": user})
    await socket.until(lambda: "connected" in socket.types())
    # Whom it talks to is read behind the welcome.
    await trio.testing.wait_all_tasks_blocked()
    return socket


def read(*message_ids):
    """Tell that Ben has read these messages, which are all of the conversation."""
    return MessageRead(
        conversation_id="c",
        message_id=message_ids[-1],
        message_ids=list(message_ids),
        up_to_seq=len(message_ids),
        sender_id="ben",
        user_id="ben",
    )


async def test_a_token_in_the_address_connects(autojump_clock, world):
    socket = await subscribe(world)

    assert socket.frames == [
        {
            "type": "connected",
            "message": "Connected to real-time messaging",
            "userId": "anna",
            "conversationIds": ["c", "d"],
            "timestamp": "2026-01-01T00:00:00Z",
        }
    ]


async def test_a_first_frame_may_bring_the_token(autojump_clock, world):
    socket = world.connect(path=MESSAGES)
    socket.say(type="typing", conversationId="c")
    socket.say(type="authenticate", token="anna")

    await socket.until(lambda: socket.frames)

    assert socket.types() == ["connected"]


@pytest.mark.parametrize("token", ["bad", "expired"])
async def test_a_bad_token_is_told_and_closed(autojump_clock, world, token):
    socket = world.connect(path=MESSAGES, query={"token": token})

    assert await socket.closed() == 4401
    assert socket.types() == ["error"]
    assert "Authentication" in socket.frames[0]["message"]
    assert "timestamp" in socket.frames[0]


async def test_silence_is_closed_after_ten_seconds(autojump_clock, world):
    socket = world.connect(path=MESSAGES)

    await world.tick(socket, 10)

    assert socket.closed_with == 4401
    assert "Authentication" in socket.frames[0]["message"]


async def test_a_message_arrives_in_the_old_words_and_some_more(autojump_clock, world):
    socket = await subscribe(world)
    payload = {"conversationId": "c", "messageId": "m", "senderId": "ben", "text": "hi"}

    world.publish("conv:c", payload=payload | {"status": "sent", "x": 1}, users=("anna", "ben"))

    assert socket.frames[-1] == {
        "type": "message.new",
        **payload,
        "status": "sent",
        "seq": 1,
        "timestamp": "2026-01-01T00:00:00Z",
    }


async def test_the_sender_does_not_hear_themself(autojump_clock, world):
    anna, ben = await subscribe(world), await subscribe(world, "ben")

    world.publish("conv:c", payload={"senderId": "anna", "text": "hi"}, users=("anna", "ben"))

    assert "message.new" not in anna.types()
    assert "message.new" in ben.types()


async def test_a_message_that_only_speaks_of_somebody_is_not_theirs(autojump_clock, world):
    anna = await subscribe(world)
    payload = {"system": {"senderId": "anna"}, "senderId": "ben", "text": '"senderId":"anna"'}

    world.publish("conv:c", payload=payload, users=("anna", "ben"))

    assert "message.new" in anna.types()


def test_an_event_has_the_same_old_words_on_every_stream():
    words = {}
    for spec in declared():
        words.setdefault(spec.type, set()).add(spec.legacy_fields)

    assert {kind: len(each) for kind, each in words.items()} == dict.fromkeys(words, 1)


async def test_what_old_clients_do_not_know_is_not_sent(autojump_clock, world):
    socket = await subscribe(world)

    world.publish("user:anna", type="wallet.balance", users=("anna",))
    world.gateway.start_draining(1)

    assert socket.types() == ["connected"]
    assert await socket.closed() == 1012


async def test_join_without_membership_is_refused(autojump_clock, world):
    world.database.members["secret"] = {"ben"}
    socket = await subscribe(world)

    socket.say(type="join", conversationId="secret")
    await socket.until(lambda: "error" in socket.types())
    socket.say(type="join", conversationId="c")
    socket.say(type="ping")
    await socket.until(lambda: "pong" in socket.types())

    error = socket.frames[1]
    assert (error["code"], error["conversationId"]) == ("NOT_PARTICIPANT", "secret")
    assert set(error) == {"type", "code", "message", "conversationId", "timestamp"}
    assert socket.frames[2] == {"type": "pong", "timestamp": error["timestamp"]}


async def test_a_receipt_is_told_for_each_message_that_it_covers(autojump_clock, world):
    old, new = await subscribe(world), await world.open("anna")

    world.hub.tell(read("m1", "m2", "m3"), of="c", users=["anna"])

    told = {
        "type": "message.read",
        "conversationId": "c",
        "senderId": "ben",
        "status": "read",
        "timestamp": "2026-01-01T00:00:00Z",
    }
    assert old.frames[1:] == [told | {"messageId": each} for each in ("m1", "m2", "m3")]
    assert new.frames[-1] == told | {"messageId": "m3", "upToSeq": 3, "userId": "ben"}


async def test_a_busy_old_socket_gets_each_receipt_when_there_is_room(autojump_clock, world):
    old = await subscribe(world)
    old.room = 0

    world.hub.tell(read("m1", "m2"), of="c", users=["anna"])
    old.drain()

    assert [each["messageId"] for each in old.frames[1:]] == ["m1", "m2"]


async def test_leave_mutes_what_passes(autojump_clock, world):
    socket = await subscribe(world)
    typing = TypingStart(conversation_id="c", sender_id="ben", expires_in_ms=5000)

    world.hub.tell(typing, of="c", users=["anna"])
    assert socket.frames[-1] == {
        "type": "typing.start",
        "senderId": "ben",
        "conversationId": "c",
        "timestamp": "2026-01-01T00:00:00Z",
    }
    socket.say(type="leave", conversationId="c")
    await trio.sleep(0.1)
    world.hub.tell(typing, of="c", users=["anna"])

    assert socket.types() == ["connected", "typing.start"]


async def test_presence_comes_once_for_each_shared_conversation(autojump_clock, world):
    socket = await subscribe(world)

    ben = await world.open("ben")
    ben.close(1000)
    await trio.sleep(31)

    told = [frame for frame in socket.frames if frame["type"] == "presence.update"]
    assert [(frame["conversationId"], frame["isOnline"]) for frame in told] == [
        ("c", True),
        ("d", True),
        ("c", False),
        ("d", False),
    ]
    assert all(frame["userId"] == frame["senderId"] == "ben" for frame in told)


async def test_a_message_may_be_sent_in_the_documented_form(autojump_clock, world):
    socket = await subscribe(world)

    socket.say(type="send_message", conversation_id="c", message="hello")
    await trio.sleep(1)

    (event,) = world.database.log["conv:c"]
    assert event.payload["senderId"] == "anna"
    assert socket.types() == ["connected"]


async def test_nonsense_is_ignored_until_it_is_too_much(autojump_clock, world):
    socket = await subscribe(world)
    await trio.sleep(10)

    nonsense = ("dance", None, 7, [], {}, True, ["join"], {"type": "join"}, "", "ping\x00")
    for kind in nonsense:
        socket.say(type=kind)
        socket.handler.on_message(b"{", is_text=True)
    assert socket.is_open
    socket.say(type="dance")

    assert socket.closed_with == 4400
    assert socket.types() == ["connected"]


async def test_every_socket_of_a_user_is_live(autojump_clock, world):
    first, second = await subscribe(world), await subscribe(world)

    world.publish("conv:c", payload={"senderId": "ben", "text": "hi"}, users=("anna",))

    assert first.types() == second.types() == ["connected", "message.new"]


async def test_an_event_socket_hears_what_is_public(autojump_clock, world):
    socket = world.connect(path=EVENTS)
    payload = {"bountyId": "b", "id": "b", "status": "in_progress", "actorId": "secret"}

    world.publish("bounty:b", type="bounty.status", payload=payload, users=("anna",))
    world.publish("bounty:b", type="bounty.status", payload=payload, private=True)
    world.publish("bounty:b", type="request.new", payload=payload)
    socket.say(type="anything")

    now = "2026-01-01T00:00:00Z"
    assert socket.frames == [
        {"type": "connection", "message": "Connected to the event stream", "timestamp": now},
        {"type": "bounty.status", "id": "b", "status": "in_progress", "timestamp": now},
    ]


async def test_an_event_socket_leaves_nothing_behind(autojump_clock, world):
    first, second = world.connect(path=EVENTS), world.connect(path=EVENTS)

    first.close(1000)
    assert world.gateway.listeners == {second.handler}
    world.gateway.start_draining(1)
    assert await second.closed() == 1012

    assert not world.gateway.listeners
    assert not world.hub.topics
    assert not world.admission._sockets
    assert not world.admission._anonymous


async def test_a_protocol_that_is_named_wins_over_the_path(autojump_clock, world):
    upgrade = world.upgrade(path=MESSAGES, subprotocols=("bounty.v1.json",), bearer="anna")
    socket = world.connect(upgrade=upgrade)
    socket.say(type="hello", v=1)

    await socket.until(lambda: "welcome" in socket.types())
