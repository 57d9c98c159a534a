"""The whole product at a rate: each story is two new people, a deposit, a bounty, and its end.

It is played by the story that ``bountyexpo demo`` plays, with all of its checks, so one is heavy:
tens a second at most. Where a story deviates, a promise was broken.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import trio

from bountyexpo.load.schedule import Schedule
from bountyexpo.load.story.driver import StoryFailed, open_story
from bountyexpo.load.story.plots.work import WORK
from bountyexpo.load.story.state import State

if TYPE_CHECKING:
    from bountyexpo.load.plan import Plan
    from bountyexpo.load.report.stats import Stats

TICK_S = 0.1


class StoryScenario:
    """Measures each story and each of its steps. Rate 0: ``connections`` at a time, for ever."""

    def __init__(self, plan: Plan, stats: Stats) -> None:
        self.plan = plan
        self.stats = stats
        self._started = 0.0
        self._done = 0

    def prepare(self) -> None:
        """There is nothing to get ready: every story makes its own people."""

    def wait(self, seconds: float) -> None:
        """Wait for the other workers."""
        time.sleep(seconds)

    def run(self, started: float) -> None:
        """Begin the stories when they are due, and wait for their ends."""
        self._started = started
        trio.run(self._play_all)

    def finish(self) -> None:
        """All have ended."""

    def facts(self) -> dict[str, float]:
        """Return how many ended well."""
        return {"stories": self._done}

    async def _play_all(self) -> None:
        plan = self.plan
        async with trio.open_nursery() as ticking:
            ticking.start_soon(self._tick)
            async with trio.open_nursery() as stories:
                if plan.rate:
                    for due_s in Schedule(plan.rate, plan.duration_s, plan.ramp_s):
                        await trio.sleep(max(0.0, self._started + due_s - time.monotonic()))
                        stories.start_soon(self._play, self._started + due_s)
                else:
                    for _ in range(plan.connections):
                        stories.start_soon(self._play_on)
            ticking.cancel_scope.cancel()

    async def _play_on(self) -> None:
        while time.monotonic() < self._started + self.plan.duration_s:
            await self._play(time.monotonic())

    async def _play(self, due: float) -> None:
        state = State.new()
        self.stats.count("sent")
        try:
            async with open_story(self.plan.url, state, codec=self.plan.codec) as story:
                for step in WORK.steps:
                    began = time.monotonic()
                    await step.run(story)
                    self.stats.record(f"story: {step.name}", time.monotonic() - began)
        except StoryFailed as failure:
            self.stats.fault(f"story {state.key} after {len(state.done)} steps: {failure}")
        else:
            self._done += 1
            self.stats.record("story", time.monotonic() - due)

    async def _tick(self) -> None:
        while True:
            await trio.sleep(TICK_S)
            self.stats.tick(time.monotonic())
