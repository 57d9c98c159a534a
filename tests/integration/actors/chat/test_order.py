"""One order for everybody, and each message once (G1, G3, G6)."""

from __future__ import annotations

import pytest
import trio
from bountyexpo.actors.chat.conversation_messages import EditMessage, Receive
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import InternalError, NotAllowed, StaleVersion
from bountyexpo.persistence.chat import participants

WRITERS, SENDS = 50, 200


async def test_fifty_writers_of_two_hundred_each_make_one_gapless_order(town):
    writers = await town.people(WRITERS)
    group = await town.group(writers[0], *writers[1:])
    committed = []

    async def write(user: str) -> None:
        for number in range(SENDS):
            sent = await town.send(user, group, f"{user} {number}")
            committed.append(sent)

    async with trio.open_nursery() as nursery:
        for writer in writers:
            nursery.start_soon(write, writer)

    total = WRITERS * SENDS
    assert sorted(each.seq for each in committed) == list(range(1, total + 1))
    published = [e for e in town.events if e.stream == f"conv:{group}"]
    assert [event.seq for event in published] == list(range(1, total + 1))
    times = [event.created_at for event in published]
    assert times == sorted(times)
    # Each writer's own messages come in the order in which they sent them.
    for writer in writers:
        own = [e.payload["text"] for e in published if e.payload["senderId"] == writer]
        assert own == [f"{writer} {number}" for number in range(SENDS)]
    replayed = await town.replay(group)
    assert [(e.seq, e.payload["messageId"]) for e in replayed] == [
        (e.seq, e.payload["messageId"]) for e in published
    ]


async def test_messages_of_a_busy_conversation_share_commits(town, monkeypatch):
    writers = await town.people(20)
    group = await town.group(writers[0], *writers[1:])
    await town.send(writers[0], group)
    batches = []
    write = town.journal._write

    async def note(batch):
        batches.append(len(batch))
        return await write(batch)

    monkeypatch.setattr(town.journal, "_write", note)
    async with trio.open_nursery() as nursery:
        for writer in writers:
            nursery.start_soon(town.send, writer, group)

    assert sum(batches) == 20
    assert max(batches) > 1


async def test_a_message_under_way_when_its_sender_is_removed_is_refused(town, monkeypatch):
    anna, ben, carl = await town.people(3)
    group = await town.group(anna, ben, carl)
    write = town.journal._write

    async def remove_and_write(batch):
        # Another node owns the conversation for a moment.
        if not removed:
            removed.append(ben)
            async with town.db.transaction() as tx:
                await participants.remove(tx, group, ben)
        return await write(batch)

    removed = []
    monkeypatch.setattr(town.journal, "_write", remove_and_write)
    with pytest.raises(NotAllowed):
        await town.send(ben, group)
    sent = await town.send(carl, group)

    assert [e.payload["senderId"] for e in await town.replay(group) if e.seq == sent.seq] == [carl]


async def test_a_conversation_that_changes_all_the_time_refuses_in_the_end(town, monkeypatch):
    anna, ben = await town.people(2)
    thread = await town.dm(anna, ben)
    tries = []

    def refuse(message, settle) -> None:
        tries.append(message)
        trio.lowlevel.current_trio_token().run_sync_soon(settle, StaleVersion())

    monkeypatch.setattr(town.journal, "submit", refuse)
    with pytest.raises(StaleVersion):
        await town.send(anna, thread)

    assert len(tries) == 3


@pytest.mark.parametrize("changes", [0, 3])
async def test_a_storm_of_retries_makes_one_message(town, changes):
    anna, ben = await town.people(2)
    thread, key = await town.dm(anna, ben), new_id()
    results = []

    async def attempt() -> None:
        results.append(await town.send(anna, thread, "once", client_message_id=key))

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(attempt)
    for number in range(changes):
        edit = EditMessage(user_id=anna, message_id=results[0].message_id, text=f"{number}")
        await town.conversation(thread).ask(edit)
    await attempt()

    assert {(each.message_id, each.seq) for each in results} == {(results[0].message_id, 1)}
    assert [each.duplicate for each in results].count(False) == 1
    assert [e.type for e in await town.replay(thread)].count("message.new") == 1


async def test_changes_and_messages_share_the_numbers_without_a_hole(town):
    anna, ben = await town.people(2)
    thread = await town.dm(anna, ben)
    first = await town.send(anna, thread)

    async def change(number: int) -> None:
        edit = EditMessage(user_id=anna, message_id=first.message_id, text=str(number))
        await town.conversation(thread).ask(edit)

    async with trio.open_nursery() as nursery:
        for number in range(30):
            nursery.start_soon(change, number)
            nursery.start_soon(town.send, ben, thread)

    replayed = await town.replay(thread)
    assert [event.seq for event in replayed] == list(range(1, 62))
    assert [e.seq for e in town.events if e.stream == f"conv:{thread}"] == list(range(1, 62))


async def test_no_message_is_told_before_its_conversation(town):
    anna, ben = await town.people(2)
    thread = await town.dm(anna, ben)
    await town.send(anna, thread)
    await town.read(ben, thread, 1)

    told = [event.type for event in town.events if ben in event.users]
    assert told == ["conversation.added", "message.new"]
    assert town.heard("message.read")[0]["upToSeq"] <= town.events[-1].seq


async def test_a_change_waits_for_a_message_of_the_owner_that_crashed(town, monkeypatch):
    anna, ben = await town.people(2)
    thread = await town.dm(anna, ben)
    first = await town.send(anna, thread)
    write, settled = town.journal._write, town.journal.settled
    gate, waits, sent = trio.Event(), trio.Event(), trio.Event()
    results = {}

    async def held(batch):
        sent.set()
        await gate.wait()
        return await write(batch)

    async def note(conversation_id):
        waits.set()
        await settled(conversation_id)

    async def crash(*_args, **_how):
        raise ZeroDivisionError

    async def send() -> None:
        results["sent"] = await town.send(ben, thread)

    async def edit() -> None:
        edit = EditMessage(user_id=anna, message_id=first.message_id, text="edited")
        results["edit"] = await town.conversation(thread).ask(edit)

    monkeypatch.setattr(town.journal, "_write", held)
    monkeypatch.setattr(town.journal, "settled", note)
    monkeypatch.setattr(participants, "find_messages", crash)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await sent.wait()
        receive = Receive(user_id=anna, is_read=True, message_ids=(first.message_id,))
        with pytest.raises(InternalError):
            await town.conversation(thread).ask(receive)
        nursery.start_soon(edit)
        await waits.wait()
        assert results == {}
        gate.set()

    assert (results["sent"].seq, results["edit"].seq) == (2, 3)
    published = [e.type for e in town.events if e.stream == f"conv:{thread}"]
    assert published[-2:] == ["message.new", "message.edited"]
