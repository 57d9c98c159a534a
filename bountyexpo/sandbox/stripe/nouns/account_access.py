"""Ways into Stripe's own pages for the owner of a connected account; each is good once."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from quart import request

from bountyexpo.sandbox.stripe.noun import Noun, action
from bountyexpo.sandbox.stripe.params import boolean, choice, text
from bountyexpo.sandbox.stripe.refusal import StripeRefusal
from bountyexpo.sandbox.stripe.store import stripe_id

if TYPE_CHECKING:
    from bountyexpo.sandbox.stripe.work import Json, Work

LINK_TYPES = ("account_onboarding", "account_update")
COMPONENTS = (
    *("account_management", "account_onboarding", "balances", "documents", "notification_banner"),
    *("payments", "payouts", "payouts_list"),
)

LINK_S = 300
SESSION_S = 3_600


async def create_link(work: Work, _: Json) -> Json:
    """Let the owner give their details; here, following the link does."""
    params = work.params
    account = await _account(work)
    kind = choice(params, "type", LINK_TYPES)
    if kind is None:
        raise StripeRefusal("Missing required param: type.", param="type", code="parameter_missing")
    if kind == "account_update":
        raise StripeRefusal(
            "You cannot create `account_update` type Account Links for this account.", param="type"
        )
    for name in ("return_url", "refresh_url"):
        if not (text(params, name) or "").startswith(("http://", "https://")):
            raise StripeRefusal("Not a valid URL", code="url_invalid", param=name)
    query = urlencode({"return_url": params["return_url"]})
    return {
        "object": "account_link",
        "created": work.created,
        "expires_at": work.created + LINK_S,
        "url": f"{request.host_url}sandbox/accounts/{account['id']}/onboard?{query}",
    }


async def create_session(work: Work, _: Json) -> Json:
    """Let the owner see parts of Stripe's pages in the app."""
    account = await _account(work)
    asked = work.params.get("components")
    if not isinstance(asked, dict) or not asked:
        raise StripeRefusal(
            "Missing required param: components.", param="components", code="parameter_missing"
        )
    for name, terms in asked.items():
        if name not in COMPONENTS or not isinstance(terms, dict):
            raise StripeRefusal(f"Invalid component: {name[:100]}", param="components")
    shown = {name: {"enabled": boolean(terms, "enabled")} for name, terms in asked.items()}
    return {
        "object": "account_session",
        "account": account["id"],
        "client_secret": f"accs_secret__{stripe_id('s')[2:]}",
        "components": shown,
        "expires_at": work.created + SESSION_S,
        "livemode": False,
    }


async def create_login(work: Work, account: Json) -> Json:
    """Let the owner look at their account."""
    if not account.get("details_submitted"):
        raise StripeRefusal(
            "Cannot create a login link for an account that has not completed onboarding."
        )
    return {
        "object": "login_link",
        "created": work.created,
        "url": f"https://connect.stripe.com/express/{stripe_id('login')}",
    }


async def _account(work: Work) -> Json:
    account_id = text(work.params, "account")
    if account_id is None:
        raise StripeRefusal(
            "Missing required param: account.", param="account", code="parameter_missing"
        )
    return await work.load("account", account_id, "account")


LINK = Noun(
    name="account_link",
    path="account_links",
    is_listed=False,
    is_platform=True,
    actions={
        ("POST", ""): action(
            create_link,
            "account",
            "collect",
            "collection_options",
            "refresh_url",
            "return_url",
            "type",
        )
    },
)
SESSION = Noun(
    name="account_session",
    path="account_sessions",
    is_listed=False,
    is_platform=True,
    actions={("POST", ""): action(create_session, "account", "components")},
)
LOGIN = Noun(
    name="login_link",
    path="accounts/<parent_id>/login_links",
    parent="account",
    is_listed=False,
    is_platform=True,
    actions={("POST", ""): action(create_login)},
)
