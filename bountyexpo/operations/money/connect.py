"""The account that earnings are paid into, at the provider (contract money §2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from bountyexpo.actors.money.payee_messages import LookAtAccount, MakeAccount, OpenLink, OpenLogin
from bountyexpo.domain.money.withdrawal_rules import ONBOARD_FIRST
from bountyexpo.errors import InvalidRequest, ProviderFailed
from bountyexpo.operations.catalogue import READ, WRITE, operation
from bountyexpo.operations.idempotency.keeps import Keeps
from bountyexpo.operations.money.payments import PROVIDER_ASK_S
from bountyexpo.operations.routes import Alias

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.money.connect_accounts import ConnectAccount

# Where a browser may be sent, and where it leads if nobody says.
WebAddress = Annotated[
    str, msgspec.Meta(min_length=8, max_length=2_000, pattern=r"^https?://[^\s\x00-\x1f]+$")
]
HOME = "https://bountyexpo.app"


class Onboarding(msgspec.Struct, kw_only=True):
    """Where the provider's pages lead back to: when all is given, and when a link is over."""

    returnUrl: WebAddress = f"{HOME}/connect/return"
    refreshUrl: WebAddress = f"{HOME}/connect/refresh"
    type: Literal["account_onboarding", "account_update"] = "account_onboarding"


class LinkView(msgspec.Struct, kw_only=True):
    """An address that is good once; ``expiresAt`` in milliseconds of the epoch."""

    url: str
    accountId: str
    expiresAt: int


class LoginView(msgspec.Struct, kw_only=True):
    """An address that is good once."""

    url: str


class MadeAccount(msgspec.Struct, kw_only=True):
    """The caller's account."""

    accountId: str


class AccountView(msgspec.Struct, kw_only=True):
    """How the caller's account stands; without one only ``onboarded`` says something."""

    onboarded: bool
    accountId: str | None
    chargesEnabled: bool
    payoutsEnabled: bool
    detailsSubmitted: bool
    requirementsCurrentlyDue: list[str]
    disabledReason: str | None


def _seconds(reply: dict[str, Any]) -> dict[str, Any]:
    return {"url": reply["url"], "expiresAt": reply["expiresAt"] // 1_000}


def _only_url(reply: dict[str, Any]) -> dict[str, Any]:
    return {"url": reply["url"]}


def _status(reply: dict[str, Any]) -> dict[str, Any]:
    return {
        "hasStripeAccount": reply["accountId"] is not None,
        "stripeAccountId": reply["accountId"],
        "detailsSubmitted": reply["detailsSubmitted"],
        "chargesEnabled": reply["chargesEnabled"],
        "payoutsEnabled": reply["payoutsEnabled"],
        "requiresAction": bool(reply["requirementsCurrentlyDue"]),
        "currentlyDue": reply["requirementsCurrentlyDue"],
    }


@operation(
    "connect.onboard",
    http="POST /connect/create-account-link",
    rate=WRITE,
    aliases=(
        Alias("POST /stripe/connect/onboarding-link", reply=_seconds),
        Alias("POST /payments/create-account-link", reply=_only_url),
    ),
    # Its reply lets whoever has it go on, and another costs nothing.
    keeps=Keeps.NOTHING,
)
async def onboard(call: Call, request: Onboarding) -> LinkView:
    """Give the provider one's details, or go on with it; the account is made when there is none."""
    opened = await call.services.actors.payee(call.user_id).ask(
        OpenLink(return_url=request.returnUrl, refresh_url=request.refreshUrl),
        timeout_s=PROVIDER_ASK_S,
    )
    link = opened.link
    return LinkView(url=link.url, accountId=opened.account_id, expiresAt=link.expires_at * 1_000)


@operation(
    "connect.make_account",
    http="POST /payments/create-connect-account",
    successor="POST /connect/create-account-link",
    rate=WRITE,
    # There is one account, whoever asks how often.
    keeps=Keeps.NOTHING,
)
async def make_account(call: Call) -> MadeAccount:
    """Have an account at the provider; whoever has one keeps it."""
    account = await call.services.actors.payee(call.user_id).ask(
        MakeAccount(), timeout_s=PROVIDER_ASK_S
    )
    assert account.stripe_account_id is not None
    return MadeAccount(accountId=account.stripe_account_id)


@operation("connect.login", http="POST /connect/login-link", rate=WRITE, keeps=Keeps.NOTHING)
async def login(call: Call) -> LoginView:
    """Look at one's account in the provider's own pages."""
    try:
        url = await call.services.actors.payee(call.user_id).ask(
            OpenLogin(), timeout_s=PROVIDER_ASK_S
        )
    except InvalidRequest as error:
        raise ONBOARD_FIRST.raised(None) from error
    except ProviderFailed as error:
        raise ProviderFailed(
            "Your account cannot be opened at present. Please try again.", code="login_link_failed"
        ) from error
    return LoginView(url=url)


@operation(
    "connect.status",
    http="GET /connect/status",
    rate=READ,
    aliases=(
        "POST /connect/verify-onboarding",
        Alias("GET /stripe/connect/status", reply=_status),
    ),
)
async def status(call: Call) -> AccountView:
    """See how one's account stands, as the provider says at this moment."""
    return _view(await _looked_at(call))


async def _looked_at(call: Call) -> ConnectAccount:
    return await call.services.actors.payee(call.user_id).ask(
        LookAtAccount(), timeout_s=PROVIDER_ASK_S
    )


def _view(account: ConnectAccount) -> AccountView:
    return AccountView(
        onboarded=account.are_details_submitted and account.are_payouts_enabled,
        accountId=account.stripe_account_id,
        chargesEnabled=account.are_charges_enabled,
        payoutsEnabled=account.are_payouts_enabled,
        detailsSubmitted=account.are_details_submitted,
        requirementsCurrentlyDue=account.requirements,
        disabledReason=account.disabled_reason,
    )
