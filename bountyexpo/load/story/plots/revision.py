"""The work is not right at first: changes are requested, and it is handed in again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.load.story.driver import expect
from bountyexpo.load.story.plot import Plot
from bountyexpo.load.story.plots.work import check_books
from bountyexpo.load.story.step import Step
from bountyexpo.load.story.steps import (
    BEGINNING,
    approve,
    chat,
    check_streams,
    get_ready,
    hand_in,
    rate,
    submit,
)

if TYPE_CHECKING:
    from bountyexpo.load.story.driver import Story

FEEDBACK = "The gate is still brown."


@Step
async def request_changes(story: Story) -> None:
    """The poster requests changes, and the hunter reads which."""
    state = story.state
    path = f"/api/completions/{state.completion_id}/request-revision"
    for _ in range(2):  # the second must change nothing
        row = await story.post(state.poster, path, {"feedback": FEEDBACK})
        expect(row.get("status") == "revision_requested", f"no changes were requested: {row}")
    await story.hears(
        state.hunter,
        "completion.reviewed",
        lambda event: event.get("status") == "revision_requested",
    )
    read = await story.get(state.hunter, f"/api/completions/{state.bounty_id}")
    told = read.get("id"), read.get("poster_feedback")
    expect(told == (state.completion_id, FEEDBACK), f"the hunter reads otherwise: {told}")


@Step
async def resubmit(story: Story) -> None:
    """The hunter submits again."""
    state = story.state
    await hand_in(story, "Done: the gate is green, too.", key="completion again")
    read = await story.get(state.poster, f"/api/completions/{state.bounty_id}")
    told = read.get("id"), read.get("revision_count")
    expect(told == (state.completion_id, 1), f"the poster reads otherwise: {told}")


REVISION = Plot(
    name="revision",
    about="changes are requested before the work is approved, and both rate",
    steps=(
        *BEGINNING,
        chat,
        get_ready,
        submit,
        request_changes,
        resubmit,
        approve,
        rate,
        check_books,
        check_streams,
    ),
)
