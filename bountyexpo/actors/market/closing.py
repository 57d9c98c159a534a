"""Closing the applications that a decision has left, because there are too many for one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.actors.market.effects import applications
from bountyexpo.actors.market.effects.tables import carry_out
from bountyexpo.actors.market.step import Change, Command
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.bounty import Status
from bountyexpo.persistence.market import bounty_writes

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.actors.market.rows import Rows


async def close_some(ports: ActorDependencies, rows: Rows, now: datetime) -> tuple[Rows, bool]:
    """Close some, and tell whether others are left to be closed.

    Where the bounty is open again, whoever is left goes on waiting.
    """
    if rows.bounty.status is Status.OPEN:
        return rows, False
    command = Command(actor_id=None, role=Role.SYSTEM, now=now, policy=ports.policy)
    change = Change(command=command, before=rows.draft(), after=rows.draft())
    async with ports.db.transaction() as tx:
        await bounty_writes.lock(tx, rows.bounty)
        for step in await applications.close_some(tx, change):
            await carry_out(tx, step)
    return change.after, change.after.has_waiting_applications
