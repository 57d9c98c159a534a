"""What people pay with: cards and bank accounts, kept by the provider (contract money §2.1)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from bountyexpo.actors.money.payer import (
    BeginSetup,
    ForgetMethod,
    KeepMethod,
    ListMethods,
    MethodCard,
    MethodKind,
)
from bountyexpo.domain.field_types import Moment, ProviderId
from bountyexpo.errors import NoLongerOffered, NotFound
from bountyexpo.operations.catalogue import PAYMENT, READ, WRITE, operation
from bountyexpo.operations.idempotency.keeps import Keeps
from bountyexpo.operations.money.payments import PROVIDER_ASK_S

if TYPE_CHECKING:
    from bountyexpo.actors.money.payer import Method
    from bountyexpo.operations.call import Call


class NewMethod(msgspec.Struct, kw_only=True):
    """A method that the provider's own form has made."""

    paymentMethodId: ProviderId


class MethodById(msgspec.Struct, kw_only=True):
    """One method."""

    method_id: ProviderId


class NewSetup(msgspec.Struct, kw_only=True):
    """What kind of method is to be entered, and whether it will be used without its owner."""

    paymentMethodType: MethodKind = "card"
    usage: Literal["off_session", "on_session"] = "off_session"


class BankView(msgspec.Struct, kw_only=True):
    """What may be shown of a bank account."""

    bank_name: str | None
    last4: str | None
    account_type: str | None
    fc_account_id: str | None


class MethodView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A card or a bank account; the one that it is has its details."""

    id: str
    type: str
    created: Moment
    card: MethodCard | None = None
    us_bank_account: BankView | None = None


class MethodList(msgspec.Struct, kw_only=True):
    """What the caller pays with."""

    paymentMethods: list[MethodView]


class KeptMethod(msgspec.Struct, kw_only=True):
    """A method that is kept from now on."""

    success: bool
    paymentMethod: MethodView


class SetupView(msgspec.Struct, kw_only=True):
    """What the provider's own form needs."""

    clientSecret: str
    setupIntentId: str


class MethodChanged(msgspec.Struct, kw_only=True):
    """The caller's methods are other ones now."""

    success: bool


@operation("payment_method.list", http="GET /payments/methods", rate=READ)
async def list_methods(call: Call) -> MethodList:
    """List the caller's cards and bank accounts, the newest of each kind first."""
    methods = await call.services.actors.payer(call.user_id).ask(
        ListMethods(), timeout_s=PROVIDER_ASK_S
    )
    return MethodList(paymentMethods=[method_view(each) for each in methods.found])


@operation("payment_method.add", http="POST /payments/methods", rate=PAYMENT)
async def add_method(call: Call, request: NewMethod) -> KeptMethod:
    """Keep a card or bank account for later; repeating it changes nothing."""
    email = call.identity.email if call.identity else None
    kept = await call.services.actors.payer(call.user_id).ask(
        KeepMethod(method_id=request.paymentMethodId, email=email), timeout_s=PROVIDER_ASK_S
    )
    return KeptMethod(success=True, paymentMethod=method_view(kept))


@operation("payment_method.remove", http="DELETE /payments/methods/{method_id}", rate=PAYMENT)
async def remove_method(call: Call, request: MethodById) -> MethodChanged:
    """Forget a card or bank account."""
    forget = ForgetMethod(method_id=request.method_id)
    try:
        await call.services.actors.payer(call.user_id).ask(forget, timeout_s=PROVIDER_ASK_S)
    except NotFound:
        # The first attempt with this key has done it, and its reply was lost.
        if not call.is_repeat:
            raise
    return MethodChanged(success=True)


@operation(
    "payment_method.setup",
    http="POST /payments/create-setup-intent",
    rate=WRITE,
    aliases=("POST /payments/setup-intent",),
    # Its reply is a secret, and another attempt costs nothing.
    keeps=Keeps.NOTHING,
)
async def set_up_method(call: Call, request: NewSetup) -> SetupView:
    """Begin to enter a card or bank account in the provider's own form."""
    email = call.identity.email if call.identity else None
    made = await call.services.actors.payer(call.user_id).ask(
        BeginSetup(kind=request.paymentMethodType, usage=request.usage, email=email),
        timeout_s=PROVIDER_ASK_S,
    )
    return SetupView(clientSecret=made.client_secret, setupIntentId=made.id)


@operation(
    "payment_method.add_bank",
    http="POST /payments/bank-accounts",
    rate=WRITE,
    keeps=Keeps.NOTHING,
)
async def add_bank(call: Call) -> MethodChanged:  # noqa: ARG001
    """Refused: account numbers are not taken here any more."""
    raise NoLongerOffered(
        "Bank accounts are linked in the app, not by their numbers.",
        code="manual_bank_entry_deprecated",
        migrate_to="/payments/create-setup-intent",
    )


def method_view(method: Method) -> MethodView:
    """Return the wire shape of a method."""
    bank = method.us_bank_account
    return MethodView(
        id=method.id,
        type=method.type,
        created=datetime.fromtimestamp(method.created, UTC),
        card=method.card,
        us_bank_account=BankView(
            bank_name=bank.bank_name,
            last4=bank.last4,
            account_type=bank.account_type,
            fc_account_id=bank.financial_connections_account,
        )
        if bank
        else None,
    )
