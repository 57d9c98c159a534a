"""Receipts are markers that only grow; what is unread follows from them (G6, G7, G9)."""

from __future__ import annotations

import random

import pytest
import trio
import trio.testing
from bountyexpo.actors.chat.conversation_messages import (
    DeleteMessage,
    FlushReceipts,
    Hide,
    Receive,
)
from bountyexpo.errors import NotAllowed

from tests.patience import PATIENCE_S


@pytest.fixture
async def pair(town):
    anna, ben = await town.people(2)
    return anna, ben, await town.dm(anna, ben)


async def test_a_receipt_moves_the_marker_and_tells_everybody(town, pair):
    anna, ben, thread = pair
    sent = await town.send(anna, thread)

    await town.read(ben, thread, sent.seq)

    [frame] = town.heard("message.read")
    assert frame == {
        "type": "message.read",
        "conversationId": thread,
        "messageId": sent.message_id,
        "messageIds": [sent.message_id],
        "upToSeq": 1,
        "senderId": ben,
        "userId": ben,
        "status": "read",
    }
    assert set(town.frames[0][0]) == {anna, ben}
    assert (await town.markers(anna, thread))[ben] == (1, 1)


async def test_only_others_messages_are_received(town, pair):
    anna, ben, thread = pair
    await town.send(anna, thread)
    await town.send(anna, thread)
    await town.send(ben, thread)

    await town.read(anna, thread, 2)
    await town.conversation(thread).ask(FlushReceipts())
    own = town.heard("message.read")
    await town.read(anna, thread, 100, is_durable=True)
    await town.read(ben, thread, 100, is_durable=True)

    assert own == []
    assert await town.markers(anna, thread) == {anna: (3, 3), ben: (2, 2)}


async def test_markers_never_go_back_whatever_comes_in_which_order(town, pair):
    anna, ben, thread = pair
    for _ in range(20):
        await town.send(anna, thread)
    chance = random.Random(7)
    delivered = read = 0

    for _ in range(60):
        seq, is_read = chance.randint(0, 25), chance.random() < 0.5
        message = Receive(
            user_id=ben, is_read=is_read, up_to_seq=seq, is_durable=chance.random() < 0.5
        )
        await town.conversation(thread).ask(message)
        delivered = max(delivered, min(seq, 20))
        read = max(read, min(seq, 20)) if is_read else read
    await town.conversation(thread).ask(FlushReceipts())

    assert (await town.markers(anna, thread))[ben] == (delivered, read)
    for kind in ("message.read", "message.delivered"):
        told = [frame["upToSeq"] for frame in town.heard(kind)]
        assert told == sorted(set(told))


async def test_markers_of_one_second_are_stored_together(town, pair):
    anna, ben, thread = pair
    for _ in range(5):
        await town.send(anna, thread)

    for seq in range(1, 6):
        await town.receive(ben, thread, seq)
        await town.read(ben, thread, seq)
    before = (await town.markers(anna, thread))[ben]
    with trio.fail_after(PATIENCE_S):
        while (await town.markers(anna, thread))[ben] != (5, 5):
            await trio.testing.wait_all_tasks_blocked(0.05)

    assert before == (1, 0)
    # The first was stored at once; all the others became one.
    assert [frame["upToSeq"] for frame in town.heard("message.delivered")] == [1]
    assert [frame["upToSeq"] for frame in town.heard("message.read")] == [5]


async def test_what_is_received_beyond_what_is_read_is_told_too(town, pair):
    anna, ben, thread = pair
    sent = [await town.send(anna, thread) for _ in range(4)]
    await town.receive(ben, thread, 1)

    await town.read(ben, thread, 2)
    await town.receive(ben, thread, 4)
    await town.conversation(thread).ask(FlushReceipts())

    ids = [each.message_id for each in sent]
    [first, second] = town.heard("message.delivered")
    [read] = town.heard("message.read")
    assert (first["upToSeq"], first["messageIds"]) == (1, ids[:1])
    assert (second["upToSeq"], second["messageIds"]) == (4, ids[2:])
    assert (read["upToSeq"], read["messageIds"]) == (2, ids[:2])


async def test_a_marker_names_the_fifty_newest_messages_of_others(town, pair):
    anna, ben, thread = pair
    sent = [await town.send(anna, thread) for _ in range(55)]
    await town.send(ben, thread)

    await town.read(ben, thread, 60)

    [read] = town.heard("message.read")
    assert read["messageIds"] == [each.message_id for each in sent[5:]]
    assert (read["messageId"], read["upToSeq"]) == (sent[-1].message_id, 55)


