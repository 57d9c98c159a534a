"""Who somebody is at the card provider: made when it is first needed, and once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.errors import InvalidRequest
from bountyexpo.persistence.money import customers

if TYPE_CHECKING:
    from bountyexpo.actors.dependencies import ActorDependencies


async def customer_of(ports: ActorDependencies, user_id: str, email: str | None) -> str:
    """Return the user's customer id at the provider, made with this address if there is none."""
    found = await customers.of_user(ports.db, user_id)
    found = found or await customers.claim(ports.db, user_id, email)
    if found.customer_id is not None:
        return found.customer_id
    made = await _make(ports, user_id, found.customer_email)
    return await customers.keep(ports.db, user_id, made)


async def _make(ports: ActorDependencies, user_id: str, email: str | None) -> str:
    """Make the payer's record; an address that the provider does not take is left out."""
    stripe, key = ports.stripe, f"customer_{user_id}"
    try:
        return await stripe.customers.create(user_id=user_id, email=email, idempotency_key=key)
    except InvalidRequest:
        if email is None:
            raise
    return await stripe.customers.create(
        user_id=user_id, email=None, idempotency_key=f"{key}_unaddressed"
    )
