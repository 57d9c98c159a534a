"""Forgetting events of reactions, which come and go in any number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.jobs.periodic import Periodic
from bountyexpo.jobs.prune import in_parts
from bountyexpo.persistence.chat import message_changes
from bountyexpo.supervisors import Cron

if TYPE_CHECKING:
    from bountyexpo.jobs.periodic import JobRun

# Once an hour, at this time.
AT = "27 * * * *"


async def forget_reactions(run: JobRun) -> None:
    """Delete the events of reactions that are old, or behind many others."""
    await in_parts(run, message_changes.prune_reactions)


REACTIONS = Periodic("reactions", Cron(AT), forget_reactions)
