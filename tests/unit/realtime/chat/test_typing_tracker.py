"""Typing ends with the socket on which somebody typed."""

from __future__ import annotations

from functools import partial

import pytest
import trio
from bountyexpo.realtime.chat.typing_tracker import CONVERSATIONS_MAX

from tests.unit.ws.session.session_fakes import World, declare_operations


@pytest.fixture
async def world():
    async with World() as world:
        declare_operations(world)
        world.database.members["c"] = {"anna", "ben"}
        yield world


async def types(socket, where="c", *, is_typing=True):
    socket.say(type="typing", id="t", conversationId=where, isTyping=is_typing)
    await socket.reply_to("t")
    socket.raw.clear()


async def test_the_end_of_a_socket_ends_its_typing(autojump_clock, world):
    anna = await world.open("anna")
    await types(anna)
    await types(anna, "d")

    anna.close(1006)

    assert world.stopped == [("anna", "c"), ("anna", "d")]
    assert not world.typing


async def test_who_typed_long_ago_or_said_to_have_stopped_is_not_stopped_again(
    autojump_clock, world
):
    anna = await world.open("anna")
    await types(anna)
    await types(anna, "d")
    await types(anna, "d", is_typing=False)
    await trio.sleep(6)

    anna.close(1000)

    assert world.stopped == []
    assert not world.typing


async def test_another_device_that_types_there_goes_on(autojump_clock, world):
    phone, tablet = await world.open("anna"), await world.open("anna")
    await types(phone)
    await types(tablet)

    phone.close(1006)
    before = list(world.stopped)
    tablet.close(1006)

    assert before == []
    assert world.stopped == [("anna", "c")]


async def test_an_idle_device_keeps_nobody_typing(autojump_clock, world):
    phone, _ = await world.open("anna"), await world.open("anna")
    await types(phone)

    phone.close(1006)

    assert world.stopped == [("anna", "c")]


async def test_a_socket_that_waits_for_its_client_types_no_more(autojump_clock, world):
    anna = await world.open("anna", caps=["resume"])
    await types(anna)

    anna.close(1006)

    assert world.resumable.waiting == 1
    assert world.stopped == [("anna", "c")]


async def test_an_old_socket_ends_its_typing_too(autojump_clock, world):
    anna = world.connect(path="/messages/subscribe", query={"token": "anna"})
    await anna.until(lambda: "connected" in anna.types())
    anna.say(type="typing", conversationId="c", isTyping=True)
    await trio.sleep(0.1)

    anna.close(1000)

    assert world.stopped == [("anna", "c")]


async def test_a_socket_that_closes_while_it_says_so_is_stopped_after_all(autojump_clock, world):
    anna = await world.open("anna")
    world.pause = partial(trio.sleep, 1)
    anna.say(type="typing", conversationId="c", isTyping=True)
    await trio.sleep(0.5)

    anna.close(1006)
    await trio.sleep(1)

    assert world.stopped == [("anna", "c")]
    assert not world.typing


async def test_what_was_refused_is_not_typing(autojump_clock, world):
    anna = await world.open("anna")
    await types(anna, "foreign")

    anna.close(1000)

    assert world.stopped == []


async def test_one_socket_is_remembered_in_a_few_conversations_only(autojump_clock, world):
    anna = await world.open("anna")
    for number in range(CONVERSATIONS_MAX + 2):
        await types(anna, f"c{number}")

    anna.close(1000)

    assert len(world.stopped) == CONVERSATIONS_MAX
