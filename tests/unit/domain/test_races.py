"""The seven reported races of a confirmation against its webhook, on deposits and on escrow.

Each is a list of what happens, in that order, and where it must end: the money is in the books
once, or back where it came from, whichever of the two came first.
"""

from __future__ import annotations

import pytest
from bountyexpo.domain.machine import Role
from bountyexpo.domain.money import escrow
from bountyexpo.domain.money.ledger.accounts import STRIPE
from bountyexpo.domain.money.ledger.book import Book
from bountyexpo.domain.money.payment import Event, PaymentStatus

from tests.properties.lives_bounty import BountyLife
from tests.properties.network import Dice, Network, Word
from tests.unit.domain.money.test_payment import Deposit

PRICE = 10_000

# "ask" is the payer, "answer" is what our own call got, "webhook" comes by itself.
DEPOSITS = {
    "webhook before response": "ask:create webhook:succeeded answer:created",
    "response lost": "ask:create webhook:succeeded ask:create answer:succeeded",
    "both at once": "ask:create answer:created answer:succeeded webhook:succeeded",
    "duplicate": "ask:create answer:succeeded webhook:succeeded webhook:succeeded",
    "out of order": "ask:create answer:created webhook:succeeded webhook:processing"
    " webhook:requires_action",
    "late failure after success": "ask:create answer:succeeded webhook:payment_failed"
    " webhook:canceled",
    "cancel racing capture": "ask:create answer:processing webhook:canceled webhook:succeeded",
}


@pytest.mark.parametrize("race", DEPOSITS)
def test_a_deposit_ends_credited_once(race):
    deposit = Deposit()

    for step in DEPOSITS[race].split():
        who, _, event = step.partition(":")
        getattr(deposit, who)(Event(event))
    deposit.redeliver()

    assert (deposit.state, deposit.credited) == (PaymentStatus.CREDITED, 100)
    assert deposit.postponed == []


# The same races where the price of a bounty is paid by card, with the state they end in. "call" is
# what became of the money that we sent back.
ESCROWS = {
    "webhook before response": ("webhook:pi_succeeded ask:fund_card redelivered", "held"),
    "response lost": ("ask:fund_card ask:fund_card webhook:pi_succeeded", "held"),
    "both at once": ("ask:fund_card answer:pi_succeeded webhook:pi_succeeded", "held"),
    "duplicate": (
        "ask:fund_card webhook:pi_succeeded webhook:pi_succeeded webhook:pi_succeeded",
        "held",
    ),
    # The refund is told to have failed before it is told to have been made.
    "out of order": (
        "ask:fund_card webhook:pi_succeeded bounty:refund call:refund_failed call:settled",
        "held",
    ),
    "late failure after success": (
        "ask:fund_card webhook:pi_succeeded webhook:pi_failed webhook:pi_canceled",
        "held",
    ),
    "cancel racing capture": (
        "ask:fund_card bounty:refund webhook:pi_succeeded call:settled webhook:pi_succeeded",
        "refunded",
    ),
}


@pytest.mark.parametrize("race", ESCROWS)
def test_an_escrow_ends_with_the_price_once_or_not_at_all(race):
    life = BountyLife("b", Book(), Network(Dice(b"")), cents=PRICE, is_card=True)
    steps, end = ESCROWS[race]
    postponed = []

    for step in steps.split():
        who, _, event = step.partition(":")
        if who in {"ask", "bounty"}:
            role = Role.POSTER if who == "ask" else Role.SYSTEM
            life.follow(escrow.Event(event), role)
            continue
        about = f"call_{life.calls}" if who == "call" else "pi_b_1"
        words = postponed if who == "redelivered" else [Word(life, escrow.Event(event), about)]
        postponed = [word for word in words if not life.hear(word, is_known=False)]

    assert postponed == []
    assert life.escrow == end
    assert life.locked_cents == (PRICE if end == "held" else 0)
    assert life.book.cents(STRIPE) == -life.locked_cents
    assert life.book.imbalance_cents == 0


def test_both_lists_name_the_same_seven():
    assert set(DEPOSITS) == set(ESCROWS)
    assert len(DEPOSITS) == 7
