"""The escrow as the old wallet told of it (contract money §2.2).

The app takes a 409 of a release for a payment when its text says "already released", and any 409
``duplicate_transaction`` of an escrow for the price being locked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from bountyexpo.domain import amounts, limits
from bountyexpo.domain.field_types import Cents, Dollars, Id, shown, text
from bountyexpo.domain.money.ledger.wallets import funding_key
from bountyexpo.errors import Conflict, InvalidRequest
from bountyexpo.operations.catalogue import PAYMENT, WRITE, operation
from bountyexpo.operations.idempotency.keeps import Keeps
from bountyexpo.operations.market.escrows.bounty_payments import (
    BY_BOUNTY,
    BY_HUNTER,
    Release,
    funded,
    give_back,
    pay_out,
    refunded_view,
    released_view,
)
from bountyexpo.operations.money.wallet import balance_of
from bountyexpo.persistence.money import ledger

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call

WHOLE = 100


class WalletEscrow(msgspec.Struct, kw_only=True):
    """Which bounty is paid for, and what the client takes its price to be."""

    bounty_id: Id
    amount: Dollars | None = None
    amount_cents: Cents | None = None


class WalletRefund(msgspec.Struct, kw_only=True):
    """How much of the price shall come back; less than all of it has to be agreed."""

    bounty_id: Id
    reason: Annotated[str, text(0, limits.CANCELLATION_REASON_CHARS_MAX)] | None = None
    refund_percentage: Annotated[float, shown(minimum=0, maximum=WHOLE)] = WHOLE


class Held(msgspec.Struct, kw_only=True):
    """The price is locked; in dollars."""

    success: bool
    transactionId: str
    amount: float
    newBalance: float
    message: str


class WalletReleased(msgspec.Struct, kw_only=True):
    """The hunter was paid; in dollars."""

    success: bool
    transactionId: str
    releaseAmount: float
    platformFee: float
    posterBalance: float
    message: str


class WalletRefunded(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The price came back; in dollars."""

    success: bool
    transactionId: str
    amount: float
    posterBalance: float
    message: str
    duplicate: bool = False


@operation(
    "wallet.hold",
    http="POST /wallet/escrow",
    successor="POST /bounty-payments/create",
    rate=WRITE,
    aliased_fields=BY_BOUNTY | {"amountCents": "amount_cents"},
    keeps=Keeps.NOTHING,
)
async def hold_price(call: Call, request: WalletEscrow) -> Held:
    """Lock the price of a bounty; since posting it has done so, this is 409 with what is locked."""
    bounty, escrow = await funded(call, request.bounty_id, "wallet.hold")
    cents = amounts.cents_of_price(request.amount, request.amount_cents)
    if cents and cents != escrow.amount_cents:
        raise InvalidRequest("This is not the price of the bounty.", code="amount_mismatch")
    key = funding_key(bounty.id, escrow.round)
    held = await ledger.booked(call.services.db, key, call.user_id)
    raise Conflict(
        "The price of this bounty is locked already.",
        code="duplicate_transaction",
        transactionId=held.id if held else None,
        amount=amounts.dollars(escrow.amount_cents),
        newBalance=await balance_of(call),
    )


@operation(
    "wallet.release",
    http="POST /wallet/release",
    successor="POST /bounty-payments/release",
    rate=PAYMENT,
    aliased_fields=BY_HUNTER,
)
async def release_price(call: Call, request: Release) -> WalletReleased:
    """Approve the work that waits, which pays the hunter; what was paid before is 409."""
    bounty, escrow = await funded(call, request.bounty_id, "wallet.release")
    is_repeat = await pay_out(call, bounty, escrow, request.hunter_id)
    told = await released_view(call, bounty.id, is_repeat=is_repeat)
    if is_repeat:
        raise Conflict(
            "The price was already released to the hunter.",
            code="duplicate_transaction",
            transactionId=told.transferId,
            releaseAmount=told.hunterAmount,
            platformFee=told.platformFee,
        )
    return WalletReleased(
        success=True,
        transactionId=told.transferId,
        releaseAmount=told.hunterAmount,
        platformFee=told.platformFee,
        posterBalance=await balance_of(call),
        message="The hunter was paid.",
    )


@operation(
    "wallet.refund",
    http="POST /wallet/refund",
    successor="POST /bounty-payments/cancel",
    rate=PAYMENT,
    aliased_fields=BY_BOUNTY | {"refundPercentage": "refund_percentage"},
)
async def refund_price(call: Call, request: WalletRefund) -> WalletRefunded:
    """Cancel a bounty that nobody works on, which gives the whole price back."""
    bounty, escrow = await funded(call, request.bounty_id, "wallet.refund")
    if request.refund_percentage < WHOLE and not bounty.hunter_id:
        message = "Of a bounty that nobody works on everything goes back."
        raise InvalidRequest(message, code="invalid_split")
    is_repeat = await give_back(call, bounty, escrow, request.reason)
    told = await refunded_view(call, bounty, is_repeat=is_repeat)
    return WalletRefunded(
        success=True,
        transactionId=told.refundId,
        amount=told.amount,
        posterBalance=await balance_of(call),
        message="The price came back to the wallet.",
        duplicate=is_repeat,
    )
