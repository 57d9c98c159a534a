"""The wallet's list: transfers as the rows that shipped clients know (contract money §1.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from bountyexpo.domain.money.ledger.accounts import AccountKind
from bountyexpo.domain.money.ledger.legacy import RowStatus, RowType
from bountyexpo.domain.money.ledger.transfers import Kind, Transfer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer as a row of the wallet's list; ``moves_wallet`` is false for money of a card."""

    type: RowType
    amount_cents: int
    method: str
    bounty_id: str | None = None
    moves_wallet: bool = True


# Kinds of transfers that clients see, and where that money was.
SHOWN_AS: Final[Mapping[Kind, tuple[RowType, str]]] = {
    Kind.DEPOSIT: (RowType.DEPOSIT, "Stripe"),
    Kind.ESCROW: (RowType.ESCROW, "Wallet"),
    Kind.RELEASE: (RowType.RELEASE, "Wallet"),
    Kind.REFUND: (RowType.REFUND, "Wallet"),
    Kind.CARD_REFUND: (RowType.REFUND, "Stripe"),
    Kind.WITHDRAWAL: (RowType.WITHDRAWAL, "Stripe"),
    Kind.CHARGEBACK_LOST: (RowType.DISPUTE_LOSS, "Stripe"),
    Kind.ADJUSTMENT: (RowType.ADMIN_ADJUSTMENT, "Wallet"),
    # Paid by card: each is listed for the one whose money it is, and no wallet has moved.
    Kind.ESCROW_BY_CARD: (RowType.ESCROW, "Stripe"),
    Kind.RELEASE_TO_CONNECT: (RowType.RELEASE, "Stripe"),
    Kind.REFUND_TO_CARD: (RowType.REFUND, "Stripe"),
}


def shown(transfer: Transfer, user_id: str, *, is_hunter: bool = False) -> Shown | None:
    """Return the row that ``user_id`` sees of a posted transfer, or None where there is none.

    ``is_hunter`` tells the two sides of a split apart.
    """
    own_cents = sum(
        line.amount_cents for line in transfer.postings if line.account.user_id == user_id
    )
    bounty_id = transfer.reference_id if transfer.reference_type == "bounty" else None
    found = SHOWN_AS.get(transfer.kind)
    if transfer.kind is Kind.SETTLEMENT:
        found = (RowType.RELEASE if is_hunter else RowType.REFUND), "Wallet"
    if found is None:
        return None
    row_type, method = found
    if own_cents:
        return Shown(type=row_type, amount_cents=own_cents, method=method, bounty_id=bounty_id)
    if transfer.users:
        return None
    return Shown(
        type=row_type,
        amount_cents=_card_cents(transfer),
        method=method,
        bounty_id=bounty_id,
        moves_wallet=False,
    )


def withdrawal_status(kinds: Iterable[Kind]) -> RowStatus:
    """Return the status that clients see of a withdrawal with these transfers."""
    present = frozenset(kinds)
    if Kind.MANUAL_SETTLEMENT in present:
        return RowStatus.MANUALLY_PAID
    if present & {Kind.WITHDRAWAL_VOID, Kind.TRANSFER_REVERSAL}:
        return RowStatus.FAILED
    return RowStatus.COMPLETED if Kind.TRANSFER in present else RowStatus.PENDING


def _card_cents(transfer: Transfer) -> int:
    """Return what money of a card means to its owner: paid, given back, or earned."""
    if transfer.kind is Kind.ESCROW_BY_CARD:
        return -transfer.amount_cents
    earned = (
        line.amount_cents
        for line in transfer.postings
        if line.account.kind is AccountKind.WITHDRAWAL_IN_FLIGHT
    )
    return sum(earned) or transfer.amount_cents
