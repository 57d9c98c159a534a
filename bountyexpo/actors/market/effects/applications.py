"""What becomes of applications: made, withdrawn, rejected, accepted, closed with the bounty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from bountyexpo.actors.market.effects import cancellations, escrow, work
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.application import MACHINE, Event, Facts, Status
from bountyexpo.domain.market.events import RequestNew, RequestUpdated
from bountyexpo.persistence.market import requests

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bountyexpo.actors.market.step import Change, Step
    from bountyexpo.persistence.market.requests import Application
    from bountyexpo.persistence.transaction import Transaction

CLOSED_AT_ONCE: Final = 20

# The effect of a commit that has left applications to close.
CLOSE_REST: Final = "bounty.close_rest"


async def add(tx: Transaction, step: Step) -> list[Step]:
    """Write an application, or a later one of the same hunter over the first."""
    bounty, command, earlier = step.bounty, step.command, step.application
    hunter_id = command.actor_id
    assert hunter_id is not None
    known = step.decision.facts
    decision = MACHINE.decide(
        Status(earlier.status) if earlier else None,
        Event.APPLY,
        Role.APPLICANT,
        Facts(
            is_blocked=known.is_blocked,
            has_room=known.has_room,
            is_cooling_down=known.is_cooling_down,
            cool_down_left_s=known.cool_down_left_s,
        ),
    )
    row = await requests.insert(
        tx,
        earlier.id if earlier else new_id(),
        bounty.id,
        hunter_id,
        status=decision.state,
        wish=command.wish,
    )
    step.after.applications[row.id] = row
    step.after.has_waiting_applications = True
    event = RequestNew(
        bounty_id=bounty.id,
        request_id=row.id,
        hunter_id=hunter_id,
        status=row.status,
        message=row.message,
    )
    tx.event(event, of=bounty.id, users=(bounty.poster_id, hunter_id))
    return [step.step(Event.APPLY, decision, Role.APPLICANT, application=row)]


async def withdraw(tx: Transaction, step: Step) -> list[Step]:
    """Take back the application of the one who acts."""
    return await _answered(tx, step, Event.WITHDRAW, Role.APPLICANT)


async def reject(tx: Transaction, step: Step) -> list[Step]:
    """Say no to the application that is named."""
    return await _answered(tx, step, Event.REJECT, Role.POSTER)


async def accept(tx: Transaction, step: Step) -> list[Step]:
    """Give the work to the one whose application is named."""
    [chosen] = _named(step)
    await escrow.bind(tx, step, chosen.hunter_id)
    steps = await _decided(tx, step, Event.ACCEPT, Role.POSTER, [chosen])
    step.after.bounty = msgspec.structs.replace(
        step.after.bounty, hunter_id=chosen.hunter_id, accepted_request_id=chosen.id
    )
    return steps


async def close(tx: Transaction, step: Step) -> list[Step]:
    """Reject every application that waits: nobody else gets the work any more.

    However many there are, what was decided does not wait for them: the first are closed with it,
    and an effect sees to the others.
    """
    steps = await close_some(tx, step)
    if step.after.has_waiting_applications:
        tx.effect(CLOSE_REST, ("applications", step.bounty.id), step.bounty.version, {})
    return steps


async def close_some(tx: Transaction, change: Change) -> list[Step]:
    """Reject the applications that have waited longest; the draft knows whether others are left."""
    found = await requests.waiting(tx, change.bounty.id, CLOSED_AT_ONCE + 1)
    change.after.has_waiting_applications = len(found) > CLOSED_AT_ONCE
    found = found[:CLOSED_AT_ONCE]
    change.know(found)
    return await _decided(tx, change, Event.CLOSE, Role.SYSTEM, found)


async def release_hunter(tx: Transaction, step: Step) -> list[Step]:
    """Let the hunter go with their application, their work and what was to be cancelled."""
    rows = step.after
    request_id = rows.bounty.accepted_request_id
    accepted = await requests.get(tx, request_id) if request_id else None
    found = [accepted] if accepted else []
    step.know(found)
    steps = await _decided(tx, step, Event.RELEASE, Role.SYSTEM, found)
    steps += await work.reset(tx, step)
    steps += await cancellations.end(tx, step)
    rows.bounty = msgspec.structs.replace(rows.bounty, hunter_id=None, accepted_request_id=None)
    rows.conversation_id = None
    # Whom nobody has closed out until now may be chosen again.
    rows.has_waiting_applications = await requests.has_waiting(tx, rows.bounty.id)
    return steps


def _named(step: Step) -> list[Application]:
    assert step.application is not None
    return [step.application]


async def _answered(tx: Transaction, step: Step, event: Event, role: Role) -> list[Step]:
    """Answer the application that is named, and look whether others wait."""
    steps = await _decided(tx, step, event, role, _named(step))
    step.after.has_waiting_applications = await requests.has_waiting(tx, step.bounty.id)
    return steps


async def _decided(
    tx: Transaction, change: Change, event: Event, role: Role, about: Iterable[Application]
) -> list[Step]:
    """Let each application decide, write those that move in one statement, and tell of them."""
    found = {row.id: row for row in about}
    decisions = {
        row.id: MACHINE.decide(Status(row.status), event, role, Facts()) for row in found.values()
    }
    moves = {row_id: decision for row_id, decision in decisions.items() if decision.is_move}
    if not moves:
        return []
    bounty, rows = change.bounty, change.after.applications
    by = None if role is Role.SYSTEM else change.actor_id
    outcomes = {row_id: decision.state for row_id, decision in moves.items()}
    at = await requests.decide(tx, outcomes, decided_by=by)
    for row_id, decision in moves.items():
        row = msgspec.structs.replace(
            found[row_id],
            status=decision.state.value,
            decided_at=at[row_id],
            decided_by=by,
            updated_at=at[row_id],
        )
        rows[row_id] = row
        told = RequestUpdated(
            bounty_id=bounty.id, request_id=row_id, hunter_id=row.hunter_id, status=row.status
        )
        tx.event(told, of=bounty.id, users=(bounty.poster_id, row.hunter_id))
    return [
        change.step(event, decision, role, application=rows[row_id])
        for row_id, decision in moves.items()
    ]
