"""What a session follows, what a slow one misses, and how sessions end."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest
import trio
import trio.testing
from bountyexpo.domain.chat.events import TypingStart, TypingStop, Unread
from bountyexpo.observability import metrics

from tests.sample_events import PassingNote
from tests.unit.ws.session.session_fakes import World, declare_operations


@pytest.fixture
async def world():
    async with World() as world:
        declare_operations(world)
        yield world


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


async def test_welcome_tells_nothing_of_what_was_refused(autojump_clock, world):
    world.database.hidden.add("bounty:hidden")
    for stream in ("bounty:hidden", "bounty:b"):
        world.database.commit(stream)

    anna = await world.open("anna", subscribe=["bounty:hidden", "bounty:b"])

    assert set(anna.frames[0]["heads"]) == {"bounty:b"}
    assert set(world.hub.topics) == {"bounty:b"}


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
    typing = TypingStart(conversation_id="c", sender_id="ben", expires_in_ms=5000)

    anna.say(type="leave", id="l", conversationId="c")
    await anna.reply_to("l")
    world.hub.tell(typing, of="c", users=["anna"])
    world.publish("conv:c", users=("anna",))
    assert "typing.start" not in anna.types()
    assert anna.seqs("conv:c") == [1]
    anna.say(type="join", id="j", conversationId="c")
    await anna.reply_to("j")
    world.hub.tell(typing, of="c", users=["anna"])

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


async def test_ephemeral_frames_of_a_slow_reader_vanish_but_for_the_last(autojump_clock, world):
    anna = await world.open("anna")
    anna.room = 0

    start = TypingStart(conversation_id="c", sender_id="ben", expires_in_ms=5000)
    stop = TypingStop(conversation_id="c", sender_id="ben")
    for typing in (start, stop, start):
        world.hub.tell(typing, of="c", users=["anna"])
    for count in range(3):
        unread = Unread(messages=count, notifications=0)
        world.hub.tell(unread, of="anna", users=["anna"])
    world.hub.tell(PassingNote(), of="c", users=["anna"])
    anna.drain()

    assert anna.types() == ["welcome", "typing.start", "unread"]
    assert anna.frames[-1]["messages"] == 2


async def test_a_reply_that_does_not_fit_ends_the_socket(autojump_clock, world):
    anna = await world.open("anna")
    anna.room = 0

    anna.say(type="call", id="c", op="clock.now")

    assert await anna.closed() == 4430


# -- the end


async def test_a_revoked_user_is_told_and_closed(autojump_clock, world):
    anna = await world.open("anna")

    world.authority.end("anna")
    await anna.closed()

    assert anna.frames[-1]["type"] == "session.revoked"
    assert anna.frames[-1]["reason"] == "signed out"
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
        "timestamp": "2026-01-01T00:00:00Z",
    }
    assert all(each.is_open for each in sockets)
    await world.gateway.drained.wait()

    assert {each.closed_with for each in sockets} == {1012}


async def test_a_draining_gateway_still_serves_but_admits_nobody(autojump_clock, world):
    anna = await world.open("anna")
    world.gateway.admit(SimpleNamespace(peer=anna.peer, path="/ws"))

    world.gateway.start_draining(10)
    anna.say(type="call", id="c", op="clock.now")

    assert (await anna.reply_to("c"))["ok"] is True
    with pytest.raises(Exception, match="not available"):
        world.gateway.admit(SimpleNamespace(peer=anna.peer, path="/ws"))


async def test_a_stopped_gateway_closes_what_is_half_done(autojump_clock):
    async with World() as world:
        declare_operations(world)
        world.database.members["c"] = {"anna"}
        anna = await world.open("anna")
        anna.say(type="message.send", id="r", conversationId="c", clientMsgId="k")
        await trio.sleep(0.05)

    assert anna.closed_with == 1012


async def test_whoever_is_banned_meanwhile_is_closed_for_good(autojump_clock, world):
    anna, away = await world.open("anna"), await world.open("anna", caps=["resume"])
    away.close(1006)

    world.authority.change("anna", "banned")

    assert await anna.closed() == 4403
    await trio.testing.wait_all_tasks_blocked()
    assert not world.hub.users
    assert not world.resumable.waiting


async def test_one_sign_in_can_be_ended_alone(autojump_clock, world):
    phone, tablet = await world.open("anna"), await world.open("anna")
    session = phone.handler.session
    session.identity = msgspec.structs.replace(session.identity, session_id="one")

    world.authority.end("anna", "one")

    assert await phone.closed() == 4410
    await trio.testing.wait_all_tasks_blocked()
    assert tablet.is_open


async def test_the_eleventh_socket_of_a_user_replaces_the_first(autojump_clock, world):
    sockets = [await world.open("anna") for _ in range(11)]

    assert sockets[0].closed_with == 4409
    assert all(each.is_open for each in sockets[1:])


async def test_sockets_that_wait_for_their_client_are_not_counted(autojump_clock, world):
    for _ in range(10):
        (await world.open("anna", caps=["resume"])).close(1006)
    first = await world.open("anna")
    others = [await world.open("anna") for _ in range(9)]

    assert first.is_open
    assert all(each.is_open for each in others)


async def test_the_ends_of_sockets_are_counted_by_code(autojump_clock, world):
    def count(code):
        return metrics.WS_CLOSES.labels(code)._value.get()

    before, others = count("4410"), count("other")
    (await world.open("anna")).handler.disconnect(4410, "x")
    (await world.open("anna")).close(3999)

    assert count("4410") == before + 1
    assert count("other") == others + 1
