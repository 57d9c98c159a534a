"""What becomes of disputes: opened, answered, decided, appealed, closed.

The bounty opens a dispute; from then on the dispute decides by its own machine, and tells the
bounty what was decided in the same transaction.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from bountyexpo.actors.market.effects import cancellations, notices
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market import bounty
from bountyexpo.domain.market.bounty import RUNNING
from bountyexpo.domain.market.dispute import (
    CHARGEBACKS,
    CHARGED,
    ESCALATE_S,
    MACHINE,
    Event,
    Facts,
    Status,
)
from bountyexpo.domain.market.events import DisputeUpdated
from bountyexpo.domain.money import fees
from bountyexpo.persistence.market import dispute_records, disputes
from bountyexpo.persistence.market.dispute_records import Resolution
from bountyexpo.persistence.market.disputes import NewDispute, Verdict

if TYPE_CHECKING:
    from bountyexpo.actors.market.step import AnyDecision, Change, Step
    from bountyexpo.domain.money.fees import Settlement
    from bountyexpo.persistence.market.disputes import Dispute
    from bountyexpo.persistence.transaction import Transaction

# What a side is told, and an admin who did not say why.
POSTER_GONE: Final = "The poster has left while work was waiting for review."

WINNERS: Final = {
    Status.RESOLVED_HUNTER_WINS: "hunter",
    Status.RESOLVED_POSTER_WINS: "poster",
    Status.RESOLVED: "split",
}
ESCALATIONS: Final = frozenset({Event.ESCALATE, bounty.Event.ESCALATE_DISPUTE})


async def open_one(tx: Transaction, step: Step) -> list[Step]:
    """Ask an admin to judge between the sides."""
    role = Role.SYSTEM if step.role is Role.SYSTEM else Role.REQUESTER
    # Whether a reason must be given, the bounty has judged.
    return [await decide(tx, step, Event.OPEN, role, has_text=True)]


async def decide(tx: Transaction, change: Change, event: Event, role: Role, **known: Any) -> Step:
    """Let the dispute decide on ``event``, write what it has become, and tell both sides.

    Raises:
        BountyExpoError: the rules refuse it.
    """
    row = _meant(change, event)
    decision = MACHINE.decide(
        row.status if row else None, event, role, _facts(change, row, event, known)
    )
    step = change.step(event, decision, role)
    if not decision.is_move:
        return step
    if row is None:
        row = await _insert(tx, change, decision)
    else:
        row = await _advance(tx, change, row, event, decision)
    change.after.dispute = row
    # What an admin notes for other admins is nothing for the sides.
    if not change.command.is_internal:
        told = DisputeUpdated(
            bounty_id=change.bounty.id, dispute_id=row.id, status=row.status.value
        )
        tx.event(told, of=change.bounty.id, users=change.sides)
    return step


async def keep_answer(tx: Transaction, step: Step) -> None:
    """Keep what a side, or an admin, says or shows."""
    row, command = _dispute(step), step.command
    assert command.actor_id is not None
    if command.evidence is not None:
        await dispute_records.add_evidence(tx, row.id, command.actor_id, command.evidence)
    if command.text:
        await dispute_records.add_comment(
            tx, row.id, command.actor_id, command.text, is_internal=command.is_internal
        )


async def keep_appeal(tx: Transaction, step: Step) -> None:
    """Keep that a side does not accept the decision."""
    row, command = _dispute(step), step.command
    assert command.actor_id is not None
    assert command.text
    await dispute_records.add_appeal(tx, row.id, command.actor_id, command.text)
    step.after.dispute = await disputes.get(tx, row.id)


async def record(tx: Transaction, step: Step) -> None:
    """Add to the history of the dispute."""
    source = step.decision.source
    await dispute_records.record(
        tx,
        _dispute(step).id,
        step.event.value,
        step.actor_id,
        step.role.value,
        fromStatus=source.value if source else None,
        toStatus=step.decision.state.value,
        reason=step.command.text,
    )


async def decide_for_hunter(tx: Transaction, step: Step) -> list[Step]:
    """The work is approved, and the hunter is paid."""
    parts = fees.release(_dispute(step).frozen_cents, step.fee_bps)
    return await _resolved(tx, step, "release", parts, bounty.Event.RESOLVE_HUNTER)


async def decide_for_poster(tx: Transaction, step: Step) -> list[Step]:
    """The bounty is cancelled, and the poster gets the price back."""
    parts = fees.refund(_dispute(step).frozen_cents)
    return await _resolved(tx, step, "refund", parts, bounty.Event.RESOLVE_POSTER)


async def decide_split(tx: Transaction, step: Step) -> list[Step]:
    """The bounty is cancelled, and each side gets its part of the price."""
    parts = step.command.parts
    assert parts is not None
    return await _resolved(tx, step, "split", parts, bounty.Event.RESOLVE_SPLIT)


async def close(_tx: Transaction, step: Step) -> list[Step]:
    """The bounty goes on where it was."""
    stage = _dispute(step).stage
    told = bounty.Event.CLOSE_DISPUTE
    return [step.decide(told, Role.SYSTEM, is_disputed=True, stage=stage)]


async def alert_admins(tx: Transaction, step: Step) -> None:
    """Tell the admins what waits for them; that it is overdue is kept with the dispute."""
    row = _dispute(step)
    if step.event in ESCALATIONS:
        step.after.dispute = await disputes.set_escalated(tx, row.id)
    notices.dispute_for_admins(tx, step, is_escalated=step.event in ESCALATIONS)


async def _insert(tx: Transaction, change: Change, decision: AnyDecision) -> Dispute:
    cancellation = change.after.cancellation
    is_about_it = cancellation is not None and cancellation.is_waiting
    others = change.other_sides if change.actor_id is not None else ()
    new = NewDispute(
        id=new_id(),
        bounty_id=change.bounty.id,
        cancellation_id=cancellation.id if cancellation and is_about_it else None,
        stage=change.command.stage or bounty.Stage.IN_PROGRESS,
        initiator_id=change.actor_id,
        respondent_id=others[0] if others else None,
        reason=change.command.text or POSTER_GONE,
        status=decision.state,
        frozen_cents=change.bounty.amount_cents,
    )
    return await disputes.insert(tx, new)


async def _advance(
    tx: Transaction, change: Change, row: Dispute, event: Event, decision: AnyDecision
) -> Dispute:
    text, verdict = change.command.text, None
    if decision.state is not row.status and decision.state in WINNERS:
        verdict = Verdict(
            winner=WINNERS[decision.state], resolution=text or "", resolved_by=change.actor_id
        )
    if row.has_open_appeal and not decision.facts.has_open_appeal:
        await dispute_records.review_appeals(
            tx,
            row.id,
            is_accepted=event is not Event.REJECT_APPEAL,
            reviewed_by=change.actor_id,
            notes=text,
        )
    return await disputes.advance(tx, row, decision.state, verdict)


async def _resolved(
    tx: Transaction,
    step: Step,
    outcome: Literal["release", "refund", "split"],
    parts: Settlement,
    told: bounty.Event,
) -> list[Step]:
    """Keep what each side gets, and let the bounty and its cancellation follow."""
    resolution = Resolution(
        dispute_id=_dispute(step).id,
        admin_id=step.actor_id,
        outcome=outcome,
        hunter_cents=parts.hunter_cents,
        poster_cents=parts.refund_cents,
        fee_cents=parts.fee_cents + parts.cancellation_fee_cents,
        rationale=step.command.text or "The card issuer has decided.",
    )
    await dispute_records.resolve(tx, resolution)
    # What the card network takes back of a bounty that has ended is a matter of the ledger alone.
    if step.bounty.status not in RUNNING and step.role is Role.PROVIDER:
        return []
    is_cancelled = told is not bounty.Event.RESOLVE_HUNTER
    steps = await cancellations.resolve(tx, step, is_cancelled=is_cancelled)
    return [*steps, step.decide(told, Role.ADMIN, is_disputed=True)]


def _meant(change: Change, event: Event) -> Dispute | None:
    """Return the dispute that an event speaks of; None where it begins one."""
    row = change.after.dispute
    if event in CHARGEBACKS:
        return row if row is not None and row.status in CHARGED else None
    return change.after.live_dispute if event is Event.OPEN else row


def _facts(change: Change, row: Dispute | None, event: Event, known: dict[str, Any]) -> Facts:
    now, parts = change.command.now, change.command.parts
    facts: dict[str, Any] = {"has_text": bool(change.command.text)}
    if row is not None:
        overdue_at = row.created_at + timedelta(seconds=ESCALATE_S)
        has_parts = event is Event.RESOLVE_SPLIT
        facts |= {
            "has_open_appeal": row.has_open_appeal,
            "is_idle": row.auto_close_at is not None and row.auto_close_at <= now,
            "is_overdue": overdue_at <= now,
            "is_whole": not has_parts
            or (parts is not None and parts.amount_cents == row.frozen_cents),
        }
    return Facts(**facts | known)


def _dispute(step: Change) -> Dispute:
    row = step.after.dispute
    if row is None:
        raise MACHINE.absent.raised(None)
    return row
