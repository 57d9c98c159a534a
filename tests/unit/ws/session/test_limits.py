"""What the welcome tells of limits and times is what is enforced: both come from one object."""

from __future__ import annotations

import trio
from bountyexpo.ws.session.limits import SessionLimits
from bountyexpo.ws.session.resumable import ResumableSessions

from tests.unit.ws.session.session_fakes import World


async def test_the_frame_rate(autojump_clock):
    async with World(limits=SessionLimits(frames_per_s=2.0, frames_burst=3)) as world:
        anna = await world.open("anna")
        told = anna.frames[0]["limits"]
        await trio.sleep(10)

        for _ in range(told["framesBurst"] + 1):
            anna.say(type="ping")
        await trio.sleep(1 / told["framesPerSecond"])
        anna.say(type="ping")

    assert anna.types()[1:] == ["pong", "pong", "pong", "error", "pong"]


async def test_the_number_of_subscriptions(autojump_clock):
    async with World(limits=SessionLimits(subscriptions_max=2)) as world:
        anna = await world.open("anna")
        most = anna.frames[0]["limits"]["subscriptions"]

        anna.say(type="subscribe", id="s", topics=[f"bounty:{n}" for n in range(most + 1)])
        ack = await anna.reply_to("s")

    assert len(ack["accepted"]) == most == 2
    assert [each["topic"] for each in ack["rejected"]] == ["bounty:2"]


async def test_the_events_of_a_replay(autojump_clock):
    limits = SessionLimits(replay_stream_events_max=3, replay_events_max=5)
    async with World(limits=limits) as world:
        for name in "ab":
            for _ in range(10):
                world.database.commit(f"bounty:{name}")

        anna = await world.open("anna", streams={"bounty:a": {"seq": 0}, "bounty:b": {"seq": 0}})
        told = anna.frames[0]["limits"]

    assert len(anna.seqs("bounty:a")) == told["replayEventsPerStream"] == 3
    replayed = anna.seqs("bounty:a") + anna.seqs("bounty:b")
    assert len(replayed) == told["replayEvents"] == 5


async def test_the_time_to_come_back(autojump_clock):
    resumable = ResumableSessions(ttl_s=7.0)
    async with World(resumable=resumable) as world:
        anna = await world.open("anna", caps=["resume"])
        ttl_s = anna.frames[0]["resumeTtlMs"] / 1000
        anna.close(1006)

        await trio.sleep(ttl_s - 0.1)
        in_time = resumable.waiting
        await trio.sleep(0.2)

    assert ttl_s == 7
    assert (in_time, resumable.waiting) == (1, 0)
