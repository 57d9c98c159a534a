"""The wallet as its owner sees it (contract money §2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bountyexpo.domain import amounts
from bountyexpo.domain.field_types import Moment
from bountyexpo.operations.catalogue import READ, operation
from bountyexpo.persistence.money import ledger

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call


class BalanceView(msgspec.Struct, kw_only=True):
    """``balance`` is in dollars and includes held money; the rest is in cents."""

    balance: float
    currency: str
    balanceCents: int
    availableCents: int
    heldCents: int
    version: int
    payoutFailedAt: Moment | None = None
    payoutFailureCode: str | None = None


@operation(
    "wallet.balance",
    http="GET /wallet/balance",
    rate=READ,
)
async def wallet_balance(call: Call) -> BalanceView:
    """Read the caller's balance."""
    wallet = await ledger.wallet(call.services.db, call.user_id)
    return BalanceView(
        balance=amounts.dollars(wallet.balance_cents),
        currency=amounts.CURRENCY,
        balanceCents=wallet.balance_cents,
        availableCents=wallet.available_cents,
        heldCents=wallet.held_cents,
        version=wallet.version,
    )


async def balance_of(call: Call) -> float:
    """Return all that is the caller's, in dollars."""
    return amounts.dollars((await ledger.wallet(call.services.db, call.user_id)).balance_cents)
