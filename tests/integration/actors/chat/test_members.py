"""Who takes part: groups, hiding, muting; and who is out hears nothing more (G8)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import trio
from bountyexpo.actors.chat.contacts import OpenGroup
from bountyexpo.actors.chat.conversation_messages import Hide, Mute, Rename, SetRole
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import BountyExpoError, InvalidRequest, NotAllowed, NotFound
from bountyexpo.persistence.chat import conversations


async def test_who_joins_learns_of_the_group_before_anything_in_it(town):
    anna, ben, cleo = await town.people(3)
    group = await town.group(anna, ben, name="Movers")
    await town.send(anna, group)
    town.events.clear()

    joined = await town.add(anna, group, cleo)
    await town.send(ben, group)

    assert [(e.type, cleo in e.users) for e in town.events] == [
        ("conversation.added", True),
        ("participant.joined", True),
        ("message.new", True),
    ]
    added = town.events[0].payload["conversation"]
    assert (added["name"], added["participantIds"]) == ("Movers", sorted([anna, ben, cleo]))
    assert joined.seq == 2
    # What was there before is not unread for who comes later.
    assert await town.unread(cleo) == 1


async def test_who_is_taken_out_while_others_write_gets_nothing_later(town):
    anna, ben, cleo = await town.people(3)
    group = await town.group(anna, ben, cleo)

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(town.send, ben, group)
        nursery.start_soon(town.remove, anna, group, cleo)
        for _ in range(20):
            nursery.start_soon(town.send, anna, group)
    await town.type(ben, group)
    await town.read(anna, group, 100)

    stream = sorted(
        (e for e in town.events if e.stream == f"conv:{group}"), key=lambda event: event.seq
    )
    left = next(e.seq for e in stream if e.type == "participant.left")
    assert all((cleo in e.users) == (e.seq < left) for e in stream)
    assert not any(cleo in users for users, _ in town.frames)
    [removed] = [e for e in town.events if e.type == "conversation.removed"]
    assert (removed.users, removed.payload["reason"]) == ((cleo,), "removed")
    assert await conversations.memberships(town.db, cleo, [group]) == set()
    for attempt in (town.send(cleo, group), town.read(cleo, group, 1), town.type(cleo, group)):
        with pytest.raises(NotAllowed) as refusal:
            await attempt
        assert refusal.value.error_code == "NOT_PARTICIPANT"


async def test_only_leaders_add_and_remove_and_only_the_owner_removes_admins(town):
    anna, ben, cleo, dora = await town.people(4)
    group = await town.group(anna, ben, cleo)
    await town.db.execute(
        "update conversation_participants set role = 'admin' where user_id = %s", (ben,)
    )

    with pytest.raises(NotAllowed):
        await town.add(cleo, group, dora)
    with pytest.raises(NotAllowed):
        await town.remove(cleo, group, ben)
    with pytest.raises(NotAllowed):
        await town.remove(ben, group, anna)
    await town.add(ben, group, dora)
    await town.remove(ben, group, dora)
    await town.remove(anna, group, ben)

    [row] = await town.listed(anna)
    assert row.participants == sorted([anna, cleo])


async def test_only_the_owner_gives_roles_and_may_pass_the_group_on(town):
    anna, ben, cleo = await town.people(3)
    group = await town.group(anna, ben, cleo)

    def set_role(user, member, role):
        message = SetRole(user_id=user, member_id=member, role=role)
        return town.conversation(group).ask(message)

    with pytest.raises(NotAllowed):
        await set_role(ben, cleo, "admin")
    with pytest.raises(InvalidRequest):
        await set_role(anna, anna, "member")
    await set_role(anna, ben, "admin")
    with pytest.raises(NotAllowed):
        await set_role(ben, cleo, "admin")
    repeated = await set_role(anna, ben, "admin")
    await set_role(anna, ben, "owner")

    [row] = await town.listed(cleo)
    roles = {each.id: each.role for each in row.people}
    assert roles == {anna: "admin", ben: "owner", cleo: "member"}
    assert not repeated.is_new
    assert [e.payload["role"] for e in await town.replay(group)] == ["admin", "owner"]


async def test_a_group_whose_owner_leaves_goes_to_an_admin(town):
    anna, ben, cleo = await town.people(3)
    group = await town.group(anna, ben, cleo)
    await town.db.execute(
        "update conversation_participants set role = 'admin' where user_id = %s", (cleo,)
    )

    await town.remove(anna, group, anna)
    await town.remove(cleo, group, ben)

    [row] = await town.listed(cleo)
    assert [(each.id, each.role) for each in row.people] == [(cleo, "owner")]
    assert await town.listed(anna) == []


async def test_a_direct_thread_has_no_leaders_and_no_leaving(town):
    anna, ben, cleo = await town.people(3)
    thread = await town.dm(anna, ben)

    for attempt in (
        town.add(anna, thread, cleo),
        town.remove(anna, thread, ben),
        town.remove(anna, thread, anna),
        town.conversation(thread).ask(Rename(user_id=anna, name="Us", avatar_url=None)),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            await attempt
        assert refusal.value.error_code == "NOT_A_GROUP"


async def test_a_group_has_at_most_fifty_people_who_exist(town):
    anna, *others = await town.people(51)

    with pytest.raises(InvalidRequest) as refusal:
        await town.group(anna, *others)
    with pytest.raises(NotFound):
        await town.group(anna, others[0], new_id())
    group = await town.group(anna, *others[:49])
    with pytest.raises(InvalidRequest):
        await town.add(anna, group, others[49])

    assert refusal.value.error_code == "TOO_MANY_PARTICIPANTS"


async def test_the_same_key_makes_one_group(town):
    anna, ben, cleo = await town.people(3)
    message = OpenGroup(others=(ben, cleo), idempotency_key="k1", request_hash="h")

    first, second = [await town.actors.contacts(anna).ask(message) for _ in range(2)]

    assert (first.created, second.created) == (True, False)
    assert first.conversation.id == second.conversation.id


async def test_a_new_name_is_told_in_the_stream(town):
    anna, ben = await town.people(2)
    group = await town.group(anna, ben)

    renamed = await town.conversation(group).ask(
        Rename(user_id=anna, name="Garden", avatar_url="https://x.example/a.png")
    )
    await town.conversation(group).ask(Rename(user_id=anna, name=None, avatar_url=""))

    assert renamed.seq == 1
    assert [event.payload["avatar"] for event in await town.replay(group)] == [
        "https://x.example/a.png",
        None,
    ]
    [row] = await town.listed(ben)
    assert (row.name, row.avatar_url) == ("Garden", None)


async def test_a_hidden_thread_comes_back_with_the_next_message(town):
    anna, ben = await town.people(2)
    thread = await town.dm(anna, ben)
    sent = await town.send(ben, thread)

    await town.conversation(thread).ask(Hide(user_id=anna))
    hidden, unread = await town.listed(anna), await town.unread(anna)
    # Only messages count: a receipt or a change does not bring it back.
    await town.read(anna, thread, sent.seq, is_durable=True)
    still = await town.listed(anna)
    await town.send(ben, thread)

    assert (hidden, unread, still) == ([], 0, [])
    assert [row.id for row in await town.listed(anna)] == [thread]
    assert [row.id for row in await town.listed(ben)] == [thread]
    assert await town.unread(anna) == 1


async def test_opening_a_hidden_thread_shows_it_again(town):
    anna, ben = await town.people(2)
    thread = await town.dm(anna, ben)
    await town.send(ben, thread)
    await town.conversation(thread).ask(Hide(user_id=anna))

    assert await town.dm(anna, ben) == thread

    assert [row.id for row in await town.listed(anna)] == [thread]
    assert [e.type for e in town.events if e.stream == f"user:{anna}"] == [
        "conversation.added",
        "conversation.removed",
        "conversation.added",
    ]


async def test_a_mute_is_ones_own(town):
    anna, ben = await town.people(2)
    thread = await town.dm(anna, ben)
    until = datetime(2040, 1, 1, tzinfo=UTC)

    await town.conversation(thread).ask(Mute(user_id=anna, until=until))

    [mine], [theirs] = await town.listed(anna), await town.listed(ben)
    assert (mine.muted_until, theirs.muted_until) == (until, None)
    assert town.events[-1].users == (anna,)


async def test_who_comes_back_hears_again(town):
    anna, ben, cleo = await town.people(3)
    group = await town.group(anna, ben, cleo)
    await town.remove(cleo, group, cleo)
    with pytest.raises(BountyExpoError):
        await town.send(cleo, group)

    await town.add(anna, group, cleo)
    await town.send(cleo, group)

    assert cleo in town.events[-1].users
