"""Applying for a bounty, and giving the work to one who applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.actors.market.bounty_messages import AcceptApplication, Accepted, SubmitApplication
from bountyexpo.actors.market.commit import commit
from bountyexpo.actors.market.step import Command, decide
from bountyexpo.domain.market.application import MACHINE, Status
from bountyexpo.domain.market.bounty import Event
from bountyexpo.persistence.chat import conversations
from bountyexpo.persistence.market import requests
from bountyexpo.persistence.users import blocks

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.actors.dependencies import ActorDependencies
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


async def accept(
    ports: ActorDependencies, rows: Rows, message: AcceptApplication, now: datetime
) -> tuple[Rows, Accepted]:
    """Give the work to one applicant; the others are rejected."""
    chosen = await requests.get(ports.db, message.request_id)
    if chosen is None or chosen.bounty_id != rows.bounty.id:
        raise MACHINE.absent.raised(None)
    rows = rows.knowing(chosen)
    command = Command(
        actor_id=message.caller_id,
        role=rows.bounty.parties.role_of(message.caller_id),
        now=now,
        policy=ports.policy,
    )
    step = decide(rows, Event.ACCEPT, command, application=chosen)
    if step.decision.is_move:
        async with ports.db.transaction() as tx:
            rows = await commit(tx, step)
    if rows.conversation_id is None:
        people = (rows.bounty.poster_id, chosen.hunter_id)
        opened = await conversations.between(ports.db, people, bounty_id=rows.bounty.id)
        assert opened is not None
        rows.conversation_id = opened.id
    accepted = Accepted(
        bounty=rows.bounty,
        application=rows.applications[chosen.id],
        conversation_id=rows.conversation_id,
    )
    return rows, accepted
