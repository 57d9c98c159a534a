"""The old wallet and the ledger: every row type of the one is a rule of the other (money §1.6).

``MAPPINGS`` is the table: for each type, sign and status of a row the rules it stands for, and how
to read it as the transfers that would have written it. The way back is ``ledger_statement``. After
an import the old rows are statement lines only; balances come by the opening entries of rule 27.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

from bountyexpo.domain.money.fees import Settlement
from bountyexpo.domain.money.ledger import chargebacks, payouts, wallets
from bountyexpo.domain.money.ledger.accounts import available, in_flight
from bountyexpo.domain.money.ledger.transfers import Transfer, post
from bountyexpo.errors import InvalidRequest


class RowType(StrEnum):
    """The types of ``wallet_transactions``, and those that only clients or other tables had."""

    DEPOSIT = "deposit"
    ESCROW = "escrow"
    BOUNTY_POSTED = "bounty_posted"
    RELEASE = "release"
    REFUND = "refund"
    WITHDRAWAL = "withdrawal"
    DISPUTE_LOSS = "dispute_loss"
    ADMIN_ADJUSTMENT = "admin_adjustment"
    PLATFORM_FEE = "platform_fee"
    PLATFORM_LEDGER = "platform_ledger"
    BOUNTY_COMPLETED = "bounty_completed"
    BOUNTY_RECEIVED = "bounty_received"
    INSTANT_FEE_AMOUNT = "instant_fee_amount"
    BOUNTY_PAYMENT = "bounty_payments"


class RowStatus(StrEnum):
    """The statuses of wallet rows, and those of ``bounty_payments`` in which money has moved."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    MANUALLY_PAID = "manually_paid"
    CAPTURED = "captured"
    RELEASED = "released"
    REFUNDED = "refunded"


# Rows that kept a positive amount are signed by their type.
COMING_IN: Final = frozenset(
    {RowType.DEPOSIT, RowType.RELEASE, RowType.REFUND, RowType.BOUNTY_RECEIVED}
)
GOING_OUT: Final = frozenset({RowType.WITHDRAWAL, RowType.ESCROW, RowType.BOUNTY_POSTED})


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the old wallet in signed cents; an id that a row does not have is its own id."""

    id: str
    type: RowType
    status: RowStatus = RowStatus.COMPLETED
    amount_cents: int
    user_id: str
    bounty_id: str = ""
    # The fee in the metadata of a release; none was taken after a dispute.
    fee_cents: int = 0
    # What was in escrow, where less than that was given back.
    escrow_cents: int = 0
    intent_id: str = ""
    refund_id: str = ""
    dispute_id: str = ""
    transfer_id: str = ""
    account_id: str = ""
    payout_id: str = ""

    def reference(self, found: str) -> str:
        """Return an outside id, or this row's own where the old app kept none."""
        return found or f"legacy:{self.id}"


class LegacyRule(msgspec.Struct, frozen=True):
    """One line of the table; ``rules`` are the numbers of contract money §1.6."""

    type: RowType
    sign: int
    status: RowStatus
    rules: tuple[int, ...]
    read: Callable[[Row], tuple[Transfer, ...]]
    # What the wallet's list says of a new transfer of this kind.
    shown_as: str


def transfers_of(row: Row) -> tuple[Transfer, ...]:
    """Return the transfers that would have written this row; none for a display-only row.

    Raises:
        InvalidRequest: no old app ever wrote such a row; it is for a person to look at.
    """
    return rule_of(row).read(row)


def rule_of(row: Row) -> LegacyRule:
    """Return the line of the table that this row falls under.

    Raises:
        InvalidRequest: there is none.
    """
    sign = (row.amount_cents > 0) - (row.amount_cents < 0)
    for rule in MAPPINGS:
        if (rule.type, rule.sign, rule.status) == (row.type, sign, row.status):
            return rule
    raise InvalidRequest(
        f"No rule covers a {row.status} row of type {row.type}.", code="unknown_legacy_row"
    )


def signed_cents(row_type: RowType, amount_cents: int) -> int:
    """Return the signed amount of a row that was kept without a sign.

    Raises:
        InvalidRequest: rows of this type had a sign of their own, or there is one already.
    """
    if amount_cents > 0 and row_type in COMING_IN:
        return amount_cents
    if amount_cents > 0 and row_type in GOING_OUT:
        return -amount_cents
    raise InvalidRequest(
        f"A row of type {row_type} cannot be signed by its type.", code="unknown_legacy_row"
    )


def _nothing(_row: Row) -> tuple[Transfer, ...]:
    """A row that only a client, or a table beside the wallet, had: its money is in another row."""
    return ()


