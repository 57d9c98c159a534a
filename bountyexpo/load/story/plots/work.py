"""The story of one bounty, from two strangers to a paid job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.load.story.plot import Plot
from bountyexpo.load.story.state import FEE_CENTS
from bountyexpo.load.story.step import Step
from bountyexpo.load.story.steps import (
    BEGINNING,
    approve,
    chat,
    check_ending,
    check_streams,
    submit,
)

if TYPE_CHECKING:
    from bountyexpo.load.story.driver import Story


@Step
async def check_books(story: Story) -> None:
    """The books balance: $47.50, $50.00 and a fee of $2.50."""
    state = story.state
    earned_cents = state.price_cents - FEE_CENTS
    await check_ending(story, "completed", poster=state.left_cents, hunter=earned_cents)


WORK = Plot(
    name="work",
    about="a bounty is posted, done, approved and paid",
    steps=(*BEGINNING, chat, submit, approve, check_books, check_streams),
)
