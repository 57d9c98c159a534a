"""Edits, tombstones, pins, reactions and replies: each one event, each to be replayed."""

from __future__ import annotations

import msgspec
import pytest
from bountyexpo.actors.chat.conversation_messages import (
    DeleteMessage,
    EditMessage,
    PinMessage,
    React,
)
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import BountyExpoError, InvalidRequest, NotAllowed, NotFound


@pytest.fixture
async def pair(town):
    anna, ben = await town.people(2)
    return anna, ben, await town.dm(anna, ben)


def edit(user, message, text="new"):
    return EditMessage(user_id=user, message_id=message, text=text)


def pin(user, message, *, is_pinned=True):
    return PinMessage(user_id=user, message_id=message, is_pinned=is_pinned)


def react(user, message, emoji, *, is_added=True):
    return React(user_id=user, message_id=message, emoji=emoji, is_added=is_added)


async def test_an_edit_is_the_next_event_and_a_replay_tells_the_present_text(town, pair):
    anna, ben, thread = pair
    sent = await town.send(anna, thread, "old")

    first = await town.conversation(thread).ask(edit(anna, sent.message_id, "newer"))
    second = await town.conversation(thread).ask(edit(anna, sent.message_id, "newest"))

    assert (first.seq, second.seq) == (2, 3)
    assert town.events[-1].type == "message.edited"
    assert set(town.events[-1].users) == {anna, ben}
    replayed = await town.replay(thread)
    assert [(event.seq, event.type) for event in replayed] == [
        (1, "message.new"),
        (2, "message.edited"),
        (3, "message.edited"),
    ]
    assert {event.payload["text"] for event in replayed} == {"newest"}
    assert replayed[0].payload["editedAt"] == msgspec.to_builtins(second.at)


async def test_the_same_text_again_makes_no_event(town, pair):
    anna, _, thread = pair
    sent = await town.send(anna, thread, "same")

    changed = await town.conversation(thread).ask(edit(anna, sent.message_id, "same"))

    assert (changed.is_new, changed.seq) == (False, 1)
    assert len(await town.replay(thread)) == 1


async def test_only_the_author_edits_and_only_for_fifteen_minutes(town, pair):
    anna, ben, thread = pair
    sent = await town.send(anna, thread)

    with pytest.raises(NotAllowed, match="author"):
        await town.conversation(thread).ask(edit(ben, sent.message_id))
    await town.db.execute(
        "update messages set created_at = created_at - interval '15 minutes' where id = %s",
        (sent.message_id,),
    )
    with pytest.raises(NotAllowed) as refusal:
        await town.conversation(thread).ask(edit(anna, sent.message_id))

    assert refusal.value.error_code == "EDIT_WINDOW"


async def test_a_deleted_message_leaves_nothing_but_its_place(town, pair):
    anna, ben, thread = pair
    sent = await town.send(anna, thread, "secret one")
    owner = town.conversation(thread)
    await owner.ask(edit(anna, sent.message_id, "secret two"))
    await owner.ask(pin(ben, sent.message_id))
    await owner.ask(react(ben, sent.message_id, "👍"))

    deleted = await owner.ask(DeleteMessage(user_id=anna, message_id=sent.message_id))
    again = await owner.ask(DeleteMessage(user_id=anna, message_id=sent.message_id))

    assert (deleted.seq, again.seq, again.is_new) == (5, 5, False)
    replayed = await town.replay(thread)
    assert [event.seq for event in replayed] == [1, 2, 3, 4, 5]
    assert replayed[0].payload["text"] is None
    assert replayed[0].payload["deletedAt"] == msgspec.to_builtins(deleted.at)
    assert "secret" not in str(replayed)
    assert await town.db.fetch("select 1 from message_reactions") == []
    [row] = await town.db.fetch("select pinned_message_id from conversations")
    assert row["pinned_message_id"] is None
    with pytest.raises(NotAllowed):
        await owner.ask(edit(anna, sent.message_id))
    with pytest.raises(NotFound):
        await owner.ask(react(ben, sent.message_id, "👍"))


async def test_a_send_is_found_again_after_its_message_was_edited_or_deleted(town, pair):
    anna, _, thread = pair
    key = new_id()
    sent = await town.send(anna, thread, "once", client_message_id=key)
    await town.conversation(thread).ask(edit(anna, sent.message_id, "twice"))

    edited = await town.send(anna, thread, "once", client_message_id=key)
    await town.conversation(thread).ask(DeleteMessage(user_id=anna, message_id=sent.message_id))
    deleted = await town.send(anna, thread, "once", client_message_id=key)

    for retry in (edited, deleted):
        assert (retry.duplicate, retry.seq, retry.message_id) == (True, 1, sent.message_id)