def _deposit(row: Row) -> tuple[Transfer, ...]:
    return (
        wallets.deposit_captured(
            intent_id=row.reference(row.intent_id),
            user_id=row.user_id,
            amount_cents=row.amount_cents,
        ),
    )


def _escrow(row: Row) -> tuple[Transfer, ...]:
    return (
        wallets.escrow_held(
            bounty_id=row.bounty_id, poster_id=row.user_id, amount_cents=-row.amount_cents
        ),
    )


def _release(row: Row) -> tuple[Transfer, ...]:
    return (
        wallets.release_imported(
            bounty_id=row.bounty_id,
            to=available(row.user_id),
            parts=Settlement(hunter_cents=row.amount_cents, fee_cents=row.fee_cents),
        ),
    )


def _refund(row: Row) -> tuple[Transfer, ...]:
    """Nobody was ever given the rest of a partial refund; it is the platform's until claimed."""
    rest_cents = max(row.escrow_cents, row.amount_cents) - row.amount_cents
    if not rest_cents:
        return (
            wallets.escrow_refunded(
                bounty_id=row.bounty_id, poster_id=row.user_id, amount_cents=row.amount_cents
            ),
        )
    parts = Settlement(refund_cents=row.amount_cents, cancellation_fee_cents=rest_cents)
    return (
        wallets.escrow_settled(
            bounty_id=row.bounty_id, poster_id=row.user_id, hunter_id=None, parts=parts
        ),
    )


def _card_refund(row: Row) -> tuple[Transfer, ...]:
    return (
        chargebacks.deposit_refunded(
            refund_id=row.reference(row.refund_id),
            user_id=row.user_id,
            amount_cents=-row.amount_cents,
            available_cents=-row.amount_cents,
        ),
    )


def _requested(row: Row) -> tuple[Transfer, ...]:
    return (
        payouts.withdrawal_requested(
            withdrawal_id=row.id, user_id=row.user_id, amount_cents=-row.amount_cents
        ),
    )


def _transferred(row: Row) -> tuple[Transfer, ...]:
    account_id, amount_cents = row.reference(row.account_id), -row.amount_cents
    transfer = payouts.transfer_created(
        transfer_id=row.reference(row.transfer_id),
        withdrawal_id=row.id,
        stripe_account_id=account_id,
        amount_cents=amount_cents,
    )
    if not row.payout_id:
        return (*_requested(row), transfer)
    paid = payouts.payout_paid(
        payout_id=row.payout_id,
        withdrawal_id=row.id,
        stripe_account_id=account_id,
        amount_cents=amount_cents,
    )
    return (*_requested(row), transfer, paid)


def _returned(row: Row) -> tuple[Transfer, ...]:
    """A failed withdrawal came back: before its transfer, or by a reversal of it."""
    amount_cents = -row.amount_cents
    if not row.transfer_id:
        voided = payouts.withdrawal_voided(
            withdrawal_id=row.id, user_id=row.user_id, amount_cents=amount_cents
        )
        return (*_requested(row), voided)
    taken_back = payouts.transfer_reversed(
        reversal_id=row.reference(""),
        withdrawal_id=row.id,
        user_id=row.user_id,
        stripe_account_id=row.reference(row.account_id),
        amount_cents=amount_cents,
    )
    return (*_transferred(msgspec.structs.replace(row, payout_id="")), taken_back)


def _paid_by_hand(row: Row) -> tuple[Transfer, ...]:
    settled = payouts.settled_by_hand(withdrawal_id=row.id, amount_cents=-row.amount_cents)
    return (*_requested(row), settled)


def _lost(row: Row) -> tuple[Transfer, ...]:
    """What was debited for a lost chargeback; a failed debit is all debt."""
    dispute_id, amount_cents = row.reference(row.dispute_id), -row.amount_cents
    opened = chargebacks.chargeback_opened(
        chargeback_id=dispute_id,
        user_id=row.user_id,
        amount_cents=amount_cents,
        available_cents=amount_cents if row.status is RowStatus.COMPLETED else 0,
    )
    assert opened.hold is not None
    withdrawn = chargebacks.chargeback_funds_withdrawn(
        chargeback_id=dispute_id, amount_cents=amount_cents
    )
    return opened, withdrawn, chargebacks.chargeback_lost(hold=opened.hold)


def _adjustment(row: Row) -> tuple[Transfer, ...]:
    return (
        wallets.balance_adjusted(
            request_id=row.reference(""), user_id=row.user_id, amount_cents=row.amount_cents
        ),
    )


def _instant_fee(row: Row) -> tuple[Transfer, ...]:
    return (
        payouts.instant_fee_charged(
            withdrawal_id=row.id, user_id=row.user_id, fee_cents=-row.amount_cents
        ),
    )


