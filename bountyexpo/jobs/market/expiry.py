"""Bounties for which something is due by time, or whose people are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.actors.market.due import Sweep
from bountyexpo.jobs.periodic import Periodic
from bountyexpo.supervisors import Every

if TYPE_CHECKING:
    from bountyexpo.jobs.periodic import JobRun

# An end date is told of soon after; what takes days is looked for by the hour.
EXPIRY_S = 60.0
HOUR_S = 3_600.0


async def tell_expired(run: JobRun) -> None:
    """Tell posters that the end date has passed, and archive what is open long after it."""
    await _sweep(run).expired()


async def tell_quiet(run: JobRun) -> None:
    """Tell people of bounties that nobody moves, and end those that were told of."""
    await _sweep(run).quiet()


async def tell_left(run: JobRun) -> None:
    """Let bounties know that their hunter or their poster has no account any more."""
    await _sweep(run).left()


def _sweep(run: JobRun) -> Sweep:
    needed = run.dependencies
    return Sweep(db=run.db, bounty=run.actors.bounty, policy=needed.policy, now=needed.clock.now())


EXPIRY = Periodic("expiry", Every(EXPIRY_S), tell_expired)
QUIET = Periodic("quiet", Every(HOUR_S), tell_quiet)
LEFT = Periodic("left", Every(HOUR_S), tell_left)