@pytest.mark.parametrize("role", ["moderator", "admin", "super_admin", None])
async def test_moderators_delete_without_taking_part(town, pair, role):
    anna, _, thread = pair
    sent = await town.send(anna, thread)
    stranger = await town.person()
    if role:
        await town.db.execute("update users set role = %s where id = %s", (role, stranger))
    deletion = DeleteMessage(user_id=stranger, message_id=sent.message_id)

    if role is None:
        with pytest.raises(NotAllowed) as refusal:
            await town.conversation(thread).ask(deletion)
        assert refusal.value.error_code == "NOT_PARTICIPANT"
        return
    assert (await town.conversation(thread).ask(deletion)).seq == 2
    [record] = await town.db.fetch("select * from audit_log where category = 'moderation'")
    assert record["actor_id"] == stranger


async def test_a_peer_cannot_delete_but_the_owner_of_a_group_can(town, pair):
    anna, ben, thread = pair
    cleo = await town.person()
    group = await town.group(anna, ben, cleo)
    direct, shared = await town.send(anna, thread), await town.send(ben, group)

    with pytest.raises(NotAllowed):
        await town.conversation(thread).ask(
            DeleteMessage(user_id=ben, message_id=direct.message_id)
        )
    with pytest.raises(NotAllowed):
        await town.conversation(group).ask(
            DeleteMessage(user_id=cleo, message_id=shared.message_id)
        )
    deleted = await town.conversation(group).ask(
        DeleteMessage(user_id=anna, message_id=shared.message_id)
    )

    assert deleted.is_new


async def test_a_new_pin_takes_the_place_of_the_old_one(town, pair):
    anna, ben, thread = pair
    first, second = await town.send(anna, thread), await town.send(ben, thread)
    owner = town.conversation(thread)

    await owner.ask(pin(ben, first.message_id))
    await owner.ask(pin(anna, second.message_id))
    repeated = await owner.ask(pin(anna, second.message_id))
    stale = await owner.ask(pin(anna, first.message_id, is_pinned=False))

    pinned = [e.payload for e in town.events if e.type == "message.pinned"]
    assert [(p["messageId"], p["previousMessageId"]) for p in pinned] == [
        (first.message_id, None),
        (second.message_id, first.message_id),
    ]
    assert not repeated.is_new
    assert not stale.is_new
    [row] = await town.db.fetch("select pinned_message_id from conversations")
    assert row["pinned_message_id"] == second.message_id
    gone = await owner.ask(pin(anna, second.message_id, is_pinned=False))
    assert gone.is_new


async def test_a_message_takes_twenty_different_emoji_and_any_number_of_people(town, pair):
    anna, ben, thread = pair
    sent = await town.send(anna, thread)
    owner = town.conversation(thread)
    emoji = [chr(0x1F600 + number) for number in range(21)]

    for each in emoji[:20]:
        await owner.ask(react(anna, sent.message_id, each))
    shared = await owner.ask(react(ben, sent.message_id, emoji[0]))
    repeated = await owner.ask(react(ben, sent.message_id, emoji[0]))
    with pytest.raises(InvalidRequest) as refusal:
        await owner.ask(react(ben, sent.message_id, emoji[20]))
    await owner.ask(react(anna, sent.message_id, emoji[1], is_added=False))
    await owner.ask(react(ben, sent.message_id, emoji[20]))

    assert refusal.value.error_code == "TOO_MANY_REACTIONS"
    assert (shared.is_new, repeated.is_new, repeated.seq) == (True, False, shared.seq)
    told = [e.payload for e in town.events if e.type == "message.reaction"]
    assert told[20]["count"] == 2
    assert told[21] == told[21] | {"emoji": emoji[1], "action": "removed", "count": 0}


async def test_a_reply_names_a_message_of_the_same_conversation(town, pair):
    anna, ben, thread = pair
    cleo = await town.person()
    elsewhere = await town.send(anna, await town.dm(anna, cleo))
    here = await town.send(anna, thread)

    reply = await town.send(ben, thread, reply_to=here.message_id)
    for wrong in (elsewhere.message_id, new_id()):
        with pytest.raises(InvalidRequest) as refusal:
            await town.send(ben, thread, reply_to=wrong)
        assert refusal.value.error_code == "BAD_REPLY"

    assert reply.seq == 2
    assert (await town.replay(thread))[-1].payload["replyTo"] == here.message_id


async def test_strangers_can_change_nothing(town, pair):
    anna, _, thread = pair
    sent = await town.send(anna, thread)
    stranger = await town.person()

    for message in (
        edit(stranger, sent.message_id),
        pin(stranger, sent.message_id),
        react(stranger, sent.message_id, "👍"),
    ):
        with pytest.raises(BountyExpoError) as refusal:
            await town.conversation(thread).ask(message)
        assert refusal.value.error_code == "NOT_PARTICIPANT"
    assert len(await town.replay(thread)) == 1