async def test_what_waits_is_stored_when_the_pool_stops(town, pair):
    anna, ben, thread = pair
    await town.send(anna, thread)
    await town.send(anna, thread)
    await town.read(ben, thread, 1)
    await town.read(ben, thread, 2)

    await town.stop_pools()

    assert (await town.markers(anna, thread))[ben] == (2, 2)


async def test_messages_named_by_id_are_counted_once(town, pair):
    anna, ben, thread = pair
    elsewhere = await town.send(anna, await town.dm(anna, await town.person()))
    theirs = [await town.send(anna, thread) for _ in range(3)]
    own = await town.send(ben, thread)
    named = tuple(each.message_id for each in (*theirs[:2], own, elsewhere))

    async def mark(*, is_read):
        message = Receive(user_id=ben, is_read=is_read, message_ids=named, is_durable=True)
        return (await town.conversation(thread).ask(message)).updated

    counts = [await mark(is_read=is_read) for is_read in (False, False, True, True, False)]

    assert counts == [2, 0, 2, 0, 0]
    assert (await town.markers(anna, thread))[ben] == (2, 2)


async def test_nobody_else_can_move_a_marker(town, pair):
    anna, _, thread = pair
    await town.send(anna, thread)
    stranger = await town.person()

    with pytest.raises(NotAllowed) as refusal:
        await town.read(stranger, thread, 1)

    assert refusal.value.error_code == "NOT_PARTICIPANT"
    assert set((await town.markers(anna, thread)).values()) == {(0, 0)}


async def test_unread_is_what_others_wrote_beyond_the_marker_everywhere(town):
    anna, ben, cleo = await town.people(3)
    threads = [await town.dm(anna, ben), await town.group(anna, ben, cleo)]
    log = {thread: [] for thread in threads}
    read = {(user, thread): 0 for user in (anna, ben, cleo) for thread in threads}
    chance = random.Random(11)
    ids, deleted = {}, set()

    for _ in range(80):
        thread = chance.choice(threads)
        user = chance.choice([anna, ben] if thread is threads[0] else [anna, ben, cleo])
        what = chance.random()
        if what < 0.5:
            sent = await town.send(user, thread)
            log[thread].append((sent.seq, user))
            ids[thread, sent.seq] = sent.message_id
        elif what < 0.65 and log[thread]:
            seq, author = chance.choice(log[thread])
            gone = DeleteMessage(user_id=author, message_id=ids[thread, seq])
            await town.conversation(thread).ask(gone)
            deleted.add((thread, seq))
        else:
            seq = chance.randint(0, len(log[thread]))
            await town.read(user, thread, seq, is_durable=True)
            read[user, thread] = max(read[user, thread], seq)

        for each in (anna, ben, cleo):
            wanted = {
                name: sum(
                    s > read[each, name] and u != each and (name, s) not in deleted
                    for s, u in log[name]
                )
                for name in (threads if each is not cleo else threads[1:])
            }
            assert {row.id: row.unread for row in await town.listed(each)} == wanted
            assert await town.unread(each) == sum(wanted.values())


async def test_who_has_read_hidden_or_left_has_another_number_of_unread(town):
    anna, ben, cleo = await town.people(3)
    thread, group = await town.dm(anna, ben), await town.group(anna, ben, cleo)
    sent = await town.send(anna, thread)
    await town.send(anna, group)

    await town.receive(ben, thread, sent.seq, is_durable=True)
    after_receipt = list(town.recounted)
    await town.read(ben, thread, sent.seq, is_durable=True)
    await town.conversation(thread).ask(Hide(user_id=anna))
    await town.dm(anna, ben)
    await town.remove(anna, group, cleo)

    assert after_receipt == []
    assert town.recounted == [ben, anna, anna, cleo]
    assert (await town.unread(ben), await town.unread(cleo)) == (1, 0)


async def test_a_deletion_is_another_number_of_unread_for_everybody_else(town):
    anna, ben, cleo = await town.people(3)
    group = await town.group(anna, ben, cleo)
    sent = await town.send(ben, group)

    await town.conversation(group).ask(DeleteMessage(user_id=ben, message_id=sent.message_id))

    assert sorted(town.recounted) == sorted([anna, cleo])
    assert (await town.unread(anna), await town.unread(cleo)) == (0, 0)
