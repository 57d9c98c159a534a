"""The 27 events of the ledger book exactly what the contract says (money §1.6).

The expectations are written by hand from the contract, with A = $100.00 and a fee of 5 %.
"""

from __future__ import annotations

import pytest
from bountyexpo.domain.money.fees import partial
from bountyexpo.domain.money.ledger import chargebacks, payouts, wallets
from bountyexpo.domain.money.ledger.accounts import AccountKind, escrow
from bountyexpo.domain.money.ledger.rules import RULES, EventRule
from bountyexpo.domain.money.ledger.transfers import Kind, Transfer

A = 10_000

OPENED = chargebacks.chargeback_opened(
    chargeback_id="dp", user_id="u", amount_cents=A, available_cents=4_000
)
RESERVE = chargebacks.reserve_set(
    reserve_id="r", user_id="u", amount_cents=A, available_cents=4_000
)
TRANSFER = {"withdrawal_id": "w", "stripe_account_id": "acct", "amount_cents": A}

# (rule, transfer, business key, lines as the contract writes them)
CONTRACT: list[tuple[int, Transfer, str, str]] = [
    (
        1,
        wallets.deposit_captured(intent_id="pi", user_id="u", amount_cents=A),
        "deposit:pi",
        "stripe:platform -10000, user:u:available +10000",
    ),
    (
        2,
        wallets.processing_fee_known(balance_transaction_id="txn", fee_cents=320),
        "stripefee:txn",
        "stripe:platform +320, platform:stripe_fees -320",
    ),
    (
        3,
        wallets.escrow_held(bounty_id="b", poster_id="p", amount_cents=A),
        "escrow:b",
        "user:p:available -10000, bounty:b:escrow +10000",
    ),
    (
        4,
        wallets.escrow_funded_by_card(bounty_id="b", amount_cents=A),
        "escrow:b",
        "stripe:platform -10000, bounty:b:escrow +10000",
    ),
    (
        5,
        wallets.escrow_released(bounty_id="b", hunter_id="h", amount_cents=A, fee_bps=500),
        "settle:b",
        "bounty:b:escrow -10000, user:h:available +9500, platform:fees +500",
    ),
    (
        6,
        wallets.escrow_released_to_connect(
            bounty_id="b", withdrawal_id="w", amount_cents=A, fee_bps=500
        ),
        "settle:b",
        "bounty:b:escrow -10000, platform:fees +500, withdrawal:w:in_flight +9500",
    ),
    (
        7,
        wallets.escrow_refunded(bounty_id="b", poster_id="p", amount_cents=A),
        "settle:b",
        "bounty:b:escrow -10000, user:p:available +10000",
    ),
    (
        8,
        wallets.escrow_refund_requested(bounty_id="b", amount_cents=A),
        "settle:b",
        "bounty:b:escrow -10000, stripe:platform +10000",
    ),
    (
        9,
        wallets.escrow_settled(
            bounty_id="b",
            poster_id="p",
            hunter_id="h",
            parts=partial(A, refund_cents=5_000, cancellation_fee_cents=1_000, fee_bps=500),
        ),
        "settle:b",
        (
            "bounty:b:escrow -10000, user:p:available +5000, user:h:available +3800, "
            "platform:fees +1200"
        ),
    ),
    (
        10,
        payouts.withdrawal_requested(withdrawal_id="w", user_id="u", amount_cents=A),
        "withdrawal:w",
        "user:u:available -10000, withdrawal:w:in_flight +10000",
    ),
    (
        10,
        payouts.withdrawal_debited_again(withdrawal_id="w", user_id="u", amount_cents=A),
        "withdrawal:w:again",
        "user:u:available -10000, withdrawal:w:in_flight +10000",
    ),
    (
        11,
        payouts.transfer_created(transfer_id="tr", **TRANSFER),
        "transfer:tr",
        "stripe:platform +10000, stripe:connect:acct -10000",
    ),
    (
        12,
        payouts.payout_paid(payout_id="po", **TRANSFER),
        "payout:po:paid",
        "withdrawal:w:in_flight -10000, stripe:connect:acct +10000",
    ),
    (
        12,
        payouts.payout_returned_in_part(
            payout_id="po",
            reversal_id="trr",
            withdrawal_id="w",
            stripe_account_id="acct",
            cents=2_500,
        ),
        "payout:po:returned:trr",
        "stripe:connect:acct -2500, withdrawal:w:in_flight +2500",
    ),
    (
        13,
        payouts.withdrawal_voided(withdrawal_id="w", user_id="u", amount_cents=A),
        "withdrawal:w:void",
        "withdrawal:w:in_flight -10000, user:u:available +10000",
    ),
    (
        14,
        payouts.transfer_reversed(reversal_id="trr", user_id="u", **TRANSFER),
        "reversal:trr",
        (
            "stripe:connect:acct +10000, stripe:platform -10000, withdrawal:w:in_flight -10000, "
            "user:u:available +10000"
        ),
    ),
    (
        15,
        payouts.transfer_reversed(
            reversal_id="trr", user_id="u", **TRANSFER | {"amount_cents": 4_000}
        ),
        "reversal:trr",
        (
            "stripe:connect:acct +4000, stripe:platform -4000, withdrawal:w:in_flight -4000, "
            "user:u:available +4000"
        ),
    ),
    (
        16,
        payouts.settled_by_hand(withdrawal_id="w", amount_cents=A),
        "manual:w",
        "withdrawal:w:in_flight -10000, platform:adjustments +10000",
    ),
    (
        16,
        payouts.settled_by_hand(**TRANSFER),
        "manual:w",
        (
            "withdrawal:w:in_flight -10000, platform:adjustments +10000, "
            "stripe:connect:acct +10000, stripe:platform -10000"
        ),
    ),
    (
        17,
        payouts.instant_fee_charged(withdrawal_id="w", user_id="u", fee_cents=100),
        "withdrawal:w:fee",
        "user:u:available -100, platform:instant_fees +100",
    ),
    (
        18,
        wallets.dispute_opened(dispute_id="d", bounty_id="b", amount_cents=A),
        "dispute:d:freeze",
        "bounty:b:escrow -10000, bounty:b:escrow_frozen +10000",
    ),
    (
        19,
        wallets.dispute_closed(dispute_id="d", bounty_id="b", amount_cents=A),
        "dispute:d:thaw",
        "bounty:b:escrow_frozen -10000, bounty:b:escrow +10000",
    ),
    (
        20,
        OPENED,
        "chargeback:dp:open",
        "user:u:available -4000, user:u:held +4000",
    ),
    (
        20,
        chargebacks.chargeback_funds_withdrawn(chargeback_id="dp", amount_cents=A),
        "chargeback:dp:withdrawn",
        "stripe:platform +10000, stripe:dispute_withheld -10000",
    ),
    (
        20,
        chargebacks.chargeback_opened_on_escrow(chargeback_id="dp", bounty_id="b", escrow_cents=A),
        "chargeback:dp:open",
        "bounty:b:escrow -10000, bounty:b:escrow_frozen +10000",
    ),
    (
        21,
        chargebacks.chargeback_won(hold=OPENED.hold),
        "chargeback:dp:won",
        "user:u:held -4000, user:u:available +4000",
    ),
    (
        21,
        chargebacks.chargeback_funds_reinstated(chargeback_id="dp", amount_cents=A),
        "chargeback:dp:reinstated",
        "stripe:platform -10000, stripe:dispute_withheld +10000",
    ),
    (
        21,
        chargebacks.chargeback_won_on_escrow(chargeback_id="dp", bounty_id="b", escrow_cents=A),
        "chargeback:dp:won",
        "bounty:b:escrow_frozen -10000, bounty:b:escrow +10000",
    ),
    (
        22,
        chargebacks.chargeback_lost(hold=OPENED.hold),
        "chargeback:dp:lost",
        "user:u:held -4000, user:u:debt -6000, stripe:dispute_withheld +10000",
    ),
    (
        22,
        chargebacks.chargeback_fee_charged(chargeback_id="dp", fee_cents=1_500),
        "chargeback:dp:fee",
        "stripe:platform +1500, platform:dispute_fees -1500",
    ),
    (
        22,
        chargebacks.chargeback_lost_on_escrow(
            chargeback_id="dp", bounty_id="b", poster_id="p", amount_cents=A, frozen_cents=4_000
        ),
        "chargeback:dp:lost",
        "bounty:b:escrow_frozen -4000, user:p:debt -6000, stripe:dispute_withheld +10000",
    ),
    (
        22,
        chargebacks.chargeback_rest_returned(
            chargeback_id="dp", bounty_id="b", poster_id="p", rest_cents=2_500
        ),
        "chargeback:dp:rest",
        "bounty:b:escrow_frozen -2500, user:p:available +2500",
    ),
    (
        23,
        chargebacks.deposit_refunded(
            refund_id="re", user_id="u", amount_cents=A, available_cents=4_000
        ),
        "refund:re",
        "stripe:platform +10000, user:u:available -4000, user:u:debt -6000",
    ),
    (
        24,
        wallets.balance_adjusted(request_id="a", user_id="u", amount_cents=A),
        "adjust:a",
        "user:u:available +10000, platform:adjustments -10000",
    ),
    (
        24,
        wallets.balance_adjusted(request_id="a", user_id="u", amount_cents=-A),
        "adjust:a",
        "user:u:available -10000, platform:adjustments +10000",
    ),
    (
        25,
        wallets.debt_written_off(writeoff_id="o", user_id="u", amount_cents=A),
        "writeoff:o",
        "user:u:debt +10000, platform:writeoff -10000",
    ),
    (26, RESERVE, "reserve:r", "user:u:available -4000, user:u:held +4000"),
    (
        26,
        chargebacks.reserve_released(hold=RESERVE.hold),
        "reserve:r:release",
        "user:u:held -4000, user:u:available +4000",
    ),
    (
        27,
        wallets.balance_imported(user_id="u", balance_cents=A, held_cents=4_000),
        "opening:u",
        "platform:opening -10000, user:u:available +6000, user:u:held +4000",
    ),
    (
        27,
        wallets.account_imported(account=escrow("b"), amount_cents=A),
        "opening:bounty:b:escrow",
        "platform:opening -10000, bounty:b:escrow +10000",
    ),
]


