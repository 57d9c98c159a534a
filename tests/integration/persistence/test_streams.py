"""How events of streams are read, and how long they are kept."""

from __future__ import annotations

import pytest
from bountyexpo.domain.ids import new_id
from bountyexpo.persistence import streams
from bountyexpo.persistence.chat import message_stream
from bountyexpo.persistence.streams import After

from tests.sample_events import write_note


async def write(database, stream, count):
    async with database.transaction() as tx:
        for number in range(count):
            write_note(tx, stream, number)


async def kept(database, stream):
    return [event.seq for event in await message_stream.read_after(database, stream, 0, 1000)]


@pytest.mark.parametrize(("kind", "left"), [("user", [4, 5, 6]), ("bounty", [1, 2, 3, 4, 5, 6])])
async def test_a_user_stream_has_a_length(database, kind, left):
    stream = f"{kind}:{new_id()}"
    await write(database, stream, 6)

    await streams.prune(database, days=30, most=3, part=100)

    assert await kept(database, stream) == left
    assert (await streams.heads(database, [stream]))[stream][0] == 6


async def test_what_is_old_goes_however_little_there_is(database):
    old, new = f"user:{new_id()}", f"user:{new_id()}"
    for stream in (old, new):
        await write(database, stream, 2)
    await database.execute(
        "update stream_events set created_at = now() - interval '31 days' where stream = %s", (old,)
    )

    assert await streams.prune(database, days=30, most=5_000, part=100) == 2

    assert await kept(database, old) == []
    assert await kept(database, new) == [1, 2]


async def test_several_streams_are_read_together_each_from_its_place(database, thread):
    one, two, none = (f"bounty:{new_id()}" for _ in range(3))
    conversation = f"conv:{thread.id}"
    for stream in (one, two, conversation):
        await write(database, stream, 4)
    wanted = [
        After(stream=two, seq=2, limit=10),
        After(stream=none, seq=0, limit=10),
        After(stream=conversation, seq=1, limit=2),
        After(stream=one, seq=0, limit=3),
        After(stream=two, seq=0, limit=1),
    ]

    found = await message_stream.read_all_after(database, wanted)

    assert [[event.seq for event in events] for events in found] == [
        [3, 4],
        [],
        [2, 3],
        [1, 2, 3],
        [1],
    ]
    assert [{event.stream for event in events} for events in found] == [
        {two},
        set(),
        {conversation},
        {one},
        {two},
    ]
