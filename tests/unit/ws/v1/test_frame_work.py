"""What a frame costs: each is known here, and reads no more for many names than for one."""

from __future__ import annotations

import pytest
from bountyexpo.ws.v1.frame_handlers import HANDLERS

from tests.unit.ws.session.session_fakes import World

NAMES_MAX = 500

# Frames that read for all the names that they hold, together, and cost by how many these are.
BY_NAMES = {
    "sync": lambda count: {"streams": {f"bounty:{n:03}": {"seq": 0} for n in range(count)}},
    "subscribe": lambda count: {"topics": [f"conv:stranger-{n:03}" for n in range(count)]},
    "presence.subscribe": lambda count: {"userIds": [f"user-{n:03}" for n in range(count)]},
}
# Frames that read nothing, or one row; the frame rate of the socket bounds them.
BY_FRAME_RATE = {
    *("auth.refresh", "authenticate", "unsubscribe", "join", "leave"),
    *("presence.set", "presence.unsubscribe"),
}
# Frames that are operations, with the limits of these.
OPERATIONS = {"call", "send_message", "typing"}


@pytest.fixture
async def world():
    async with World() as found:
        yield found


async def test_every_frame_has_a_cost(autojump_clock, world):
    frames = HANDLERS.keys() | world.context.features.frames.keys()

    assert frames - OPERATIONS - BY_FRAME_RATE == BY_NAMES.keys()


@pytest.mark.parametrize("kind", BY_NAMES)
async def test_many_names_are_read_for_like_one(autojump_clock, world, kind):
    anna = await world.open("anna")
    reads = []
    for count in (1, NAMES_MAX):
        world.database.reads.clear()
        anna.say(type=kind, id=f"n{count}", **BY_NAMES[kind](count))
        await anna.reply_to(f"n{count}")
        reads.append(len(world.database.reads))

    assert reads[1] <= reads[0] + 1
    assert reads[1] <= 8
