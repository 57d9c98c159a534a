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
    APPEAL_WINDOW_S,
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
from bountyexpo.persistence.market import dispute_answers, dispute_records, disputes
from bountyexpo.persistence.market.dispute_records import Resolution
from bountyexpo.persistence.market.disputes import NewDispute, Verdict

if TYPE_CHECKING:
    from bountyexpo.actors.market.step import Change, Step
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


async def open_one(tx: Transaction, step: Step) -> list[Step]:
    """Ask an admin to judge between the sides."""
    role = Role.SYSTEM if step.role is Role.SYSTEM else Role.REQUESTER
    # Whether a reason must be given, the bounty has judged.
    opened = decided(step, Event.OPEN, role, has_text=True)
    await write(tx, opened)
    return [opened]


def decided(change: Change, event: Event, role: Role, **known: Any) -> Step:
    """Let the dispute decide on ``event``; ``known`` are facts that its row does not tell.

    Raises:
        BountyExpoError: the rules refuse it.
    """
    row = _meant(change, event)
    decision = MACHINE.decide(
        row.status if row else None, event, role, _facts(change, row, event, known)
    )
    return change.step(event, decision, role)


async def write(tx: Transaction, step: Step) -> None:
    """Write what the dispute becomes by a step of its own, and tell both sides."""
    if not step.decision.is_move or step.event is Event.NOTE:
        return
    assert isinstance(step.event, Event)
    row = _meant(step, step.event)
    row = await _insert(tx, step) if row is None else await _advance(tx, step, row)
    step.after.dispute = row
    told = DisputeUpdated(bounty_id=step.bounty.id, dispute_id=row.id, status=row.status.value)
    tx.event(told, of=step.bounty.id, users=step.sides)


async def keep_answer(tx: Transaction, step: Step) -> None:
    """Keep what a side, or an admin, says or shows."""
    command = step.command
    assert command.actor_id is not None
    if command.evidence is not None:
        assert command.answer_id is not None
        await dispute_answers.add_evidence(
            tx, command.answer_id, _dispute(step).id, command.actor_id, command.evidence
        )
    else:
        await _keep_comment(tx, step, is_internal=False)


async def keep_note(tx: Transaction, step: Step) -> None:
    """Keep what an admin says to other admins."""
    await _keep_comment(tx, step, is_internal=True)


async def keep_appeal(tx: Transaction, step: Step) -> None:
    """Keep that a side does not accept the decision."""
    row, command = _dispute(step), step.command
    assert command.actor_id is not None
    assert command.text
    await dispute_records.add_appeal(tx, row.id, command.actor_id, command.text)
    step.after.dispute = await disputes.get(tx, row.id)


async def keep_review(tx: Transaction, step: Step) -> None:
    """Keep that an admin looks at the appeals."""
    await dispute_records.review_appeals(
        tx, _dispute(step).id, by=step.actor_id, notes=step.command.text
    )


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
    is_escalated = step.event is Event.ESCALATE
    if is_escalated:
        step.after.dispute = await disputes.set_escalated(tx, row.id)
    notices.dispute_for_admins(tx, step, is_escalated=is_escalated)


async def _keep_comment(tx: Transaction, step: Step, *, is_internal: bool) -> None:
    command = step.command
    assert command.actor_id is not None
    assert command.answer_id is not None
    await dispute_answers.add_comment(
        tx,
        command.answer_id,
        _dispute(step).id,
        command.actor_id,
        command.text or "",
        is_internal=is_internal,
    )


async def _insert(tx: Transaction, change: Step) -> Dispute:
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
        status=change.decision.state,
        frozen_cents=change.bounty.amount_cents,
    )
    row = await disputes.insert(tx, new)
    staged = change.command.staged
    if staged and change.actor_id is not None:
        await dispute_answers.commit(tx, row.id, change.actor_id, staged)
    return row


async def _advance(tx: Transaction, step: Step, row: Dispute) -> Dispute:
    decision, text, verdict = step.decision, step.command.text, None
    if decision.state is not row.status and decision.state in WINNERS:
        verdict = Verdict(
            winner=WINNERS[decision.state], resolution=text or "", resolved_by=step.actor_id
        )
    if row.has_open_appeal and not decision.facts.has_open_appeal:
        await dispute_records.answer_appeals(
            tx, row.id, accepted_of=_upheld(step), by=step.actor_id, notes=text
        )
    return await disputes.advance(tx, row, decision.state, verdict)


def _upheld(step: Step) -> str | None:
    """Return whose appeal succeeds by this step, if anybody's does."""
    if step.event is Event.UPHOLD_FOR_POSTER:
        return step.bounty.poster_id
    return step.bounty.hunter_id if step.event is Event.UPHOLD_FOR_HUNTER else None


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
            "is_escalated": row.escalated_at is not None,
            "is_final": row.resolved_at is not None
            and row.resolved_at + timedelta(seconds=APPEAL_WINDOW_S) <= now,
            "is_whole": not has_parts
            or (parts is not None and parts.amount_cents == row.frozen_cents),
        }
    return Facts(**facts | known)


def _dispute(step: Change) -> Dispute:
    row = step.after.dispute
    if row is None:
        raise MACHINE.absent.raised(None)
    return row
