"""Bounties whose hunter is gone or silent: their poster decides (C15 to C18, operations §5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, UnsetType

from bountyexpo.actors.market.due import Sweep
from bountyexpo.domain.market.bounty import Event, Status
from bountyexpo.domain.market.bounty_oversight import UNDER_WAY
from bountyexpo.errors import IllegalTransition
from bountyexpo.operations.catalogue import READ, WRITE, operation
from bountyexpo.operations.idempotency.keeps import Keeps
from bountyexpo.operations.market import old_forms
from bountyexpo.operations.market.bounty.ends import StepDone, take
from bountyexpo.operations.market.bounty_views import BountyById, BountyView, bounty_view
from bountyexpo.operations.routes import Alias
from bountyexpo.persistence.market import bounties

if TYPE_CHECKING:
    from bountyexpo.actors.market.due import Told
    from bountyexpo.operations.call import Call


class StaleBounties(msgspec.Struct, kw_only=True):
    """The caller's stale bounties, the latest first; at most 200."""

    success: bool
    bounties: list[BountyView]
    count: int


class ExpiryView(msgspec.Struct, kw_only=True):
    """How many bounties were told that something is due for them, and how that went."""

    processed: int
    succeeded: int | UnsetType = UNSET
    failed: int | UnsetType = UNSET
    message: str | UnsetType = UNSET


@operation(
    "stale.list", http="GET /api/stale-bounties", rate=READ, aliases=("GET /stale-bounties",)
)
async def list_stale(call: Call) -> StaleBounties:
    """List the caller's bounties whose hunter is gone, or about which both sides are silent."""
    found = await bounties.stale(call.services.db, call.user_id, UNDER_WAY)
    views = [bounty_view(row, call.user_id) for row in found]
    return StaleBounties(success=True, bounties=views, count=len(views))


@operation(
    "stale.cancel",
    http="POST /api/stale-bounties/{bounty_id}/cancel",
    rate=WRITE,
    aliases=(Alias("POST /stale-bounties/{bounty_id}/cancel", refusal=old_forms.refused_with_400),),
)
async def cancel_stale(call: Call, request: BountyById) -> StepDone:
    """Cancel a stale bounty; all of its price goes back to the poster."""
    await take(call, request.bounty_id, Event.STALE_CANCEL)
    return StepDone(success=True, message="The bounty is cancelled, and its price is yours again.")


@operation(
    "stale.repost",
    http="POST /api/stale-bounties/{bounty_id}/repost",
    rate=WRITE,
    aliases=(Alias("POST /stale-bounties/{bounty_id}/repost", refusal=old_forms.refused_with_400),),
)
async def repost_stale(call: Call, request: BountyById) -> StepDone:
    """Open a stale bounty to other hunters; its price stays locked."""
    try:
        await take(call, request.bounty_id, Event.STALE_REPOST)
    except IllegalTransition as refusal:
        # The first attempt with this key has opened it, and its reply was lost.
        if not call.is_repeat or refusal.fields["currentStatus"] != Status.OPEN:
            raise
    return StepDone(success=True, message="The bounty is open for other hunters again.")


@operation("bounty.expire", http="POST /expire-bounties", rate=WRITE, keeps=Keeps.NOTHING)
async def expire_bounties(call: Call) -> ExpiryView:
    """Tell posters now of end dates that have passed; for our own services.

    The service does so by itself each minute.
    """
    return _told(await _sweep(call).expired())


@operation("stale.find", http="POST /admin/stale-bounties/find", rate=WRITE, keeps=Keeps.NOTHING)
async def find_stale(call: Call) -> ExpiryView:
    """Look now for bounties whose hunter or poster has no account any more.

    The service does so by itself each hour.
    """
    return _told(await _sweep(call).left())


def _sweep(call: Call) -> Sweep:
    services = call.services
    return Sweep(
        db=services.db,
        bounty=services.actors.bounty,
        policy=services.policy,
        now=services.clock.now(),
    )


def _told(told: Told) -> ExpiryView:
    if not told.processed:
        return ExpiryView(processed=0, message="There is nothing to tell of.")
    return ExpiryView(**told._asdict())
