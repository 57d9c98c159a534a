"""Who hears of a withdrawal: its owner, live and while they are away, and who keeps the books."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.domain.money.events import PayoutFailed, PayoutPaid
from bountyexpo.domain.money.findings import Finding
from bountyexpo.domain.money.withdrawal import Event
from bountyexpo.domain.notices import Notice
from bountyexpo.persistence.money import findings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.actors.money.effects.withdrawal_step import Step
    from bountyexpo.domain.money.events import PayoutEvent
    from bountyexpo.persistence.transaction import Transaction

FINDINGS: Final[Mapping[Event, Finding]] = {
    Event.TRANSFER_MADE: Finding.LATE_TRANSFER,
    Event.REVERSED: Finding.UNEXPECTED_REVERSAL,
    Event.REVERSAL_REFUSED: Finding.REVERSAL_REFUSED,
    Event.PAID: Finding.PAID_TWICE,
}


async def notify_owner(tx: Transaction, step: Step) -> None:
    """Tell the owner what has become of their money."""
    withdrawal = step.withdrawal
    if step.event is Event.PAID:
        _tell(
            tx,
            step,
            PayoutPaid(
                withdrawal_id=withdrawal.id,
                payout_id=withdrawal.payout_id,
                amount_cents=withdrawal.rest_cents,
            ),
        )
        _notify(tx, step, Notice.PAYOUT, f"po:{withdrawal.payout_id}:paid", "paid")
    elif step.event is Event.TRANSFER_REFUSED:
        _failed(tx, step)
        _notify(tx, step, Notice.TRANSFER, f"tr:{withdrawal.id}:failed", "failed")
    elif step.event is Event.REVERSED:
        _failed(tx, step)
        _notify(tx, step, Notice.TRANSFER, f"tr:{withdrawal.transfer_id}:reversed", "reversed")
    elif step.event is Event.PAYOUT_REFUSED:
        _notify(tx, step, Notice.PAYOUT, f"po:{withdrawal.id}:standard", "standard")
    elif step.event is Event.ADMIN_SETTLE:
        key = f"po:{withdrawal.id}:manually_paid"
        _notify(tx, step, Notice.PAYOUT, key, "manually_paid")


async def record_finding(tx: Transaction, step: Step) -> None:
    """Let people look at what no rule can settle."""
    about = step.about
    details = {
        "event": step.event.value,
        "status": step.withdrawal.status.value,
        "transferId": about.transfer_id,
        "payoutId": about.payout_id,
        "reversalId": about.reversal_id,
        "amountCents": about.amount_cents,
    }
    subject = ("withdrawal", step.withdrawal.id)
    await findings.record(tx, FINDINGS[step.event], subject, details)


def _failed(tx: Transaction, step: Step) -> None:
    withdrawal = step.withdrawal
    event = PayoutFailed(
        withdrawal_id=withdrawal.id,
        payout_id=withdrawal.payout_id,
        amount_cents=withdrawal.amount_cents,
        reason=step.about.failure_code or withdrawal.failure_code,
    )
    _tell(tx, step, event)


def _tell(tx: Transaction, step: Step, event: PayoutEvent) -> None:
    user_id = step.withdrawal.user_id
    tx.event(event, of=user_id, users=(user_id,))


def _notify(tx: Transaction, step: Step, kind: Notice, key: str, state: str) -> None:
    withdrawal = step.withdrawal
    data = {
        "withdrawalId": withdrawal.id,
        "amountCents": withdrawal.amount_cents,
        "state": state,
        "reason": step.about.failure_code or withdrawal.failure_code,
    }
    tx.notify(kind, [withdrawal.user_id], data, dedupe_key=key)
