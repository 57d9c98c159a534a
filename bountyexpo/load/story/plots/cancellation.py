"""Both agree to cancel, and share the price: the poster gets back a third, the hunter the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.load.story.driver import expect
from bountyexpo.load.story.plot import Plot
from bountyexpo.load.story.step import Step, hears_balance, hears_status
from bountyexpo.load.story.steps import BEGINNING, chat, check_ending, check_streams

if TYPE_CHECKING:
    from bountyexpo.load.story.driver import Story

REFUND_PERCENTAGE = 33
REFUND_CENTS = 1_650
# Of the other $33.50 the platform keeps five percent, half a cent rounded up: $1.68.
HUNTER_CENTS = 3_182


@Step
async def ask_to_cancel(story: Story) -> None:
    """The hunter asks to cancel, and offers a third of the price."""
    state = story.state
    wish = {
        "reason": "It will rain all week.",
        "reason_category": "timeline_issue",
        "refund_percentage": REFUND_PERCENTAGE,
    }
    for _ in range(2):  # the second is what an impatient app does
        path = f"/api/bounties/{state.bounty_id}/cancellations"
        row = await story.post(state.hunter, path, wish)
        told = row.get("status"), row.get("requesterType"), row.get("refund_cents")
        expect(told == ("pending", "hunter", REFUND_CENTS), f"the wish reads otherwise: {told}")
        expect(
            state.cancellation_id in ("", row["id"]), "asking a second time made a second request"
        )
        state.cancellation_id = row["id"]
    for person in story.people:
        await hears_status(story, person, "cancellation_requested")
    await story.balance_is(state.poster, state.left_cents)


@Step
async def agree(story: Story) -> None:
    """The poster agrees, and each gets a part of the price."""
    state = story.state
    path = f"/api/cancellations/{state.cancellation_id}/accept"
    for _ in range(2):  # the second must move no money
        row = await story.post(state.poster, path, {"response_message": "So be it."})
        told = row.get("status"), row.get("refund_cents")
        expect(told == ("accepted", REFUND_CENTS), f"agreeing answered {told}")
    for person in story.people:
        await hears_status(story, person, "cancelled")
    await hears_balance(story, state.poster, state.left_cents + REFUND_CENTS)
    await hears_balance(story, state.hunter, HUNTER_CENTS)


@Step
async def check_parts(story: Story) -> None:
    """The books balance: $66.50, $31.82 and a fee of $1.68."""
    state = story.state
    poster_cents = state.left_cents + REFUND_CENTS
    await check_ending(story, "cancelled", poster=poster_cents, hunter=HUNTER_CENTS)
    work = {"bounty_id": state.bounty_id, "message": "Done all the same."}
    await story.refused(state.hunter, "/api/completions", work, status=409)


CANCELLATION = Plot(
    name="cancellation",
    about="both agree to cancel, and share the price",
    steps=(*BEGINNING, chat, ask_to_cancel, agree, check_parts, check_streams),
)
