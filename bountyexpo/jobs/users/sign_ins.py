"""Forgetting sign-ins that are over, and places where people have not been for long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.jobs.periodic import Periodic
from bountyexpo.persistence.users import places, standing
from bountyexpo.supervisors import Cron

if TYPE_CHECKING:
    from bountyexpo.jobs.periodic import JobRun

# Once an hour, at this time.
AT: Final = "17 * * * *"


async def forget(run: JobRun) -> None:
    """Delete what is old enough."""
    async with run.transaction() as tx:
        await standing.prune(tx)
    async with run.transaction() as tx:
        await places.prune(tx)


SIGN_INS = Periodic("sign_ins", Cron(AT), forget)
