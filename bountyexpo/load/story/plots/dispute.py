"""They do not agree about the work: its price is frozen until an administrator has decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.load.story.driver import expect
from bountyexpo.load.story.plot import Plot
from bountyexpo.load.story.step import Step, has, hears_balance, hears_status
from bountyexpo.load.story.steps import BEGINNING, chat, check_ending, check_streams, submit

if TYPE_CHECKING:
    from bountyexpo.load.story.driver import Story

POSTER_CENTS, HUNTER_PART_CENTS = 1_667, 3_333
# Of the hunter's part the platform keeps five percent, half a cent rounded up: $1.67.
HUNTER_CENTS = 3_166


@Step
async def open_dispute(story: Story) -> None:
    """The poster opens a dispute, and the price is frozen."""
    state = story.state
    wish = {
        "bounty_id": state.bounty_id,
        "stage": "review_verify",
        "reason": "One side of the fence is bare.",
    }
    for _ in range(2):  # while one is open, it is the answer
        row = await story.post(state.poster, "/api/disputes", wish)
        told = row.get("status"), row.get("frozen_cents")
        expect(told == ("open", state.price_cents), f"the dispute reads otherwise: {told}")
        expect(state.dispute_id in ("", row["id"]), "a second dispute was opened")
        state.dispute_id = row["id"]
    for person in story.people:
        await story.hears(person, "dispute.updated", has("disputeId", state.dispute_id))
    path = f"/api/completions/{state.completion_id}/approve"
    await story.refused(state.poster, path, {}, status=409)
    await story.balance_is(state.poster, state.left_cents)
    await story.balance_is(state.hunter, 0)


@Step
async def show_evidence(story: Story) -> None:
    """Each side shows something, and says something."""
    state = story.state
    path = f"/api/disputes/{state.dispute_id}"
    shown = (
        (state.poster, "link", "https://example.com/bare-fence"),
        (state.hunter, "text", "That side is the neighbour's."),
    )
    for person, kind, content in shown:
        evidence = {"type": kind, "content": content}
        await story.post(person, f"{path}/evidence", evidence, key=f"evidence {person.role}")
        words = {"comment": f"So says the {person.role}."}
        await story.post(person, f"{path}/comments", words, key=f"comment {person.role}")
    for person in story.people:
        case = await story.get(person, path)
        contents = [row["content"] for row in case["evidence"]]
        expect(contents == [each[2] for each in shown], f"the evidence is {contents}")
        comments = [row["user_id"] for row in case["comments"]]
        expect(
            comments == [each.user_id for each in story.people], f"the comments are by {comments}"
        )


@Step
async def look_at_case(story: Story) -> None:
    """An administrator looks at the case, and at what the facts suggest."""
    path = f"/admin/disputes/{story.state.dispute_id}"
    case = await story.get(story.admin, path)
    advice = case["suggestion"]
    expect(
        advice["hunter_points"] > 0 and advice["poster_points"] > 0 and advice["reasons"],
        f"the suggestion does not count what both have shown: {advice}",
    )


@Step
async def resolve(story: Story) -> None:
    """The administrator shares the price, and it is thawed."""
    state = story.state
    path = f"/admin/disputes/{state.dispute_id}/resolve"
    ruling = {
        "outcome": "split",
        "amountToPosterCents": POSTER_CENTS,
        "amountToHunterCents": HUNTER_PART_CENTS,
        "rationale": "Two of three sides are green.",
    }
    await story.refused(state.hunter, path, ruling, status=403)
    for _ in range(2):  # the second must move no money
        row = await story.post(story.admin, path, ruling)
        told = row.get("status"), row.get("winner")
        expect(told == ("resolved", "split"), f"the decision reads otherwise: {told}")
    for person in story.people:
        await hears_status(story, person, "cancelled")
    await hears_balance(story, state.poster, state.left_cents + POSTER_CENTS)
    await hears_balance(story, state.hunter, HUNTER_CENTS)


@Step
async def check_parts(story: Story) -> None:
    """The books balance: $66.67, $31.66 and a fee of $1.67."""
    state = story.state
    poster_cents = state.left_cents + POSTER_CENTS
    await check_ending(story, "cancelled", poster=poster_cents, hunter=HUNTER_CENTS)
    case = await story.get(state.hunter, f"/api/disputes/{state.dispute_id}")
    told = case["resolution"]
    parts = told["amountToPosterCents"], told["amountToHunterCents"], told["feeCents"]
    wanted = POSTER_CENTS, HUNTER_CENTS, HUNTER_PART_CENTS - HUNTER_CENTS
    expect(parts == wanted, f"the parts should be {wanted}, but are {parts}")


DISPUTE = Plot(
    name="dispute",
    about="the price is frozen until an administrator has decided who gets what",
    steps=(
        *BEGINNING,
        chat,
        submit,
        open_dispute,
        show_evidence,
        look_at_case,
        resolve,
        check_parts,
        check_streams,
    ),
)
