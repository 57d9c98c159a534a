"""Applying for a bounty."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bountyexpo.actors.market.commit import commit
from bountyexpo.actors.market.step import Command, decide
from bountyexpo.domain.market.application import Status
from bountyexpo.domain.market.bounty import Event
from bountyexpo.persistence.market import requests
from bountyexpo.persistence.users import blocks, users

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.actors.market.bounty_messages import SubmitApplication
    from bountyexpo.actors.market.rows import Rows
    from bountyexpo.persistence.market.requests import Application
    from bountyexpo.persistence.transaction import Transaction


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
        wish=message.wish,
    )
    async with ports.db.transaction() as tx:
        await tx.lock(f"apply:{hunter_id}")
        earlier = await requests.of_hunter(tx, bounty.id, hunter_id)
        step = decide(
            rows.knowing(earlier),
            Event.APPLY,
            command,
            application=earlier,
            is_blocked=bool(await blocks.between(tx, hunter_id, (bounty.poster_id,))),
            **await _of_hunter(tx, command),
            **_cool_down(command, earlier),
        )
        rows = await commit(tx, step)
    application = rows.application_of(hunter_id)
    assert application is not None
    return rows, application


async def _of_hunter(tx: Transaction, command: Command) -> dict[str, Any]:
    """Return what the rules want to know of a hunter, wherever they apply."""
    assert command.actor_id is not None
    hunter = await users.get(tx, command.actor_id)
    waiting = await requests.count_of(tx, command.actor_id, Status.PENDING)
    return {
        "is_verified": hunter is not None and hunter.email_verified_at is not None,
        "has_room": waiting < command.policy.pending_applications_max,
    }


def _cool_down(command: Command, earlier: Application | None) -> dict[str, Any]:
    """Return whether the poster has rejected this hunter a short while ago, and what is left.

    Whose application was closed because the bounty went to another was not judged.
    """
    if earlier is None or earlier.status != Status.REJECTED or earlier.decided_by is None:
        return {}
    assert earlier.decided_at is not None
    ends = earlier.decided_at + timedelta(seconds=command.policy.rejection_cool_down_s)
    left_s = math.ceil((ends - command.now).total_seconds())
    return {"is_cooling_down": left_s > 0, "cool_down_left_s": max(0, left_s)}
