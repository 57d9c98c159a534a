"""Applying for a bounty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.actors.market.commit import commit
from bountyexpo.actors.market.step import Command, decide
from bountyexpo.domain.market.application import Status
from bountyexpo.domain.market.bounty import Event
from bountyexpo.persistence.market import requests
from bountyexpo.persistence.users import blocks

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.actors.market.bounty_messages import SubmitApplication
    from bountyexpo.actors.market.rows import Rows
    from bountyexpo.persistence.market.requests import Application


async def apply(
    ports: ActorDependencies, rows: Rows, message: SubmitApplication, now: datetime
) -> tuple[Rows, Application]:
    """Apply as a hunter, for the first time or again."""
    bounty, hunter_id = rows.bounty, message.hunter_id
    command = Command(
        actor_id=hunter_id,
        role=bounty.parties.role_of(hunter_id),
        now=now,
        policy=ports.policy,
        text=message.note,
        proposed_completion_at=message.proposed_completion_at,
    )
    async with ports.db.transaction() as tx:
        await tx.lock(f"apply:{hunter_id}")
        waiting = await requests.count_of(tx, hunter_id, Status.PENDING)
        earlier = await requests.of_hunter(tx, bounty.id, hunter_id)
        step = decide(
            rows.knowing(earlier),
            Event.APPLY,
            command,
            application=earlier,
            has_room=waiting < ports.policy.pending_applications_max,
            is_blocked=bool(await blocks.between(tx, hunter_id, (bounty.poster_id,))),
        )
        rows = await commit(tx, step)
    application = rows.application_of(hunter_id)
    assert application is not None
    return rows, application
