"""The whole product at a rate: each story is two new people, a deposit, a bounty, and its end.

They are stories that ``bountyexpo demo`` plays, with all of their checks, so one is heavy: tens a
second at most. Where a story deviates, a promise was broken.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from typing import TYPE_CHECKING

import trio

from bountyexpo.load.schedule import Schedule
from bountyexpo.load.story.driver import Backstage, StoryFailed, open_story
from bountyexpo.load.story.plots.cancellation import CANCELLATION
from bountyexpo.load.story.plots.dispute import DISPUTE
from bountyexpo.load.story.plots.revision import REVISION
from bountyexpo.load.story.steps import come_back, register, sign_in

if TYPE_CHECKING:
    from bountyexpo.load.plan import Plan
    from bountyexpo.load.report.stats import Stats
    from bountyexpo.load.story.plot import Plot
    from bountyexpo.load.story.state import State
    from bountyexpo.load.story.step import Step

TICK_S = 0.1
# In turn: of ten bounties one is cancelled and one disputed, if there is somebody to judge.
LIVES = (REVISION, CANCELLATION, DISPUTE, *(REVISION,) * 7)


class StoryScenario:
    """Measures each story and each of its steps. Rate 0: ``connections`` at a time, for ever."""

    def __init__(self, plan: Plan, stats: Stats) -> None:
        self.plan = plan
        self.stats = stats
        self._started = 0.0
        self._ended: Counter[str] = Counter()
        self._tokens = iter(plan.tokens)
        self._backstage = Backstage(admin_token=plan.admin_token)
        lives = [plot for plot in LIVES if plot is not DISPUTE or plan.admin_token is not None]
        self._plots = itertools.cycle(lives)

    def prepare(self) -> None:
        """There is nothing to get ready: each story is of people of its own."""

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
        """Return how many ended well, and of which kind."""
        return {f"ended: {name}": number for name, number in sorted(self._ended.items())}

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
        plot = next(self._plots)
        state, steps = self._begin(plot)
        self.stats.count("sent")
        try:
            async with open_story(
                self.plan.url, state, codec=self.plan.codec, backstage=self._backstage
            ) as story:
                for step in steps:
                    began = time.monotonic()
                    await step.run(story)
                    self.stats.record(f"story: {step.name}", time.monotonic() - began)
        except StoryFailed as failure:
            done = len(state.done)
            self.stats.fault(f"{plot.name} {state.key} after {done} steps: {failure}")
        else:
            self._ended[plot.name] += 1
            self.stats.record("story", time.monotonic() - due)

    def _begin(self, plot: Plot) -> tuple[State, list[Step]]:
        """Return a new story, and its steps; who has a token need not register."""
        state = plot.begin()
        tokens = list(itertools.islice(self._tokens, 2))
        if len(tokens) < 2:
            return state, list(plot.steps)
        state.poster.token, state.hunter.token = tokens
        later = [step for step in plot.steps if step not in (register, sign_in)]
        return state, [come_back, *later]

    async def _tick(self) -> None:
        while True:
            await trio.sleep(TICK_S)
            self.stats.tick(time.monotonic())
