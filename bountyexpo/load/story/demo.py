"""Stories with visible progress: each step's title, how it went, and its time."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TextIO
from urllib.parse import urlsplit

import httpx
import trio

from bountyexpo.load.client.rest import Rest, ServerAway
from bountyexpo.load.story.driver import StoryFailed, open_story
from bountyexpo.load.story.plots.work import WORK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bountyexpo.load.story.driver import Backstage
    from bountyexpo.load.story.plot import Plot
    from bountyexpo.load.story.state import State

# A server that was started in the same breath may need this long to listen.
START_PATIENCE_S = 5.0

GREEN, RED, BOLD, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[1m", "\x1b[0m"


class Report:
    """Writes one line per step; in colour where a person is likely to look."""

    def __init__(self, out: TextIO | None = None, *, colour: bool | None = None) -> None:
        self._out = out or sys.stdout
        self._colour = self._out.isatty() if colour is None else colour

    def say(self, text: str = "", *, style: str = "") -> None:
        """Write one line."""
        self._out.write(self._styled(style, text) + "\n")
        self._out.flush()

    @asynccontextmanager
    async def step(self, title: str) -> AsyncIterator[None]:
        """Show one step while it runs, then its end and its time."""
        started = trio.current_time()
        if self._colour:
            self._out.write(f"  …  {title}\r")
            self._out.flush()
        try:
            yield
        except Exception:
            self.say(f"  {self._styled(RED, '✗')}  {title}")
            raise
        took_ms = (trio.current_time() - started) * 1000
        self.say(f"  {self._styled(GREEN, '✓')}  {title:<58}{took_ms:>8.0f} ms")

    def _styled(self, style: str, text: str) -> str:
        return f"{style}{text}{PLAIN}" if self._colour and style else text


async def play(
    url: str,
    plot: Plot,
    *,
    codec: str = "json",
    backstage: Backstage | None = None,
    report: Report | None = None,
    state: State | None = None,
) -> State:
    """Play a story against a server, from where ``state`` is; return where it ended.

    Raises:
        StoryFailed: At the first thing that is wrong.
    """
    report = report or Report()
    state = state or plot.begin()
    async with open_story(url, state, codec=codec, backstage=backstage) as story:
        for step in plot.steps:
            if step.name not in state.done:
                async with report.step(step.title):
                    await step.run(story)
    return state


async def demo(
    url: str,
    codec: str = "json",
    plots: Sequence[Plot] = (WORK,),
    *,
    backstage: Backstage | None = None,
    report: Report | None = None,
) -> int:
    """Play stories for people; return the exit code of the program: 1 if any is not as it should.

    A story that ends early does not keep the next ones from being told.
    """
    report = report or Report()
    if urlsplit(url).scheme not in ("http", "https"):
        report.say(f"{url} is no address: give one like http://127.0.0.1:3001", style=RED)
        return 2
    if not await _answers(url):
        report.say(f"No server answers at {url}. Start one with: make serve", style=RED)
        return 1
    code = 0
    for plot in plots:
        report.say(f"{plot.name}: {plot.about}; against {url} over {codec}", style=BOLD)
        started = trio.current_time()
        try:
            await play(url, plot, codec=codec, backstage=backstage, report=report)
        except (StoryFailed, httpx.InvalidURL) as failure:
            report.say(f"\nThe story ends here: {failure}\n", style=RED)
            code = 1
        else:
            took_s = trio.current_time() - started
            report.say(f"\nEverything is as it should be, in {took_s:.1f} s.\n", style=GREEN)
    return code


async def _answers(url: str) -> bool:
    """Tell whether a server is there, or comes up in a moment."""
    rest = Rest(url, patience_s=START_PATIENCE_S)
    try:
        return (await rest.get("/health")).status == httpx.codes.OK
    except (ServerAway, httpx.InvalidURL):
        return False
    finally:
        await rest.aclose()
