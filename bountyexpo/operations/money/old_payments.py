"""Deposits by the paths of old clients (contract money §2.2, §2.5).

A wallet of the phone is one more way to pay for an intent; what it has paid for is credited like
any other deposit, once, and never because a client says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from bountyexpo.actors.money.payment_messages import LookAtIntent
from bountyexpo.domain import amounts, limits
from bountyexpo.domain.field_types import Dollars, Id, ProviderId, text
from bountyexpo.domain.money.ledger.wallets import deposit_key
from bountyexpo.errors import InvalidRequest
from bountyexpo.operations.catalogue import PAYMENT, operation
from bountyexpo.operations.idempotency.keeps import Keeps
from bountyexpo.operations.idempotency.requests import IdempotencyKey
from bountyexpo.operations.money.payments import (
    DONE,
    PROVIDER_ASK_S,
    IntentView,
    NewIntent,
    create_intent,
    own_deposit,
)
from bountyexpo.operations.money.wallet import balance_of
from bountyexpo.persistence.money import ledger

if TYPE_CHECKING:
    from bountyexpo.actors.money.payment_messages import IntentAnswer
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.money.payments import Payment


class ApplePayIntent(msgspec.Struct, kw_only=True):
    """A deposit in whole cents; a bounty is named for the client's own use."""

    amountCents: Annotated[int, msgspec.Meta(ge=1, le=amounts.CENTS_MAX)]
    bountyId: Id | None = None
    description: Annotated[str, text(0, limits.DEPOSIT_NOTE_CHARS_MAX)] | None = None
    idempotencyKey: IdempotencyKey | None = None


class ApplePayConfirmation(msgspec.Struct, kw_only=True):
    """The intent that the phone has paid for."""

    paymentIntentId: ProviderId
    bountyId: Id | None = None


class ApplePayView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How the intent stands; the amount is in cents."""

    success: bool
    status: str
    amount: int
    paymentIntentId: str
    error: str | None = None


class PaidIn(msgspec.Struct, kw_only=True):
    """The intent that has paid; the amount is what the provider says."""

    paymentIntentId: ProviderId
    amount: Dollars | None = None


class PaidInView(msgspec.Struct, kw_only=True):
    """The balance in dollars, and the entry of the deposit."""

    success: Literal[True]
    duplicate: bool
    tx_id: str
    balance: float


@operation(
    "apple_pay.create",
    http="POST /apple-pay/payment-intent",
    successor="POST /payments/create-payment-intent",
    rate=PAYMENT,
    keeps=Keeps.KEY,
)
async def create_apple_pay(call: Call, request: ApplePayIntent) -> IntentView:
    """Begin a deposit that a phone's wallet pays."""
    metadata: dict[str, Any] = {}
    if request.description is not None:
        metadata["description"] = request.description
    return await create_intent(call, NewIntent(amountCents=request.amountCents, metadata=metadata))


@operation(
    "apple_pay.confirm",
    http="POST /apple-pay/confirm",
    successor="POST /payments/confirm",
    rate=PAYMENT,
)
async def confirm_apple_pay(call: Call, request: ApplePayConfirmation) -> ApplePayView:
    """See whether the phone has paid; the wallet is credited once the money has arrived."""
    _, answer = await _looked_at(call, request.paymentIntentId, "apple_pay.confirm")
    intent = answer.intent
    is_done = intent.status in DONE
    return ApplePayView(
        success=is_done,
        status=intent.status,
        amount=intent.amount_cents,
        paymentIntentId=intent.id,
        error=None if is_done else "The payment is not finished.",
    )


@operation(
    "wallet.deposit",
    http="POST /wallet/deposit",
    successor="POST /payments/confirm",
    rate=PAYMENT,
)
async def deposit(call: Call, request: PaidIn) -> PaidInView:
    """Make sure that a payment that has succeeded is in the caller's wallet.

    400 ``payment_not_succeeded`` while no money has arrived.
    """
    found, answer = await _looked_at(call, request.paymentIntentId, "wallet.deposit")
    key = deposit_key(answer.intent.id)
    booked = await ledger.booked(call.services.db, key, call.user_id)
    if booked is None:
        raise InvalidRequest("No money has arrived for this.", code="payment_not_succeeded")
    return PaidInView(
        success=True,
        duplicate=found.status == answer.status,
        tx_id=booked.id,
        balance=await balance_of(call),
    )


async def _looked_at(
    call: Call, intent_id: str, operation_name: str
) -> tuple[Payment, IntentAnswer]:
    """Return the caller's deposit as it was, and as the provider knows it now."""
    found = await own_deposit(call, intent_id, operation_name)
    owner = call.services.actors.payment(found.id)
    return found, await owner.ask(LookAtIntent(), timeout_s=PROVIDER_ASK_S)
