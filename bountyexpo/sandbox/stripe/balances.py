"""Balances: what the platform, and each connected account, has at hand, in US cents.

Money is at hand as soon as it comes in; at Stripe it takes days. Fees are not taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.sandbox.stripe.refusal import StripeRefusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.persistence.queries import Queries
    from bountyexpo.sandbox.stripe.work import Work

CURRENCY = "usd"

# The platform's own stands under no name.
PLATFORM = ""


async def shift(
    work: Work, changes: Mapping[str | None, int], *, may_overdraw: bool = False
) -> None:
    """Add to balances, by account (None is the platform), and take from them.

    Raises:
        StripeRefusal: one that is taken from does not have as much.
    """
    names = {account or PLATFORM: cents for account, cents in changes.items()}
    # In one order, so that no two requests wait for each other.
    for name, cents in sorted(names.items()):
        row = await work.tx.fetch_one(
            """INSERT INTO sandbox.stripe_balances AS known (account, cents) VALUES (%s, %s)
               ON CONFLICT (account) DO UPDATE SET cents = known.cents + excluded.cents
               RETURNING cents""",
            (name, cents),
        )
        assert row is not None
        if cents < 0 and row["cents"] < 0 and not may_overdraw:
            text = "You have insufficient available funds in your Stripe account."
            raise StripeRefusal(text, code="balance_insufficient")


async def at_hand(queries: Queries, account: str | None) -> int:
    """Return what an account has."""
    row = await queries.fetch_one(
        "SELECT cents FROM sandbox.stripe_balances WHERE account = %s", (account or PLATFORM,)
    )
    return int(row["cents"]) if row else 0
