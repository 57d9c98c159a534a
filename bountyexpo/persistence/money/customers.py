"""Who a user is at the payment provider.

The row is written before the provider is asked, with what it is asked for: whoever finds a row
without a customer repeats the same request, word for word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries

OF_USER = "select customer_id, customer_email from stripe_accounts where user_id = %s"
# The first to ask decides what is asked for.
CLAIM = """
    insert into stripe_accounts (user_id, customer_email) values (%s, %s)
    on conflict (user_id) do update set user_id = excluded.user_id
    returning customer_id, customer_email
"""
# The address has served its time then; the provider has it.
KEEP = """
    update stripe_accounts set customer_id = coalesce(customer_id, %s), customer_email = null
    where user_id = %s returning customer_id
"""


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer at the provider, or what is wanted of it as long as there is none."""

    customer_id: str | None
    customer_email: str | None


async def of_user(db: Queries, user_id: str) -> Customer | None:
    """Return the user's customer, or what is wanted of it, or None."""
    row = await db.fetch_one(OF_USER, (user_id,))
    return msgspec.convert(row, Customer) if row else None


async def claim(db: Queries, user_id: str, email: str | None) -> Customer:
    """Want a customer with ``email``, unless one is there or wanted, and return it."""
    row = await db.fetch_one(CLAIM, (user_id, email))
    return msgspec.convert(row, Customer)


async def keep(db: Queries, user_id: str, customer_id: str) -> str:
    """Remember the user's customer id, and return it; the first one stays."""
    row = await db.fetch_one(KEEP, (customer_id, user_id))
    assert row is not None, "the customer was claimed"
    found: str = row["customer_id"]
    return found
