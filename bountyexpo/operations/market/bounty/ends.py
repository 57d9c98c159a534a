"""How bounties are put away: archived, deleted, hidden (contract rest-core §2.3, C6, C11, C19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bountyexpo.actors.market.bounty_messages import TakeStep
from bountyexpo.domain.market.bounty import Event
from bountyexpo.operations.catalogue import WRITE, operation
from bountyexpo.operations.market.bounty_views import BountyById, BountyView, bounty_view
from bountyexpo.operations.require import parse_id
from bountyexpo.persistence.market import bounties

if TYPE_CHECKING:
    from bountyexpo.actors.market.bounty_messages import StepTaken
    from bountyexpo.operations.call import Call


class TransitionView(msgspec.Struct, kw_only=True):
    """A bounty with the step that it has taken."""

    success: bool
    bounty: BountyView
    transition: str
    previousStatus: str
    newStatus: str


class StepDone(msgspec.Struct, kw_only=True):
    """It is done."""

    success: bool
    message: str


@operation(
    "bounty.archive",
    http="POST /api/bounties/{bounty_id}/archive",
    rate=WRITE,
    aliases=("POST /bounties/{bounty_id}/archive",),
)
async def archive_bounty(call: Call, request: BountyById) -> TransitionView:
    """Put a bounty away: an open one, whose price goes back, or one that has ended."""
    taken = await take(call, request.bounty_id, Event.ARCHIVE)
    return await transition_view(call, taken, "archive")


@operation(
    "bounty.delete",
    http="DELETE /api/bounties/{bounty_id}",
    rate=WRITE,
    aliases=("DELETE /bounties/{bounty_id}",),
)
async def delete_bounty(call: Call, request: BountyById) -> StepDone:
    """Delete a bounty: an open one, whose price goes back, or one that has ended.

    Its parties still find it in their history.
    """
    await take(call, request.bounty_id, Event.DELETE)
    return StepDone(success=True, message="The bounty was deleted.")


@operation("bounty.hide", http="POST /api/bounties/{bounty_id}/hide", rate=WRITE)
async def hide_bounty(call: Call, request: BountyById) -> StepDone:
    """Put a bounty out of the caller's own lists; the other side sees it as before."""
    await take(call, request.bounty_id, Event.HIDE)
    return StepDone(success=True, message="You do not see this bounty in your lists any more.")


@operation("bounty.unhide", http="DELETE /api/bounties/{bounty_id}/hide", rate=WRITE)
async def unhide_bounty(call: Call, request: BountyById) -> StepDone:
    """Put a bounty back into the caller's own lists."""
    await take(call, request.bounty_id, Event.UNHIDE)
    return StepDone(success=True, message="You see this bounty in your lists again.")


async def take(call: Call, bounty_id: str, event: Event) -> StepTaken:
    """Let the caller take a step that needs no words."""
    owner = call.services.actors.bounty(parse_id(bounty_id, "bounty"))
    return await owner.ask(TakeStep(event=event, actor_id=call.user_id))


async def transition_view(call: Call, taken: StepTaken, transition: str) -> TransitionView:
    """Return what clients read of a step (rest-core §3.4); of a repeated one, of the first."""
    bounty, previous = taken.bounty, taken.previous
    if not taken.is_move:
        previous = await bounties.came_from(call.services.db, bounty.id) or previous
    return TransitionView(
        success=True,
        bounty=bounty_view(bounty, call.user_id),
        transition=transition,
        previousStatus=previous.value,
        newStatus=bounty.status.value,
    )
