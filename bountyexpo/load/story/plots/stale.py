"""The hunter is gone: the bounty waits for its poster, who offers it to others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.load.story.driver import expect
from bountyexpo.load.story.plot import Plot
from bountyexpo.load.story.step import Step, hears_balance, hears_status
from bountyexpo.load.story.steps import BEGINNING

if TYPE_CHECKING:
    from bountyexpo.load.story.driver import Story


@Step
async def check_nothing_is_stale(story: Story) -> None:
    """While the hunter is there, nothing is stale."""
    state = story.state
    listed = await story.get(state.poster, "/api/stale-bounties")
    expect(listed["count"] == 0, f"somebody is missing: {listed}")
    path = f"/api/stale-bounties/{state.bounty_id}/repost"
    await story.refused(state.poster, path, None, status=409)


@Step
async def leave(story: Story) -> None:
    """The hunter closes the account, and the bounty is stale."""
    state = story.state
    await story.outside(f"/sandbox/people/{state.hunter.user_id}/leave")
    await story.post(story.admin, "/admin/stale-bounties/find")
    await story.hears(
        state.poster,
        "bounty.updated",
        lambda event: (event.get("bountyId"), event.get("isStale")) == (state.bounty_id, True),
    )
    listed = await story.get(state.poster, "/api/stale-bounties")
    told = [(row["id"], row["is_stale"], row["stale_reason"]) for row in listed["bounties"]]
    expect(told == [(state.bounty_id, True, "hunter_deleted")], f"the list of stale ones is {told}")


@Step
async def repost(story: Story) -> None:
    """The poster offers it to others, and the price stays held."""
    state = story.state
    path = f"/api/stale-bounties/{state.bounty_id}/repost"
    told = await story.post(state.poster, path, key="repost")
    expect(told.get("success"), f"the bounty was not offered again: {told}")
    await hears_status(story, state.poster, "open")
    row = await story.get(state.poster, f"/api/bounties/{state.bounty_id}")
    read = row.get("status"), row.get("is_stale"), row.get("hunter_id")
    expect(read == ("open", False, None), f"the bounty reads otherwise: {read}")
    listed = await story.get(state.poster, "/api/stale-bounties")
    expect(listed["count"] == 0, f"it is still listed as stale: {listed}")
    await story.balance_is(state.poster, state.left_cents)


@Step
async def give_up(story: Story) -> None:
    """Nobody wants it, and the poster gets back the whole price."""
    state = story.state
    path = f"/api/bounties/{state.bounty_id}/cancellations"
    row = await story.post(state.poster, path, {"reason": "Nobody wants it."})
    told = row.get("status"), row.get("refund_cents")
    expect(told == ("accepted", state.price_cents), f"the cancellation reads otherwise: {told}")
    await hears_status(story, state.poster, "cancelled")
    await hears_balance(story, state.poster, state.deposit_cents)
    await story.balance_is(state.poster, state.deposit_cents)


STALE = Plot(
    name="stale",
    about="the hunter is gone, and the poster offers the bounty to others",
    steps=(*BEGINNING, check_nothing_is_stale, leave, repost, give_up),
)
