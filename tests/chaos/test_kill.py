"""``kill -9`` at every point of the story: nothing acknowledged is lost, doubled or unbalanced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from bountyexpo.load.books import read
from bountyexpo.load.story.driver import open_story
from bountyexpo.load.story.plots.work import WORK
from bountyexpo.load.story.state import State
from bountyexpo.sandbox.postgres import EmbeddedPostgres

from tests.databases import temporary_folder
from tests.server_process import ServerProcess, left_running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STORY_S = 60.0


@pytest.fixture(scope="module")
def server(initdb: Callable[[Path], Path]) -> Iterator[ServerProcess]:
    """One data folder for all cuts: each restart finds what the earlier stories left behind."""
    with temporary_folder() as folder:
        initdb(folder / "postgres")
        found = ServerProcess(folder)
        yield found
        found.process.kill()
        # Whoever is the last to leave the embedded database stops it.
        books(found)


def books(server: ServerProcess) -> set[int]:
    database = EmbeddedPostgres(server.folder / "postgres")
    try:
        return set(read(database.start()).values())
    finally:
        database.stop()


async def play(server: ServerProcess, state: State, first: int, last: int, codec: str) -> None:
    async with open_story(server.url, state, codec=codec) as story:
        for step in WORK.steps[first:last]:
            await step.run(story)


@pytest.mark.parametrize("cut", range(1, len(WORK.steps)), ids=lambda cut: WORK.steps[cut - 1].name)
async def test_the_story_goes_on_after_a_kill_behind(server: ServerProcess, cut: int) -> None:
    codec = ("json", "msgpack")[cut % 2]
    state = State.new()
    with trio.fail_after(STORY_S):
        async with left_running(server) as nursery:
            await play(server, state, 0, cut, codec)
            written = state.dump()

            await server.kill()
            await server.start(nursery)
            await play(server, State.load(written), cut, len(WORK.steps), codec)

            assert await trio.to_thread.run_sync(books, server) == {0}


async def test_a_story_goes_on_through_a_kill_in_the_middle_of_every_step(
    server: ServerProcess,
) -> None:
    state = State.new()
    with trio.fail_after(STORY_S * 4):
        async with left_running(server) as nursery:
            for index, step in enumerate(WORK.steps):
                codec = ("json", "msgpack")[index % 2]
                async with (
                    open_story(server.url, state, codec=codec) as story,
                    trio.open_nursery() as telling_it,
                ):
                    telling_it.start_soon(step.run, story)
                    # Everybody waits: the step's first request is on its way.
                    await trio.testing.wait_all_tasks_blocked()
                    await server.kill()
                    await server.start(nursery)

            assert await trio.to_thread.run_sync(books, server) == {0}
