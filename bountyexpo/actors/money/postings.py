"""The one way to move money: write a transfer, and tell those whose money it is.

The ledger writes rows and tells nobody; what their owners hear of them is said here, in the same
transaction (contract realtime §4.6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.amounts import CURRENCY
from bountyexpo.domain.money.events import WalletBalance, WalletTransaction
from bountyexpo.domain.money.ledger.legacy import RowStatus
from bountyexpo.domain.money.ledger.statement import shown
from bountyexpo.domain.money.ledger.transfers import Kind, Phase, Transfer
from bountyexpo.persistence.money import escrows, ledger

if TYPE_CHECKING:
    from bountyexpo.persistence.money.ledger import Written
    from bountyexpo.persistence.transaction import Transaction


async def post(
    tx: Transaction, transfer: Transfer, *, actor_id: str | None = None, reason: str | None = None
) -> bool:
    """Write ``transfer`` and what it brings about; return False if it was there.

    Raises what ``ledger.post`` raises.
    """
    written = await ledger.post(tx, transfer, actor_id=actor_id, reason=reason)
    for new in written:
        await _tell_rows(tx, new)
    for user_id in sorted({user_id for new in written for user_id in new.transfer.users}):
        await _tell_balance(tx, user_id)
    return bool(written)


async def _tell_rows(tx: Transaction, new: Written) -> None:
    """Tell each one whose wallet's list has a new row."""
    transfer = new.transfer
    status = RowStatus.PENDING if transfer.phase is Phase.PENDING else RowStatus.COMPLETED
    for user_id in transfer.users:
        # The two sides of a split look alike.
        is_split = transfer.kind is Kind.SETTLEMENT
        is_hunter = is_split and await escrows.hunts(tx, transfer.reference_id, user_id)
        row = shown(transfer, user_id, is_hunter=is_hunter)
        if row is not None:
            event = WalletTransaction(
                transaction_id=new.id,
                transaction_type=row.type.value,
                amount_cents=row.amount_cents,
                method=row.method,
                bounty_id=row.bounty_id,
                status=status.value,
            )
            tx.event(event, of=user_id, users=(user_id,))


async def _tell_balance(tx: Transaction, user_id: str) -> None:
    wallet = await ledger.wallet(tx, user_id)
    event = WalletBalance(
        available_cents=wallet.available_cents,
        held_cents=wallet.held_cents,
        pending_cents=0,
        currency=CURRENCY,
        version=wallet.version,
    )
    tx.event(event, of=user_id, users=(user_id,))
