"""What becomes of the work: ready, handed in, to be changed, approved, rejected.

The bounty's effects ask the machine of the work; what that one decides is written by its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bountyexpo.domain.ids import new_id
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.completion import MACHINE, Event, Facts, State
from bountyexpo.domain.market.events import CompletionReady, CompletionReviewed, CompletionSubmitted
from bountyexpo.persistence.market import submissions

if TYPE_CHECKING:
    from bountyexpo.actors.market.step import Step
    from bountyexpo.persistence.transaction import Transaction


async def announce(_tx: Transaction, step: Step) -> list[Step]:
    """The hunter says to be ready."""
    return _decided(step, Event.READY, Role.HUNTER)


async def hand_in(_tx: Transaction, step: Step) -> list[Step]:
    """The hunter hands in."""
    return _decided(step, Event.SUBMIT, Role.HUNTER)


async def send_back(_tx: Transaction, step: Step) -> list[Step]:
    """The poster asks for changes."""
    return _decided(step, Event.REQUEST_REVISION, Role.POSTER)


async def approve(tx: Transaction, step: Step) -> list[Step]:
    """The poster approves, or an admin who decides for the hunter."""
    role = Role.ADMIN if step.role is Role.ADMIN else Role.POSTER
    return await _reviewed(tx, step, Event.APPROVE, role)


async def reject(tx: Transaction, step: Step) -> list[Step]:
    """The bounty ends without the work."""
    role = Role.ADMIN if step.role is Role.ADMIN else Role.SYSTEM
    return await _reviewed(tx, step, Event.REJECT, role)


async def reset(tx: Transaction, step: Step) -> list[Step]:
    """Somebody else will begin anew: nothing that was handed in waits any longer."""
    steps = _decided(step, Event.RESET, Role.SYSTEM)
    if step.after.work in {State.PENDING, State.REVISION_REQUESTED}:
        await _review(tx, step, State.REJECTED)
    step.after.ready_at = None
    return steps


async def record_ready(tx: Transaction, step: Step) -> None:
    """Keep since when the hunter is ready, and tell both sides."""
    bounty, hunter_id = step.bounty, step.bounty.hunter_id
    assert hunter_id is not None
    ready_at = await submissions.mark_ready(tx, bounty.id, hunter_id)
    step.after.ready_at = ready_at
    event = CompletionReady(bounty_id=bounty.id, hunter_id=hunter_id, ready_at=ready_at)
    tx.event(event, of=bounty.id, users=step.sides)


async def add_submission(tx: Transaction, step: Step) -> None:
    """Keep what was handed in, and tell both sides."""
    bounty, last, delivery = step.bounty, step.after.submission, step.command.work
    assert bounty.hunter_id is not None
    assert delivery is not None
    row = await submissions.insert(
        tx,
        new_id(),
        bounty.id,
        bounty.hunter_id,
        status=step.decision.state,
        work=delivery,
        revision=last.revision + 1 if last else 0,
    )
    step.after.submission = row
    event = CompletionSubmitted(bounty_id=bounty.id, submission_id=row.id, status=row.status)
    tx.event(event, of=bounty.id, users=step.sides)


async def keep_feedback(tx: Transaction, step: Step) -> None:
    """Keep what the poster wants changed, and tell both sides."""
    await _review(tx, step, step.decision.state, feedback=step.command.text)


async def count_revision(_tx: Transaction, step: Step) -> None:
    """Count how often the poster has asked for changes."""
    bounty = step.after.bounty
    step.after.bounty = msgspec.structs.replace(bounty, revision_count=bounty.revision_count + 1)


def _decided(step: Step, event: Event, role: Role) -> list[Step]:
    facts = Facts(has_feedback=bool(step.command.text))
    decision = MACHINE.decide(step.after.work, event, role, facts)
    return [step.step(event, decision, role)] if decision.is_move else []


async def _reviewed(tx: Transaction, step: Step, event: Event, role: Role) -> list[Step]:
    # An admin may decide about work that was never handed in: there is no row of it.
    is_handed_in = step.after.work not in {State.NONE, State.READY}
    steps = _decided(step, event, role)
    for decided in steps:
        if is_handed_in:
            await _review(tx, step, decided.decision.state)
    return steps


async def _review(
    tx: Transaction, step: Step, state: State, *, feedback: str | None = None
) -> None:
    submission = step.after.submission
    assert submission is not None
    row = await submissions.review(tx, submission.id, state, feedback=feedback)
    step.after.submission = row
    event = CompletionReviewed(bounty_id=row.bounty_id, submission_id=row.id, status=row.status)
    tx.event(event, of=row.bounty_id, users=step.sides)