def lines(transfer: Transfer) -> set[str]:
    return {f"{line.account} {line.amount_cents:+}" for line in transfer.postings}


@pytest.mark.parametrize(
    ("number", "transfer", "key", "expected"), CONTRACT, ids=[str(row[0]) for row in CONTRACT]
)
def test_the_event_books_what_the_contract_says(
    number: int, transfer: Transfer, key: str, expected: str
) -> None:
    assert lines(transfer) == set(expected.split(", "))
    assert transfer.business_key == key
    assert transfer.kind in RULES[number - 1].kinds


def test_every_rule_of_the_contract_is_listed_once_and_expected_here() -> None:
    assert [rule.number for rule in RULES] == list(range(1, 28))
    assert {row[0] for row in CONTRACT} == set(range(1, 28))


def test_every_kind_of_transfer_belongs_to_a_rule() -> None:
    covered = {kind for rule in RULES for kind in rule.kinds}

    # A recovery follows from income of any kind, and a reversal from any transfer.
    assert covered == set(Kind) - {Kind.DEBT_RECOVERY, Kind.REVERSAL}


def test_every_account_of_the_contract_is_used_by_a_rule() -> None:
    used = {line.account.kind for _, transfer, *_ in CONTRACT for line in transfer.postings}

    assert used == set(AccountKind)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.title)
def test_every_example_names_what_it_is_about(rule: EventRule) -> None:
    for transfer in rule.examples:
        assert transfer.reference_type
        assert transfer.reference_id
        assert transfer.amount_cents > 0
        assert rule.says.endswith(".")
