"""Who hears of an escrow: its parties, the owner of its bounty, and those who look after the books.

People hear it live on their own streams and as receipts while they are away. The bounty's owner,
whose area may not be named here, finds what a card payment came to in the outbox.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.domain.machine import Role
from bountyexpo.domain.money.escrow import Event
from bountyexpo.domain.money.events import EscrowHeld, EscrowRefunded, EscrowReleased
from bountyexpo.domain.money.findings import Finding
from bountyexpo.domain.notices import Notice
from bountyexpo.persistence.money import findings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.actors.money.effects.escrow_step import Step
    from bountyexpo.domain.money.events import EscrowEvent
    from bountyexpo.persistence.transaction import Transaction

FINDINGS: Final[Mapping[Event, Finding]] = {
    Event.CHARGEBACK_OPEN: Finding.ESCROW_CHARGEBACK,
    Event.CHARGEBACK_WON: Finding.ESCROW_CHARGEBACK,
    Event.CHARGEBACK_LOST: Finding.ESCROW_CHARGEBACK,
    Event.REFUSED: Finding.ESCROW_REFUSED,
    Event.REFUND_FAILED: Finding.UNKNOWN_REFUND,
}


def held(tx: Transaction, step: Step) -> None:
    """Tell the poster that the price is locked."""
    escrow = step.escrow
    event = EscrowHeld(bounty_id=escrow.bounty_id, amount_cents=escrow.amount_cents)
    _tell(tx, event, escrow.poster_id)
    _receipt(tx, step, "held", escrow.poster_id, escrow.amount_cents)


def released(tx: Transaction, step: Step) -> None:
    """Tell both sides that the hunter was paid."""
    escrow = step.escrow
    assert escrow.hunter_id is not None
    for user_id in (escrow.poster_id, escrow.hunter_id):
        event = EscrowReleased(bounty_id=escrow.bounty_id, amount_cents=escrow.amount_cents)
        _tell(tx, event, user_id)
    _receipt(tx, step, "released", escrow.poster_id, escrow.amount_cents)
    _paid(tx, step, escrow.hunter_id, escrow.amount_cents)
    _pass_on(tx, step)


def given_back(tx: Transaction, step: Step) -> None:
    """Tell the poster what came back and, of a split, the hunter what was paid."""
    escrow, parts = step.escrow, step.about.parts
    if step.event is Event.SETTLED:
        refund_cents = parts.refund_cents if parts else escrow.amount_cents
        earned_cents = parts.hunter_cents + parts.fee_cents if parts else 0
        if refund_cents:
            event = EscrowRefunded(bounty_id=escrow.bounty_id, amount_cents=refund_cents)
            _tell(tx, event, escrow.poster_id)
            _receipt(tx, step, "refunded", escrow.poster_id, refund_cents)
        if earned_cents and escrow.hunter_id is not None:
            earned = EscrowReleased(bounty_id=escrow.bounty_id, amount_cents=earned_cents)
            _tell(tx, earned, escrow.hunter_id)
            _paid(tx, step, escrow.hunter_id, earned_cents)
    _pass_on(tx, step)


async def notify_poster(tx: Transaction, step: Step) -> None:
    """Tell the poster what went wrong with their card."""
    escrow = step.escrow
    tx.notify(
        Notice.ESCROW_RECEIPT,
        [escrow.poster_id],
        {
            "bountyId": escrow.bounty_id,
            "amountCents": escrow.amount_cents,
            "state": step.event.value,
        },
        dedupe_key=f"eml:{step.event.value}:{escrow.bounty_id}:{escrow.version}",
    )


async def record_finding(tx: Transaction, step: Step) -> None:
    """Let people look at what no rule can settle."""
    escrow, about = step.escrow, step.about
    details = {
        "event": step.event.value,
        "round": escrow.round,
        "state": escrow.state.value,
        "intentId": about.intent_id,
        "chargebackId": about.chargeback_id,
        "refundId": about.refund_id,
    }
    await findings.record(tx, FINDINGS[step.event], ("escrow", escrow.bounty_id), details)


def _tell(tx: Transaction, event: EscrowEvent, user_id: str) -> None:
    tx.event(event, of=user_id, users=(user_id,))


def _receipt(tx: Transaction, step: Step, word: str, user_id: str, amount_cents: int) -> None:
    escrow = step.escrow
    tx.notify(
        Notice.ESCROW_RECEIPT,
        [user_id],
        {"bountyId": escrow.bounty_id, "amountCents": amount_cents, "state": word},
        dedupe_key=_in_round(step, f"eml:{word}:{escrow.bounty_id}"),
    )


def _paid(tx: Transaction, step: Step, hunter_id: str, amount_cents: int) -> None:
    bounty_id = step.escrow.bounty_id
    tx.notify(
        Notice.PAYMENT_RECEIVED,
        [hunter_id],
        {"bountyId": bounty_id, "amountCents": amount_cents},
        dedupe_key=_in_round(step, f"pay:{bounty_id}"),
    )


def _in_round(step: Step, key: str) -> str:
    """Return a key that only this round has; that of the first is the contract's."""
    number = step.escrow.settlement_round
    return key if number == 1 else f"{key}:{number}"


def _pass_on(tx: Transaction, step: Step) -> None:
    """Let the bounty follow what came from outside; who asked for it by itself knows."""
    if step.role is not Role.SYSTEM:
        escrow = step.escrow
        about = ("bounty", escrow.bounty_id)
        tx.effect(f"escrow.{escrow.state.value}", about, escrow.version, {"round": escrow.round})
