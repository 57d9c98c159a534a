"""The balance: what an account has at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.sandbox.stripe import balances
from bountyexpo.sandbox.stripe.noun import Noun, action

if TYPE_CHECKING:
    from bountyexpo.sandbox.stripe.work import Json, Work


async def show(work: Work, _: Json) -> Json:
    """Return what the account that asks has."""
    cents = await balances.at_hand(work.tx, work.account)
    found = {"amount": cents, "currency": balances.CURRENCY, "source_types": {"card": cents}}
    shown: Json = {
        "object": "balance",
        "available": [found],
        "livemode": False,
        "pending": [{**found, "amount": 0, "source_types": {"card": 0}}],
    }
    if work.account is not None:
        # Only what an account pays out to a debit card leaves at once.
        shown["instant_available"] = [{**found, "amount": max(cents, 0)}]
    return shown


NOUN = Noun(name="balance", path="balance", actions={("GET", ""): action(show)}, is_listed=False)
