"""How often one may write and turn to people: the same over both transports (realtime §4.8)."""

from __future__ import annotations

import pytest
from bountyexpo.errors import RateLimited

from tests.integration.actors.chat.edge import Edge

LOAD_TEST = "10.1.2.3"


async def count(attempt, tries):
    """Make up to ``tries`` attempts; returns how many passed, and the refusal, if any."""
    for passed in range(tries):
        try:
            await attempt(passed)
        except RateLimited as refusal:
            return passed, refusal
    return tries, None


@pytest.mark.parametrize("transport", ["rest", "socket"])
async def test_a_conversation_takes_sixty_messages_a_minute_of_each_sender(town, transport):
    anna, ben = await town.people(2)
    thread, other = await town.dm(anna, ben), await town.group(anna, ben)
    edge = Edge(town, transport)

    passed, refusal = await count(lambda _: edge.send(anna, thread), 100)

    # What comes back within those twelve seconds counts too.
    assert 60 <= passed <= 75
    assert type(refusal).retryable
    assert refusal.retry_after_s == 1
    assert (await edge.send(anna, other)).seq == 1
    assert (await edge.send(ben, thread)).seq == passed + 1
    edge.now += refusal.retry_after_s
    assert (await edge.send(anna, thread)).seq == passed + 2


@pytest.mark.parametrize("transport", ["rest", "socket"])
async def test_a_load_test_sends_as_much_as_it_wants(town, transport):
    anna, ben = await town.people(2)
    thread = await town.dm(anna, ben)
    edge = Edge(town, transport)

    passed, _ = await count(lambda _: edge.send(anna, thread, peer=LOAD_TEST), 100)

    assert passed == 100


async def test_one_may_turn_to_twenty_strangers_an_hour(town):
    anna, *others = await town.people(23)
    edge = Edge(town)

    passed, refusal = await count(lambda nth: edge.open(anna, others[nth]), 23)

    assert passed == 20
    assert refusal.status == 429
    # Whom one knows is no stranger, and neither is one's own thread.
    assert (await edge.open(anna, others[0])).existing
    await edge.open(anna, others[0], others[1])
    edge.now += refusal.retry_after_s
    assert not (await edge.open(anna, others[20])).existing


@pytest.mark.parametrize("way", ["group", "group of two", "added"])
async def test_a_group_is_no_way_around_the_limit(town, way):
    anna, friend, *others = await town.people(24)
    await town.dm(anna, friend)
    edge = Edge(town)
    group = await town.group(anna, friend)

    async def meet(nth):
        if way == "group":
            return await edge.open(anna, friend, others[nth])
        if way == "group of two":
            return await edge.open(anna, others[nth], isGroup=True)
        edge.now += 1.0
        return await edge.call(
            anna, "participant.add", conversationId=group, participantIds=[others[nth]]
        )

    assert (await count(meet, 22))[0] == 20


async def test_who_asks_about_a_bounty_is_no_stranger(town):
    anna, *posters = await town.people(23)
    edge = Edge(town)
    bounties = [await town.bounty(poster) for poster in posters]

    own = await town.bounty(anna)

    passed, _ = await count(
        lambda nth: edge.open(anna, posters[nth], bountyId=bounties[nth]), len(posters)
    )
    strangers = await town.people(22)
    invited, _ = await count(lambda nth: edge.open(anna, strangers[nth], bountyId=own), 22)

    assert (passed, invited) == (22, 20)


@pytest.mark.parametrize(("limit", "length"), [(-5, 1), (0, 1), (2, 2), (1000, 100), (None, 50)])
async def test_a_page_of_messages_is_as_long_as_it_may_be(town, limit, length):
    anna, ben = await town.people(2)
    thread = await town.dm(anna, ben)
    for _ in range(101):
        await town.send(ben, thread)
    asked = {} if limit is None else {"limit": limit}

    page = await Edge(town).call(anna, "message.list", conversationId=thread, **asked)

    assert len(page.messages) == page.pagination.limit == length
    assert page.hasMore


@pytest.mark.parametrize(("limit", "length"), [(-5, 1), (0, 1), (2, 2), (1000, 3)])
async def test_a_page_of_conversations_is_as_long_as_it_may_be(town, limit, length):
    anna, *others = await town.people(4)
    for other in others:
        await town.dm(anna, other)

    page = await Edge(town).call(anna, "conversation.list", limit=limit)

    assert len(page.conversations) == length
    assert (page.nextCursor is None) == (length == 3)


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("conversation.typing", {"isTyping": True}),
        ("receipt.read", {"upToSeq": 1}),
        ("receipt.delivered", {"upToSeq": 1}),
    ],
)
async def test_what_passes_by_is_merged_over_a_socket_and_refused_over_http(
    town, operation, fields
):
    anna, ben = await town.people(2)
    thread = await town.dm(anna, ben)
    await town.send(ben, thread)
    passed = {}

    for transport in ("rest", "socket"):
        edge = Edge(town, transport)
        passed[transport], _ = await count(
            lambda _, edge=edge: edge.call(anna, operation, conversationId=thread, **fields), 60
        )

    assert passed == {"rest": 30, "socket": 60}
    # However often one says it, it is told once.
    assert len(town.heard("typing.start")) <= 1
