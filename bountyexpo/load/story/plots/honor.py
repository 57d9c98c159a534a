"""The work is for honor: nobody pays, and no wallet moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.load.story.plot import Plot
from bountyexpo.load.story.step import Step
from bountyexpo.load.story.steps import (
    MEETING,
    accept,
    apply,
    approve,
    chat,
    check_ending,
    check_streams,
    create_bounty,
    get_ready,
    rate,
    submit,
)

if TYPE_CHECKING:
    from bountyexpo.load.story.driver import Story


@Step
async def check_nothing_moved(story: Story) -> None:
    """The work is completed, and both wallets are empty."""
    await check_ending(story, "completed", poster=0, hunter=0)


HONOR = Plot(
    name="honor",
    about="the work is done without money, and both rate",
    steps=(
        *MEETING,
        create_bounty,
        apply,
        accept,
        chat,
        get_ready,
        submit,
        approve,
        rate,
        check_nothing_moved,
        check_streams,
    ),
    price_cents=0,
)
