"""Events of reactions are kept for a time and up to a length; all else of a conversation stays."""

from __future__ import annotations

from bountyexpo.domain.chat.events import MessageReaction
from bountyexpo.domain.ids import new_id
from bountyexpo.persistence import streams
from bountyexpo.persistence.chat.message_changes import prune_reactions

from tests.sample_events import write_note


async def kept(database, stream):
    rows = await database.fetch("select seq from stream_events where stream = %s", (stream,))
    return sorted(row["seq"] for row in rows)


async def write_notes(database, stream):
    async with database.transaction() as tx:
        for number in range(2):
            write_note(tx, stream, number)


async def react(database, thread, count):
    async with database.transaction() as tx:
        for number in range(count):
            event = MessageReaction(
                conversation_id=thread.id,
                message_id=new_id(),
                user_id=thread.sender,
                emoji="👍",
                action="added",
                count=number,
            )
            tx.event(event, of=thread.id)


async def test_reactions_have_a_length_and_all_else_of_a_conversation_stays(database, thread):
    stream = f"conv:{thread.id}"
    await react(database, thread, 4)
    await write_notes(database, stream)
    await react(database, thread, 4)

    await prune_reactions(database, days=30, most=3, part=100)

    assert await kept(database, stream) == [5, 6, 8, 9, 10]
    assert (await streams.heads(database, [stream]))[stream][0] == 10


async def test_old_reactions_go_and_all_else_of_a_conversation_stays(database, thread):
    stream = f"conv:{thread.id}"
    await write_notes(database, stream)
    await react(database, thread, 2)
    await database.execute("update stream_events set created_at = now() - interval '31 days'")

    assert await prune_reactions(database, days=30, most=5_000, part=100) == 2

    assert await kept(database, stream) == [1, 2]


async def test_no_more_goes_at_a_time_than_a_part(database, thread):
    await react(database, thread, 10)

    gone = []
    while not gone or gone[-1]:
        gone.append(await prune_reactions(database, days=30, most=2, part=3))

    assert gone == [3, 3, 2, 0]
