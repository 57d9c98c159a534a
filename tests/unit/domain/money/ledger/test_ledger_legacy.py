"""Every row type of the old wallet is a rule of the ledger, and new entries look like old rows."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from bountyexpo.domain.money.fees import partial
from bountyexpo.domain.money.ledger import chargebacks, payouts, wallets
from bountyexpo.domain.money.ledger.accounts import FEES, available, debt, escrow, in_flight
from bountyexpo.domain.money.ledger.book import Book
from bountyexpo.domain.money.ledger.legacy import (
    MAPPINGS,
    LegacyRule,
    Row,
    RowStatus,
    RowType,
    rule_of,
    signed_cents,
    transfers_of,
)
from bountyexpo.domain.money.ledger.rules import RULES
from bountyexpo.domain.money.ledger.statement import Shown, shown, withdrawal_status
from bountyexpo.domain.money.ledger.transfers import Kind, Transfer
from bountyexpo.errors import InvalidRequest

A = 10_000

# Type, sign and status of every row in the table of the contract, with the rules named there; a
# chargeback that is lost was opened first.
CONTRACT = {
    ("deposit", 1, "completed"): {1},
    ("escrow", -1, "completed"): {3},
    ("bounty_posted", -1, "completed"): {3},
    ("release", 1, "completed"): {5},
    ("refund", 1, "completed"): {7, 9},
    ("refund", -1, "completed"): {23},
    ("withdrawal", -1, "pending"): {10},
    ("withdrawal", -1, "completed"): {10, 11, 12},
    ("withdrawal", -1, "failed"): {10, 11, 13, 14},
    ("withdrawal", -1, "manually_paid"): {10, 16},
    ("dispute_loss", -1, "completed"): {20, 22},
    ("dispute_loss", -1, "failed"): {20, 22},
    ("admin_adjustment", 1, "completed"): {24},
    ("admin_adjustment", -1, "completed"): {24},
    ("platform_fee", -1, "completed"): {5, 6, 9},
    ("platform_ledger", 1, "completed"): {5, 6, 9},
    ("bounty_completed", 1, "completed"): {5},
    ("bounty_received", 1, "completed"): {5},
    ("instant_fee_amount", -1, "completed"): {17},
    ("bounty_payments", 1, "captured"): {4},
    ("bounty_payments", 1, "released"): {4, 6, 11},
    ("bounty_payments", 1, "refunded"): {4, 8},
}

# Rows that only a client or another table had; their money is in another row.
DISPLAY_ONLY = {
    RowType.PLATFORM_FEE,
    RowType.PLATFORM_LEDGER,
    RowType.BOUNTY_COMPLETED,
    RowType.BOUNTY_RECEIVED,
}

# What a row leaves on the accounts, where it is not simply its amount in the wallet.
NO_WALLET = DISPLAY_ONLY | {RowType.BOUNTY_PAYMENT}


def row(
    row_type: RowType, amount: int, status: RowStatus = RowStatus.COMPLETED, **more: Any
) -> Row:
    return Row(
        id="17",
        type=row_type,
        status=status,
        amount_cents=amount,
        user_id="u",
        bounty_id="b",
        **more,
    )


def prepared() -> Book:
    """A book in which every row can have happened."""
    book = Book()
    book.apply(wallets.balance_imported(user_id="u", balance_cents=5 * A))
    book.apply(wallets.account_imported(account=escrow("b"), amount_cents=2 * A))
    return book


def test_the_table_is_that_of_the_contract() -> None:
    found = {(each.type.value, each.sign, each.status.value): set(each.rules) for each in MAPPINGS}

    assert found == CONTRACT
    assert len(MAPPINGS) == len(CONTRACT)


@pytest.mark.parametrize("rule", MAPPINGS, ids=lambda each: f"{each.type}-{each.status}")
def test_a_row_is_read_as_entries_of_its_rules(rule: LegacyRule) -> None:
    amount = rule.sign * A
    old = row(rule.type, amount, rule.status, fee_cents=500, transfer_id="tr", payout_id="po")
    allowed = {kind for number in rule.rules for kind in RULES[number - 1].kinds}

    transfers = transfers_of(old)

    assert {transfer.kind for transfer in transfers} <= allowed
    assert bool(transfers) is (rule.type not in DISPLAY_ONLY)
    assert rule.shown_as


@pytest.mark.parametrize("rule", MAPPINGS, ids=lambda each: f"{each.type}-{each.status}")
def test_the_entries_of_a_row_change_the_wallet_by_its_amount(rule: LegacyRule) -> None:
    amount = rule.sign * A
    book = prepared()
    before = book.cents(available("u")) + book.cents(debt("u"))

    for transfer in transfers_of(row(rule.type, amount, rule.status)):
        book.apply(transfer)

    change = book.cents(available("u")) + book.cents(debt("u")) - before
    is_back = rule.type is RowType.WITHDRAWAL and rule.status is RowStatus.FAILED
    assert change == (0 if rule.type in NO_WALLET or is_back else amount)
    assert book.imbalance_cents == 0


def test_a_release_has_the_fee_of_its_metadata() -> None:
    [release] = transfers_of(row(RowType.RELEASE, 9_501, fee_cents=499))

    assert release.amount_cents == A
    assert (FEES, 499) in {(line.account, line.amount_cents) for line in release.postings}


def test_a_release_after_a_dispute_had_no_fee() -> None:
    [release] = transfers_of(row(RowType.RELEASE, A))

    assert release.amount_cents == A
    assert len(release.postings) == 2


def test_the_rest_of_a_partial_refund_is_booked() -> None:
    [settled] = transfers_of(row(RowType.REFUND, 4_000, escrow_cents=A))
    [whole] = transfers_of(row(RowType.REFUND, A, escrow_cents=A))

    assert (settled.kind, settled.amount_cents) == (Kind.SETTLEMENT, A)
    assert (FEES, 6_000) in {(line.account, line.amount_cents) for line in settled.postings}
    assert whole.kind is Kind.REFUND


@pytest.mark.parametrize(
    ("more", "kinds"),
    [
        ({}, [Kind.WITHDRAWAL, Kind.WITHDRAWAL_VOID]),
        ({"transfer_id": "tr"}, [Kind.WITHDRAWAL, Kind.TRANSFER, Kind.TRANSFER_REVERSAL]),
        (
            {"transfer_id": "tr", "payout_id": "po"},
            [Kind.WITHDRAWAL, Kind.TRANSFER, Kind.TRANSFER_REVERSAL],
        ),
    ],
)
def test_a_failed_withdrawal_is_back_in_the_wallet(more: dict[str, str], kinds: list[Kind]) -> None:
    book = prepared()
    transfers = transfers_of(row(RowType.WITHDRAWAL, -A, RowStatus.FAILED, **more))
    for transfer in transfers:
        book.apply(transfer)

    assert [transfer.kind for transfer in transfers] == kinds
    assert book.cents(available("u")) == 5 * A
    assert book.cents(in_flight("17")) == 0


def test_a_withdrawal_without_proof_of_its_payout_stays_on_its_way() -> None:
    book = prepared()
    for transfer in transfers_of(row(RowType.WITHDRAWAL, -A)):
        book.apply(transfer)
    assert book.cents(in_flight("17")) == A

    for transfer in transfers_of(row(RowType.WITHDRAWAL, -A, payout_id="po")):
        book.apply(transfer)
    assert book.cents(in_flight("17")) == 0


def test_a_loss_that_was_never_debited_is_all_debt() -> None:
    opened, _, lost = transfers_of(row(RowType.DISPUTE_LOSS, -A, RowStatus.FAILED))

    assert opened.postings == ()
    assert (debt("u"), -A) in {(line.account, line.amount_cents) for line in lost.postings}


def test_old_ids_are_kept_and_missing_ones_are_the_row_s_own() -> None:
    assert transfers_of(row(RowType.DEPOSIT, A, intent_id="pi_9"))[0].business_key == "deposit:pi_9"
    assert transfers_of(row(RowType.DEPOSIT, A))[0].business_key == "deposit:legacy:17"
    assert transfers_of(row(RowType.REFUND, -A, refund_id="re_9"))[0].business_key == "refund:re_9"
    released = transfers_of(
        row(
            RowType.BOUNTY_PAYMENT,
            A,
            RowStatus.RELEASED,
            fee_cents=500,
            transfer_id="tr_9",
            account_id="acct_9",
        )
    )
    assert released[2].business_key == "transfer:tr_9"
    assert str(released[2].postings[1].account) == "stripe:connect:acct_9"
    lost = transfers_of(row(RowType.DISPUTE_LOSS, -A, dispute_id="dp_9"))
    assert [each.business_key for each in lost] == [
        f"chargeback:dp_9:{word}" for word in ("open", "withdrawn", "lost")
    ]


@pytest.mark.parametrize(
    ("row_type", "amount", "status"),
    [
        (RowType.DEPOSIT, -A, RowStatus.COMPLETED),
        (RowType.DEPOSIT, A, RowStatus.PENDING),
        (RowType.ESCROW, A, RowStatus.COMPLETED),
        (RowType.RELEASE, 0, RowStatus.COMPLETED),
        (RowType.BOUNTY_PAYMENT, A, RowStatus.PENDING),
    ],
)
def test_a_row_that_nothing_wrote_is_for_a_person(
    row_type: RowType, amount: int, status: RowStatus
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        rule_of(row(row_type, amount, status))

    assert refusal.value.error_code == "unknown_legacy_row"


@pytest.mark.parametrize("row_type", ["deposit", "release", "refund", "bounty_received"])
def test_rows_without_a_sign_come_in_by_their_type(row_type: str) -> None:
    assert signed_cents(RowType(row_type), A) == A


@pytest.mark.parametrize("row_type", ["withdrawal", "escrow", "bounty_posted"])
def test_rows_without_a_sign_go_out_by_their_type(row_type: str) -> None:
    assert signed_cents(RowType(row_type), A) == -A


@pytest.mark.parametrize(
    ("row_type", "amount"),
    [("admin_adjustment", A), ("deposit", -A), ("escrow", 0), ("deposit", 0)],
)
def test_a_type_says_no_sign_where_it_had_one(row_type: str, amount: int) -> None:
    with pytest.raises(InvalidRequest):
        signed_cents(RowType(row_type), amount)


HELD = chargebacks.chargeback_opened(
    chargeback_id="dp", user_id="u", amount_cents=A, available_cents=4_000
)
assert HELD.hold is not None

SHOWN: list[tuple[Transfer, Shown | None]] = [
    (
        wallets.deposit_captured(intent_id="pi", user_id="u", amount_cents=A),
        Shown(type=RowType.DEPOSIT, amount_cents=A, method="Stripe"),
    ),
    (
        wallets.escrow_held(bounty_id="b", poster_id="u", amount_cents=A),
        Shown(type=RowType.ESCROW, amount_cents=-A, method="Wallet", bounty_id="b"),
    ),
    (
        wallets.escrow_released(bounty_id="b", hunter_id="u", amount_cents=A, fee_bps=500),
        Shown(type=RowType.RELEASE, amount_cents=9_500, method="Wallet", bounty_id="b"),
    ),
    (
        wallets.escrow_refunded(bounty_id="b", poster_id="u", amount_cents=A),
        Shown(type=RowType.REFUND, amount_cents=A, method="Wallet", bounty_id="b"),
    ),
    (
        chargebacks.deposit_refunded(
            refund_id="re", user_id="u", amount_cents=A, available_cents=4_000
        ),
        Shown(type=RowType.REFUND, amount_cents=-A, method="Stripe"),
    ),
    (
        payouts.withdrawal_requested(withdrawal_id="w", user_id="u", amount_cents=A),
        Shown(type=RowType.WITHDRAWAL, amount_cents=-A, method="Stripe"),
    ),
    (
        chargebacks.chargeback_lost(hold=HELD.hold),
        Shown(type=RowType.DISPUTE_LOSS, amount_cents=-A, method="Stripe"),
    ),
    (
        wallets.balance_adjusted(request_id="a", user_id="u", amount_cents=-A),
        Shown(type=RowType.ADMIN_ADJUSTMENT, amount_cents=-A, method="Wallet"),
    ),
    (
        wallets.escrow_funded_by_card(bounty_id="b", amount_cents=A),
        Shown(
            type=RowType.ESCROW, amount_cents=-A, method="Stripe", bounty_id="b", moves_wallet=False
        ),
    ),
    (
        wallets.escrow_released_to_connect(
            bounty_id="b", withdrawal_id="w", amount_cents=A, fee_bps=500
        ),
        Shown(
            type=RowType.RELEASE,
            amount_cents=9_500,
            method="Stripe",
            bounty_id="b",
            moves_wallet=False,
        ),
    ),
    (
        msgspec.structs.replace(wallets.escrow_refund_requested(bounty_id="b", amount_cents=A)),
        Shown(
            type=RowType.REFUND, amount_cents=A, method="Stripe", bounty_id="b", moves_wallet=False
        ),
    ),
    (HELD, None),
    (wallets.processing_fee_known(balance_transaction_id="txn", fee_cents=1), None),
    (wallets.deposit_captured(intent_id="pi", user_id="other", amount_cents=A), None),
]


@pytest.mark.parametrize(("transfer", "expected"), SHOWN)
def test_a_new_entry_looks_like_a_row(transfer: Transfer, expected: Shown | None) -> None:
    assert shown(transfer, "u") == expected


def test_a_split_is_a_refund_to_one_side_and_a_release_to_the_other() -> None:
    parts = partial(A, refund_cents=6_000, fee_bps=500)
    split = wallets.escrow_settled(bounty_id="b", poster_id="p", hunter_id="h", parts=parts)

    assert shown(split, "p") == Shown(
        type=RowType.REFUND, amount_cents=6_000, method="Wallet", bounty_id="b"
    )
    assert shown(split, "h", is_hunter=True) == Shown(
        type=RowType.RELEASE, amount_cents=3_800, method="Wallet", bounty_id="b"
    )


def test_an_entry_that_was_shown_reads_back_as_the_same_row() -> None:
    """Both ways: a row becomes an entry, and the entry is shown as that row."""
    both_ways = [
        (RowType.DEPOSIT, A),
        (RowType.ESCROW, -A),
        (RowType.RELEASE, A),
        (RowType.REFUND, A),
        (RowType.REFUND, -A),
        (RowType.WITHDRAWAL, -A),
        (RowType.DISPUTE_LOSS, -A),
        (RowType.ADMIN_ADJUSTMENT, A),
        (RowType.ADMIN_ADJUSTMENT, -A),
    ]
    for row_type, amount in both_ways:
        views = [shown(transfer, "u") for transfer in transfers_of(row(row_type, amount))]
        [view] = [each for each in views if each is not None]
        assert (view.type, view.amount_cents) == (row_type, amount)


@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        ([Kind.WITHDRAWAL], "pending"),
        ([Kind.WITHDRAWAL, Kind.TRANSFER], "completed"),
        ([Kind.WITHDRAWAL, Kind.TRANSFER, Kind.PAYOUT], "completed"),
        ([Kind.WITHDRAWAL, Kind.WITHDRAWAL_VOID], "failed"),
        ([Kind.WITHDRAWAL, Kind.TRANSFER, Kind.TRANSFER_REVERSAL], "failed"),
        ([Kind.WITHDRAWAL, Kind.MANUAL_SETTLEMENT], "manually_paid"),
    ],
)
def test_what_clients_see_of_a_withdrawal(kinds: list[Kind], status: str) -> None:
    assert withdrawal_status(kinds) == status
