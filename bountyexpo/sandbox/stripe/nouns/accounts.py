"""Connected accounts: who is paid; of the kind whose owners Stripe itself asks for their details.

created ── onboard ──► payouts enabled ◄── onboard ── restricted
                       payouts enabled ── restrict ──► restricted
any ── deauthorize ──► gone for the platform
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.sandbox.stripe import store
from bountyexpo.sandbox.stripe.noun import Noun, action
from bountyexpo.sandbox.stripe.nouns import external_accounts
from bountyexpo.sandbox.stripe.params import boolean, choice, metadata, text
from bountyexpo.sandbox.stripe.refusal import StripeRefusal, missing
from bountyexpo.sandbox.stripe.store import stripe_id

if TYPE_CHECKING:
    from bountyexpo.sandbox.stripe.work import Json, Work

TYPES = ("express",)
COUNTRIES = ("US",)
BUSINESS_TYPES = ("individual", "company", "non_profit")
CAPABILITIES = ("card_payments", "transfers")
INTERVALS = ("manual", "daily", "weekly", "monthly")

# What the owner of a new account is asked for.
DETAILS = (
    "external_account",
    "individual.first_name",
    "individual.last_name",
    "tos_acceptance.date",
)

COMMON = (
    *("business_profile", "business_type", "capabilities", "email", "metadata", "settings"),
    "default_currency",
)


async def create(work: Work, _: Json) -> Json:
    """Make an account that has said nothing of itself yet."""
    params = work.params
    if choice(params, "type", TYPES) is None:
        raise StripeRefusal("Missing required param: type.", param="type", code="parameter_missing")
    country = choice(params, "country", COUNTRIES) or COUNTRIES[0]
    made = {
        "id": stripe_id("acct"),
        "object": "account",
        "business_type": choice(params, "business_type", BUSINESS_TYPES),
        "capabilities": dict.fromkeys(_requested(params), "inactive"),
        "charges_enabled": False,
        "country": country,
        "created": work.created,
        "default_currency": "usd",
        "details_submitted": False,
        "email": text(params, "email"),
        "metadata": metadata(params),
        "payouts_enabled": False,
        "requirements": _requirements(DETAILS, "requirements.past_due"),
        "settings": _settings(params, {"payouts": {"schedule": {"interval": "daily"}}}),
        "type": "express",
    }
    await work.save(made)
    return made


async def update(work: Work, found: Json) -> Json:
    """Change what the platform may change."""
    _require(found)
    params = work.params
    changed = {
        **found,
        "capabilities": {**dict.fromkeys(_requested(params), "inactive"), **found["capabilities"]},
        "metadata": metadata(params, found["metadata"]),
        "settings": _settings(params, found["settings"]),
    }
    for name in ("email",):
        if name in params:
            changed[name] = text(params, name)
    if "business_type" in params:
        changed["business_type"] = choice(params, "business_type", BUSINESS_TYPES)
    await _changed(work, changed, found)
    return changed


async def delete(work: Work, found: Json) -> Json:
    """Take an account away."""
    _require(found)
    gone = {"id": found["id"], "object": "account", "deleted": True}
    await work.save(gone)
    return gone


async def onboard(work: Work, found: Json) -> Json:
    """Let the owner give all details, with a bank account and a debit card."""
    _require(found)
    if not await external_accounts.has_any(work, found["id"]):
        await external_accounts.add(work, found["id"])
    changed = {
        **found,
        "capabilities": dict.fromkeys(found["capabilities"], "active"),
        "charges_enabled": "card_payments" in found["capabilities"],
        "details_submitted": True,
        "payouts_enabled": True,
        "requirements": _requirements((), None),
    }
    await _changed(work, changed, found)
    return changed


async def restrict(work: Work, found: Json) -> Json:
    """Let Stripe ask for a paper and stop payouts until it comes."""
    _require(found)
    asked = _requirements(("individual.verification.document",), "requirements.past_due")
    changed = {**found, "payouts_enabled": False, "requirements": asked}
    await _changed(work, changed, found)
    return changed


async def deauthorize(work: Work, found: Json) -> Json:
    """Let the owner part from the platform, which does not see the account any more."""
    _require(found)
    await store.remove(work.tx, found["id"])
    application = {"id": stripe_id("ca"), "object": "application", "name": "The platform"}
    await work.tell(application, "account.application.deauthorized", account=found["id"])
    return found


def require_transfers(account: Json) -> None:
    """Refuse an account that money cannot be sent to."""
    if account["capabilities"].get("transfers") != "active":
        raise StripeRefusal(
            "Your destination account needs to have at least one of the following capabilities "
            "enabled: transfers, crypto_transfers, legacy_payments",
            code="insufficient_capabilities_for_transfer",
        )


def _require(found: Json) -> None:
    if found.get("deleted"):
        raise missing(found["id"], "account")


async def _changed(work: Work, changed: Json, before: Json) -> None:
    await work.save(changed, "account.updated", before=before, told=changed["id"])


def _requested(params: Json) -> list[str]:
    asked = params.get("capabilities")
    asked = asked if isinstance(asked, dict) else {}
    for name, terms in asked.items():
        if name not in CAPABILITIES:
            raise StripeRefusal(f"Invalid capability: {name[:100]}", param="capabilities")
        if not isinstance(terms, dict):
            raise StripeRefusal("Invalid object", param=f"capabilities[{name}]")
    return [name for name, terms in asked.items() if boolean(terms, "requested")]


def _settings(params: Json, before: Json) -> Json:
    """Return the settings, of which only the schedule of payouts is known."""
    place: Any = params
    for name in ("settings", "payouts", "schedule"):
        place = place.get(name, {})
        if not isinstance(place, dict):
            raise StripeRefusal(f"Invalid object: {name}", param="settings")
    interval = choice(place, "interval", INTERVALS)
    return before if interval is None else {"payouts": {"schedule": {"interval": interval}}}


def _requirements(due: tuple[str, ...], reason: str | None) -> Json:
    return {
        "currently_due": list(due),
        "disabled_reason": reason,
        "eventually_due": list(due),
        "past_due": list(due),
        "pending_verification": [],
    }


NOUN = Noun(
    name="account",
    path="accounts",
    is_platform=True,
    actions={
        ("POST", ""): action(create, *COMMON, "country", "type"),
        ("POST", "/<object_id>"): action(update, *COMMON),
        ("DELETE", "/<object_id>"): action(delete),
    },
)
