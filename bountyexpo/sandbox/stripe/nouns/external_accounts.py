"""External accounts: the banks and debit cards that a connected account pays out to.

Their owner enters them at Stripe; the platform may only look, and choose no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.sandbox.stripe import store
from bountyexpo.sandbox.stripe.noun import Noun
from bountyexpo.sandbox.stripe.refusal import missing
from bountyexpo.sandbox.stripe.store import stripe_id

if TYPE_CHECKING:
    from bountyexpo.sandbox.stripe.work import Json, Work

KINDS = ("bank_account", "card")

HAS_ANY = """
    SELECT object FROM sandbox.stripe_objects
    WHERE kind = ANY (%s) AND object->>'account' = %s
    ORDER BY (object->>'default_for_currency' = 'true') DESC, number LIMIT 1
"""


async def add(work: Work, account_id: str) -> None:
    """Let the owner enter a bank account, which is the first choice, and a debit card."""
    common = {"account": account_id, "currency": "usd", "metadata": {}}
    await work.save(
        {
            **common,
            "id": stripe_id("ba"),
            "object": "bank_account",
            "account_holder_name": "Test Holder",
            "account_holder_type": "individual",
            "account_type": "checking",
            "available_payout_methods": ["standard"],
            "bank_name": "STRIPE TEST BANK",
            "country": "US",
            "default_for_currency": True,
            "fingerprint": stripe_id("fp"),
            "last4": "6789",
            "routing_number": "110000000",
            "status": "new",
        },
        "account.external_account.created",
        told=account_id,
    )
    await work.save(
        {
            **common,
            "id": stripe_id("card"),
            "object": "card",
            "available_payout_methods": ["standard", "instant"],
            "brand": "Visa",
            "country": "US",
            "default_for_currency": False,
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": stripe_id("fp"),
            "funding": "debit",
            "last4": "5556",
        },
        "account.external_account.created",
        told=account_id,
    )


async def has_any(work: Work, account_id: str) -> bool:
    """Tell whether there is anything to pay out to."""
    return await first(work, account_id) is not None


async def first(work: Work, account_id: str) -> Json | None:
    """Return what is paid out to where nothing is named."""
    row = await work.tx.fetch_one(HAS_ANY, (list(KINDS), account_id))
    return row["object"] if row else None


async def named(work: Work, account_id: str, object_id: str) -> Json:
    """Return the one that is named, if the account has it."""
    found = await store.lock(work.tx, object_id, None)
    if found is None or found["object"] not in KINDS or found["account"] != account_id:
        raise missing(object_id, "external account", "destination")
    return found


NOUN = Noun(
    name="external_account",
    path="accounts/<parent_id>/external_accounts",
    parent="account",
    kinds=KINDS,
    is_platform=True,
    filters=frozenset({"object"}),
)
