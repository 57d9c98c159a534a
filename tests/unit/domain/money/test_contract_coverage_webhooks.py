"""Every event of the provider in the contract has its rule (money §4)."""

from __future__ import annotations

import pytest
from bountyexpo.domain.machine import Role
from bountyexpo.domain.money.ledger import chargebacks

from tests.unit.domain.machines import (
    CONNECT_ACCOUNT,
    DISPUTE,
    ESCROW,
    PAYMENT,
    WITHDRAWAL,
    answer,
)

# Every event of money §4 that a state or a posting of §1.6 follows from; others are stored, told
# or reconciled, and decide nothing.
EVENTS = [
    "payment_intent.succeeded",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "transfer.created",
    "transfer.paid",
    "transfer.failed",
    "transfer.reversed",
    "account.updated",
    "capability.updated",
    "person.updated",
    "account.application.deauthorized",
    "payout.created",
    "payout.updated",
    "payout.paid",
    "payout.failed",
    "payout.canceled",
    "charge.dispute.created",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
]

# By a machine, as which of its events.
WEBHOOKS = {
    "payment_intent.succeeded": [(PAYMENT, "succeeded"), (ESCROW, "pi_succeeded")],
    "payment_intent.processing": [(PAYMENT, "processing")],
    "payment_intent.requires_action": [(PAYMENT, "requires_action")],
    "payment_intent.payment_failed": [(PAYMENT, "payment_failed"), (ESCROW, "pi_failed")],
    "payment_intent.canceled": [(PAYMENT, "canceled"), (ESCROW, "pi_canceled")],
    "charge.refunded": [(PAYMENT, "refunded"), (ESCROW, "settled")],
    "refund.created": [(ESCROW, "unknown")],
    "refund.updated": [(ESCROW, "settled"), (ESCROW, "refused")],
    "refund.failed": [(ESCROW, "refund_failed")],
    "transfer.created": [(WITHDRAWAL, "transfer_made"), (ESCROW, "settled")],
    "transfer.paid": [(WITHDRAWAL, "transfer_made")],
    "transfer.failed": [(WITHDRAWAL, "transfer_refused")],
    "transfer.reversed": [(WITHDRAWAL, "reversed")],
    "account.updated": [(CONNECT_ACCOUNT, "told")],
    "capability.updated": [(CONNECT_ACCOUNT, "told")],
    "person.updated": [(CONNECT_ACCOUNT, "told")],
    "account.application.deauthorized": [(CONNECT_ACCOUNT, "deauthorized")],
    "payout.created": [(WITHDRAWAL, "payout_made")],
    "payout.updated": [(WITHDRAWAL, "payout_made")],
    "payout.paid": [(WITHDRAWAL, "paid")],
    "payout.failed": [(WITHDRAWAL, "payout_failed")],
    "payout.canceled": [(WITHDRAWAL, "payout_failed")],
    "charge.dispute.created": [
        (PAYMENT, "chargeback"),
        (ESCROW, "chargeback_open"),
        (DISPUTE, "chargeback_opened"),
    ],
    "charge.dispute.closed": [
        (ESCROW, "chargeback_lost"),
        (ESCROW, "chargeback_won"),
        (DISPUTE, "chargeback_won"),
        (DISPUTE, "chargeback_lost"),
    ],
}

# By the ledger alone: nothing is decided, the books follow.
POSTINGS = {
    "charge.dispute.funds_withdrawn": chargebacks.chargeback_funds_withdrawn,
    "charge.dispute.funds_reinstated": chargebacks.chargeback_funds_reinstated,
}


def test_every_event_of_the_provider_has_its_rule():
    assert sorted({*WEBHOOKS, *POSTINGS}) == sorted(EVENTS)


@pytest.mark.parametrize("webhook", WEBHOOKS)
def test_no_state_refuses_what_the_provider_says(webhook):
    for machine, event in WEBHOOKS[webhook]:
        own = [state for state in machine.states if state.value not in BY_PEOPLE[machine.name]]
        answers = {answer(machine, state, machine.events(event), Role.PROVIDER) for state in own}
        assert not {word for word in answers if word[:3].isdigit()}, machine.name


# A dispute between two users is never a chargeback: these states have another owner.
BY_PEOPLE = dict.fromkeys(("payment", "escrow", "withdrawal", "connect_account"), frozenset()) | {
    "dispute": frozenset(DISPUTE.states) - {"stripe_dispute", "resolved_won", "resolved_lost"}
}
