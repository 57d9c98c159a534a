"""Deposits by card (contract money §2.1).

The server sets the owner and the purpose of every intent; what a client says of them is not
trusted, and a purpose other than a deposit is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from bountyexpo.actors.money.payment_messages import (
    CancelIntent,
    ConfirmIntent,
    CreateIntent,
    IntentAnswer,
    LookAtIntent,
)
from bountyexpo.domain import amounts, limits
from bountyexpo.domain.access import caller_of
from bountyexpo.domain.field_types import ProviderId, text
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.money.access import GRANTS
from bountyexpo.errors import InvalidRequest
from bountyexpo.operations.catalogue import PAYMENT, READ, operation
from bountyexpo.operations.idempotency.keeps import Keeps
from bountyexpo.operations.idempotency.requests import IdempotencyKey, request_hash
from bountyexpo.operations.require import require
from bountyexpo.persistence.money import payments

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.money.payments import Payment

# The provider may take its time; the asker must hear before the client gives up (15 s).
PROVIDER_ASK_S = 12.0

# Statuses of an intent in which the payer has nothing left to do.
DONE = frozenset({"succeeded", "processing"})


class NewIntent(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A deposit in whole cents of US dollars."""

    amountCents: Annotated[int, msgspec.Meta(ge=1, le=amounts.CENTS_MAX)]
    currency: Annotated[str, text(1, 16)] = "usd"
    metadata: Annotated[dict[str, Any], msgspec.Meta(max_length=50)] = msgspec.field(
        default_factory=dict
    )
    paymentMethodType: Literal["card"] | None = None
    idempotencyKey: IdempotencyKey | None = None


class PaymentById(msgspec.Struct, kw_only=True):
    """One deposit, by the id of its payment intent."""

    payment_id: ProviderId


class CanceledView(msgspec.Struct, kw_only=True):
    """What became of a deposit that was to be given up."""

    success: bool
    status: str
    paymentIntentId: str


class IntentView(msgspec.Struct, kw_only=True):
    """What the app's own card form needs."""

    id: str
    clientSecret: str | None
    paymentIntentId: str
    amount: int
    currency: str
    status: str


class Confirmation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Take the money of an intent, with a card or with the one that it has."""

    paymentIntentId: ProviderId
    paymentMethodId: ProviderId | None = None


class ConfirmationView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """``success`` means that nothing is left to do for the payer."""

    success: bool
    status: str
    paymentIntentId: str
    amount: float
    currency: str
    requiresAction: bool = False
    clientSecret: str | None = None
    nextAction: dict[str, Any] | None = None


@operation(
    "payment.create_intent",
    http="POST /payments/create-payment-intent",
    rate=PAYMENT,
    # The intent as it is now, or another where the first came to nothing.
    keeps=Keeps.KEY,
)
async def create_intent(call: Call, request: NewIntent) -> IntentView:
    """Begin a deposit into the caller's wallet.

    The same idempotency key gives the same intent again.
    """
    amounts.check_currency(request.currency)
    purpose = request.metadata.get("purpose", "wallet_deposit")
    if purpose != "wallet_deposit":
        raise InvalidRequest("Only deposits can be made here.", code="unsupported_purpose")
    key = call.idempotency_key
    description = request.metadata.get("description")
    if description is not None and not isinstance(description, str):
        raise InvalidRequest("description must be text.")
    known = await payments.by_key(call.services.db, call.user_id, key) if key else None
    answer = await call.services.actors.payment(known.id if known else new_id()).ask(
        CreateIntent(
            user_id=call.user_id,
            email=call.identity.email if call.identity else None,
            amount_cents=limits.deposit_amount(request.amountCents, policy=call.services.policy),
            description=limits.optional_text(
                description, "description", limits.DEPOSIT_NOTE_CHARS_MAX
            ),
            idempotency_key=key,
            request_hash=request_hash(request),
        ),
        timeout_s=PROVIDER_ASK_S,
    )
    return _intent_view(answer)


async def _secrets_of(call: Call, kept: dict[str, Any]) -> dict[str, Any]:
    """Ask the provider again for what opens an intent; nothing is paid by that."""
    found = require(await payments.by_intent(call.services.db, kept["paymentIntentId"]), "deposit")
    answer = await call.services.actors.payment(found.id).ask(
        ConfirmIntent(user_id=call.user_id, payment_method=None), timeout_s=PROVIDER_ASK_S
    )
    intent = answer.intent
    return {"clientSecret": intent.client_secret, "nextAction": intent.next_action}


@operation(
    "payment.confirm",
    http="POST /payments/confirm",
    rate=PAYMENT,
    secrets=("clientSecret", "nextAction"),
    refill=_secrets_of,
)
async def confirm_intent(call: Call, request: Confirmation) -> ConfirmationView:
    """Take the money of a deposit; the wallet is credited once it has arrived."""
    found = await own_deposit(call, request.paymentIntentId, "payment.confirm")
    answer = await call.services.actors.payment(found.id).ask(
        ConfirmIntent(user_id=call.user_id, payment_method=request.paymentMethodId),
        timeout_s=PROVIDER_ASK_S,
    )
    return _confirmation_view(answer)


@operation("payment.status", http="GET /payments/{payment_id}/status", rate=READ)
async def payment_status(call: Call, request: PaymentById) -> IntentView:
    """See how a deposit stands at the provider, and what finishes it."""
    found = await own_deposit(call, request.payment_id, "payment.status")
    answer = await call.services.actors.payment(found.id).ask(
        LookAtIntent(), timeout_s=PROVIDER_ASK_S
    )
    return _intent_view(answer)


@operation("payment.cancel", http="POST /payments/{payment_id}/cancel", rate=PAYMENT)
async def cancel_payment(call: Call, request: PaymentById) -> CanceledView:
    """Give a deposit up that no money has been taken for.

    ``success`` is false where the payer was quicker: then the money arrives, as ``status`` says.
    """
    found = await own_deposit(call, request.payment_id, "payment.cancel")
    answer = await call.services.actors.payment(found.id).ask(
        CancelIntent(user_id=call.user_id), timeout_s=PROVIDER_ASK_S
    )
    status = answer.intent.status
    return CanceledView(
        success=status == "canceled", status=status, paymentIntentId=answer.intent.id
    )


async def own_deposit(call: Call, intent_id: str, operation_name: str) -> Payment:
    """Return the deposit of an intent, if the caller may do this with it.

    Raises:
        NotFound: there is none.
        NotAllowed: it is somebody else's; for some operations that is ``NotFound``, too.
    """
    found = require(await payments.by_intent(call.services.db, intent_id), "deposit")
    GRANTS[operation_name].check(caller_of(call.identity, poster_id=found.user_id))
    return found


def _intent_view(answer: IntentAnswer) -> IntentView:
    intent = answer.intent
    return IntentView(
        id=intent.id,
        clientSecret=intent.client_secret,
        paymentIntentId=intent.id,
        amount=intent.amount_cents,
        currency=intent.currency,
        status=intent.status,
    )


def _confirmation_view(answer: IntentAnswer) -> ConfirmationView:
    intent = answer.intent
    needs_action = intent.status == "requires_action"
    return ConfirmationView(
        success=intent.status in DONE,
        status=intent.status,
        paymentIntentId=intent.id,
        amount=amounts.dollars(intent.amount_cents),
        currency=intent.currency,
        requiresAction=needs_action,
        clientSecret=intent.client_secret if needs_action else None,
        nextAction=intent.next_action if needs_action else None,
    )
