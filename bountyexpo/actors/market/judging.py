"""Steps of a dispute: decided by its own machine, written by the owner of its bounty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.actors.market import stepping
from bountyexpo.actors.market.effects import disputes as effects
from bountyexpo.actors.market.step import Change, Command
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.dispute import ANSWERS_MAX, EVIDENCE_MAX, MACHINE, Event, role_of
from bountyexpo.errors import NotAllowed, StaleVersion
from bountyexpo.persistence.market import dispute_answers, dispute_records, disputes

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.actors.market.bounty_messages import StepTaken, TakeDisputeStep
    from bountyexpo.actors.market.rows import Rows
    from bountyexpo.persistence.market.disputes import Dispute

SAYING = frozenset({Event.ANSWER, Event.NOTE})


async def judge(
    ports: ActorDependencies, rows: Rows, message: TakeDisputeStep, now: datetime
) -> tuple[Rows, StepTaken]:
    """Take a step of a dispute; one that was taken before changes nothing."""
    named = await _named(ports, rows, message.dispute_id)
    parties, actor_id = rows.bounty.parties, message.actor_id
    role = role_of(actor_id, (named.initiator_id, named.respondent_id), parties)
    if role is Role.OTHER and message.role is not None:
        role = message.role
    command = Command(
        actor_id=actor_id,
        role=role if role in {Role.ADMIN, Role.TIMER} else parties.role_of(actor_id),
        now=now,
        policy=ports.policy,
        **msgspec.structs.asdict(message.said),
    )
    seen = msgspec.structs.replace(rows.knowing(), dispute=named)
    change = Change(command=command, before=seen, after=seen.draft())
    known = await _known(ports, named, message)
    step = effects.decided(change, message.event, role, **known)
    if step.decision.is_move and message.version not in {None, named.version}:
        raise StaleVersion
    kept, taken = await stepping.write(ports, seen, step)
    if rows.dispute is not None and rows.dispute.id != named.id:
        # Of several the owner keeps the one that counts for the bounty.
        kept.dispute = rows.dispute
    return kept, taken


async def _named(ports: ActorDependencies, rows: Rows, dispute_id: str) -> Dispute:
    if rows.dispute is not None and rows.dispute.id == dispute_id:
        return rows.dispute
    found = await disputes.get(ports.db, dispute_id)
    if found is None or found.bounty_id != rows.bounty.id:
        raise MACHINE.absent.raised(None)
    return found


async def _known(
    ports: ActorDependencies, named: Dispute, message: TakeDisputeStep
) -> dict[str, Any]:
    """Return the facts about what the actor has said before."""
    db, actor_id, said = ports.db, message.actor_id, message.said
    if message.event is Event.APPEAL and actor_id is not None:
        return {"has_appealed": await dispute_records.has_appealed(db, named.id, actor_id)}
    if message.event not in SAYING:
        return {}
    assert actor_id is not None
    assert said.answer_id is not None
    if owner := await dispute_answers.owner_of(db, said.answer_id):
        if owner != (named.id, actor_id):
            raise NotAllowed
        return {"is_known": True}
    count = await dispute_answers.count(db, named.id, actor_id)
    is_shown = said.evidence is not None
    return {"has_room": count.evidence < EVIDENCE_MAX if is_shown else count.comments < ANSWERS_MAX}
