"""A block stands between two people in both directions, at once."""

from __future__ import annotations

import pytest
from bountyexpo.actors.chat.contacts import OpenConversation, SetBlock
from bountyexpo.actors.chat.conversation_messages import EditMessage, React
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import InvalidRequest, NotAllowed, NotFound


@pytest.fixture
async def pair(town):
    anna, ben = await town.people(2)
    return anna, ben, await town.dm(anna, ben)


async def blocked(coroutine):
    with pytest.raises(NotAllowed) as refusal:
        await coroutine
    assert refusal.value.error_code == "BLOCKED"


async def test_neither_side_can_write_until_the_block_is_gone(town, pair):
    anna, ben, thread = pair
    sent = await town.send(ben, thread)

    await town.block(anna, ben)
    await blocked(town.send(ben, thread))
    await blocked(town.send(anna, thread))
    owner = town.conversation(thread)
    await blocked(owner.ask(EditMessage(user_id=ben, message_id=sent.message_id, text="x")))
    await blocked(
        owner.ask(React(user_id=ben, message_id=sent.message_id, emoji="👍", is_added=True))
    )
    await town.block(anna, ben, is_blocked=False)

    assert (await town.send(ben, thread)).seq == 2


async def test_a_block_of_another_node_is_seen_by_the_next_send(town, pair):
    anna, ben, thread = pair
    await town.send(ben, thread)

    # The owner is not told, as if it lived elsewhere: the version of the conversation tells it.
    await town.actors.contacts(anna).ask(SetBlock(other_id=ben, is_blocked=True))

    await blocked(town.send(ben, thread))


async def test_no_conversation_can_be_opened_across_a_block(town, pair):
    anna, ben, _ = pair
    cleo = await town.person()
    await town.block(ben, anna)

    await blocked(town.actors.contacts(anna).ask(OpenConversation(other_id=ben)))
    await blocked(town.actors.contacts(ben).ask(OpenConversation(other_id=anna)))
    await blocked(town.group(anna, ben, cleo))
    group = await town.group(anna, cleo)
    await blocked(town.add(anna, group, ben))


async def test_the_blocked_see_neither_typing_nor_receipts(town, pair):
    anna, ben, thread = pair
    cleo = await town.person()
    group = await town.group(cleo, anna, ben)
    for each in (thread, group):
        await town.send(ben, each) if each is thread else await town.send(cleo, each)
    await town.block(anna, ben)

    await town.type(anna, thread)
    await town.type(anna, group)
    await town.read(anna, thread, 1)
    await town.read(anna, group, 1)

    audience = {
        (frame["type"], frame["conversationId"]): set(users)
        for users, frame in town.frames
        if frame["type"] != "unread"
    }
    assert audience == {
        ("typing.start", thread): set(),
        ("typing.start", group): {cleo},
        ("message.read", thread): {anna},
        ("message.read", group): {anna, cleo},
    }
    assert set(await town.markers(ben, thread)) == {ben}
    assert set(await town.markers(ben, group)) == {ben, cleo}


async def test_a_group_goes_on_around_a_block(town, pair):
    anna, ben, _ = pair
    cleo = await town.person()
    group = await town.group(cleo, anna, ben)

    await town.block(anna, ben)

    assert (await town.send(ben, group)).seq == 1


@pytest.mark.parametrize(("status", "is_open"), [("in_progress", True), ("completed", False)])
async def test_the_thread_of_a_bounty_is_open_while_it_runs(town, pair, status, is_open):
    anna, ben, _ = pair
    bounty_id = new_id()
    await town.db.execute(
        """insert into bounties (id, poster_id, hunter_id, title, description, amount_cents,
                                 platform_fee_bps, policy_version, is_for_honor, status)
           values (%s, %s, %s, 'A title', 'A description', 0, 0, 1, true, %s)""",
        (bounty_id, anna, ben, status),
    )
    opened = await town.actors.contacts(ben).ask(
        OpenConversation(other_id=anna, bounty_id=bounty_id)
    )
    thread = opened.conversation.id

    await town.block(anna, ben)

    if is_open:
        assert (await town.send(ben, thread)).seq == 1
    else:
        await blocked(town.send(ben, thread))


async def test_a_bounty_thread_needs_its_poster(town, pair):
    anna, ben, _ = pair
    poster = await town.person()
    bounty_id = new_id()
    await town.db.execute(
        """insert into bounties (id, poster_id, title, description, amount_cents,
                                 platform_fee_bps, policy_version, is_for_honor)
           values (%s, %s, 'A title', 'A description', 0, 0, 1, true)""",
        (bounty_id, poster),
    )

    with pytest.raises(NotAllowed):
        await town.actors.contacts(ben).ask(OpenConversation(other_id=anna, bounty_id=bounty_id))
    with pytest.raises(NotFound):
        await town.actors.contacts(ben).ask(OpenConversation(other_id=poster, bounty_id=new_id()))


async def test_a_block_is_of_somebody_else_who_exists_and_only_once(town, pair):
    anna, ben, _ = pair

    with pytest.raises(InvalidRequest):
        await town.block(anna, anna)
    with pytest.raises(NotFound):
        await town.block(anna, new_id())
    first, second = [
        await town.actors.contacts(anna).ask(SetBlock(other_id=ben, is_blocked=True)) for _ in "ab"
    ]

    assert (first.is_new, second.is_new) == (True, False)