def _card_funded(row: Row) -> tuple[Transfer, ...]:
    return (wallets.escrow_funded_by_card(bounty_id=row.bounty_id, amount_cents=row.amount_cents),)


def _card_released(row: Row) -> tuple[Transfer, ...]:
    """A release to a connected account; the fee is the one that was taken, whatever the rate."""
    hunter_cents = row.amount_cents - row.fee_cents
    released = wallets.release_imported(
        bounty_id=row.bounty_id,
        to=in_flight(row.id),
        parts=Settlement(hunter_cents=hunter_cents, fee_cents=row.fee_cents),
    )
    moved = payouts.transfer_created(
        transfer_id=row.reference(row.transfer_id),
        withdrawal_id=row.id,
        stripe_account_id=row.reference(row.account_id),
        amount_cents=hunter_cents,
    )
    return (*_card_funded(row), released, moved)


def _card_refunded(row: Row) -> tuple[Transfer, ...]:
    requested = wallets.escrow_refund_requested(
        bounty_id=row.bounty_id, amount_cents=row.amount_cents
    )
    return (*_card_funded(row), requested, post(requested))


OF_RELEASE: Final = "a release"
NOT_SHOWN: Final = "nothing"
BY_CARD: Final = "an escrow, release or refund by card that moves no wallet"

MAPPINGS: Final[tuple[LegacyRule, ...]] = (
    LegacyRule(RowType.DEPOSIT, 1, RowStatus.COMPLETED, (1,), _deposit, "the same"),
    LegacyRule(RowType.ESCROW, -1, RowStatus.COMPLETED, (3,), _escrow, "the same"),
    LegacyRule(RowType.BOUNTY_POSTED, -1, RowStatus.COMPLETED, (3,), _escrow, "an escrow"),
    LegacyRule(RowType.RELEASE, 1, RowStatus.COMPLETED, (5,), _release, "the same"),
    LegacyRule(RowType.REFUND, 1, RowStatus.COMPLETED, (7, 9), _refund, "the same"),
    LegacyRule(RowType.REFUND, -1, RowStatus.COMPLETED, (23,), _card_refund, "the same"),
    LegacyRule(RowType.WITHDRAWAL, -1, RowStatus.PENDING, (10,), _requested, "the same"),
    LegacyRule(RowType.WITHDRAWAL, -1, RowStatus.COMPLETED, (10, 11, 12), _transferred, "the same"),
    LegacyRule(RowType.WITHDRAWAL, -1, RowStatus.FAILED, (10, 11, 13, 14), _returned, "the same"),
    LegacyRule(
        RowType.WITHDRAWAL, -1, RowStatus.MANUALLY_PAID, (10, 16), _paid_by_hand, "the same"
    ),
    LegacyRule(RowType.DISPUTE_LOSS, -1, RowStatus.COMPLETED, (20, 22), _lost, "the same"),
    LegacyRule(RowType.DISPUTE_LOSS, -1, RowStatus.FAILED, (20, 22), _lost, "the same"),
    LegacyRule(RowType.ADMIN_ADJUSTMENT, 1, RowStatus.COMPLETED, (24,), _adjustment, "the same"),
    LegacyRule(RowType.ADMIN_ADJUSTMENT, -1, RowStatus.COMPLETED, (24,), _adjustment, "the same"),
    LegacyRule(RowType.PLATFORM_FEE, -1, RowStatus.COMPLETED, (5, 6, 9), _nothing, NOT_SHOWN),
    LegacyRule(RowType.PLATFORM_LEDGER, 1, RowStatus.COMPLETED, (5, 6, 9), _nothing, NOT_SHOWN),
    LegacyRule(RowType.BOUNTY_COMPLETED, 1, RowStatus.COMPLETED, (5,), _nothing, OF_RELEASE),
    LegacyRule(RowType.BOUNTY_RECEIVED, 1, RowStatus.COMPLETED, (5,), _nothing, OF_RELEASE),
    LegacyRule(
        RowType.INSTANT_FEE_AMOUNT,
        -1,
        RowStatus.COMPLETED,
        (17,),
        _instant_fee,
        "a field of the withdrawal",
    ),
    LegacyRule(RowType.BOUNTY_PAYMENT, 1, RowStatus.CAPTURED, (4,), _card_funded, BY_CARD),
    LegacyRule(RowType.BOUNTY_PAYMENT, 1, RowStatus.RELEASED, (4, 6, 11), _card_released, BY_CARD),
    LegacyRule(RowType.BOUNTY_PAYMENT, 1, RowStatus.REFUNDED, (4, 8), _card_refunded, BY_CARD),
)
