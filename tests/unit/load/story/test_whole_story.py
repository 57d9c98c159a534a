"""The whole story against a marketplace in memory: in one go, cut anywhere, and lied to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from bountyexpo.load.client.rest import Rest
from bountyexpo.load.story.driver import StoryFailed, open_story
from bountyexpo.load.story.plots.work import WORK
from bountyexpo.load.story.state import State

from tests.unit.load.marketplace import Marketplace

if TYPE_CHECKING:
    from tests.unit.load.conftest import ScriptedServer

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


async def tell(
    server: ScriptedServer, market: Marketplace, state: State, *names: str, codec: str = "json"
) -> State:
    """Tell the named steps (all, by default) and return the state as stored and read again."""
    server.scripts = [market.play]
    async with open_story(server.url, state, codec=codec) as story:
        story.rest = Rest(server.url, transport=httpx.MockTransport(market.answer))
        for step in WORK.steps:
            if not names or step.name in names:
                await step.run(story)
    return State.load(state.dump())


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_the_story_passes(server: ScriptedServer, codec: str) -> None:
    state = await tell(server, Marketplace(), State.new(), codec=codec)

    assert state.done == [step.name for step in WORK.steps]


@pytest.mark.parametrize("cut", range(1, len(WORK.steps)), ids=lambda cut: WORK.steps[cut].name)
async def test_the_story_can_be_cut_before_any_step(server: ScriptedServer, cut: int) -> None:
    market, names = Marketplace(), [step.name for step in WORK.steps]

    state = await tell(server, market, State.new(), *names[:cut])
    state = await tell(server, market, state, *names[cut:])

    assert state.done == names


@pytest.mark.parametrize("name", [step.name for step in WORK.steps])
async def test_a_step_can_be_told_twice(server: ScriptedServer, name: str) -> None:
    market, names = Marketplace(), [step.name for step in WORK.steps]
    place = names.index(name)

    state = await tell(server, market, State.new(), *names[: place + 1])
    state = await tell(server, market, state, *names[place:])

    assert state.done == names


async def test_a_lost_message_ends_the_story(server: ScriptedServer) -> None:
    market, names = Marketplace(), [step.name for step in WORK.steps]
    state = await tell(server, market, State.new(), *names[:9])
    del market.streams["conv:c1"][2]

    with pytest.raises(StoryFailed, match="numbered"):
        await tell(server, market, state, "check_streams")


async def test_a_doubled_message_ends_the_story(server: ScriptedServer) -> None:
    market, names = Marketplace(), [step.name for step in WORK.steps]
    state = await tell(server, market, State.new(), *names[:9])
    state.hunter.log.events.append(state.hunter.log.events[-1])

    with pytest.raises(StoryFailed, match="but stored is"):
        await tell(server, market, state, "check_streams")


async def test_what_a_deaf_socket_missed_is_heard_on_the_next(server: ScriptedServer) -> None:
    market, names = Marketplace(), [step.name for step in WORK.steps]
    state = await tell(server, market, State.new(), *names[:7])
    market.is_mute = True
    market.answer(httpx.Request("POST", "http://x/api/bounty-requests/r1/accept"))
    market.is_mute = False

    state = await tell(server, market, state, *names[7:])

    assert state.done == names
