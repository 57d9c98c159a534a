"""How an account comes to be, and how its address follows that of the auth server.

The auth server decides whose an address is. An account that holds one which the auth server has
since confirmed for somebody else lets go of it, or the new owner could never come in; it gets its
own present address with its next token. Which of two accounts is right is told by the later word.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from bountyexpo.domain.ids import new_id
from bountyexpo.domain.limits import username as checked_username
from bountyexpo.errors import Conflict, InvalidRequest
from bountyexpo.observability import metrics
from bountyexpo.persistence.users import users
from bountyexpo.persistence.users.users import Address, NewUser, User

if TYPE_CHECKING:
    from collections.abc import Collection

    from bountyexpo.persistence.pool import Pool
    from bountyexpo.persistence.transaction import Transaction

# Tries at a free name, and at an address that somebody takes at the same moment.
TRIES: Final = 4


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of somebody who comes in."""

    id: str
    username: str | None
    wished_name: str | None
    email: str | None
    email_verified_at: datetime | None
    email_as_of: datetime
    age_attested_at: datetime | None

    @property
    def address(self) -> Address:
        """The address, as the auth server knows it."""
        return Address(self.email, self.email_verified_at, self.email_as_of)


async def register(db: Pool, account: Account) -> tuple[User, Collection[str]]:
    """Make or update the account; returns it, and the users whose standing has changed.

    Raises:
        Conflict: the name that it must have is somebody else's.
    """
    name = account.username or _usable(account.wished_name)
    for tries_left in reversed(range(TRIES)):
        try:
            changed = await _write(db, account, name or _generated())
            break
        except Conflict as conflict:
            is_name = conflict.error_code == "USERNAME_TAKEN"
            if (is_name and account.username is not None) or not tries_left:
                raise
            name = None if is_name else name
    user = await users.get(db, account.id)
    assert user is not None, "it was written a moment ago"
    return user, changed


async def _write(db: Pool, account: Account, name: str) -> Collection[str]:
    async with db.transaction() as tx:
        if account.email is not None:
            # Whoever comes with the same address at this moment waits, and takes it over.
            await tx.lock(f"address:{account.email.lower()}")
        known = await users.lock(tx, account.id)
        if known is not None and not account.address.is_news_to(known.address):
            return ()
        address, former = await _claim(tx, account)
        if known is None:
            await _insert(tx, account, address, name)
        else:
            await users.set_address(tx, account.id, address)
    return (account.id, *former)


async def _insert(tx: Transaction, account: Account, address: Address, name: str) -> None:
    new = NewUser(
        id=account.id,
        username=name,
        email=address.email,
        email_verified_at=address.verified_at,
        email_as_of=address.as_of,
        age_attested_at=account.age_attested_at,
    )
    if await users.insert(tx, new):
        tx.audit(
            category="user", action="register", actor_id=account.id, target=("user", account.id)
        )
        metrics.SIGNUPS.labels(method="email").inc()


async def _claim(tx: Transaction, account: Account) -> tuple[Address, Collection[str]]:
    """Return the address that the account may have, and who has let go of it."""
    address = account.address
    if address.email is None:
        return address, ()
    holder = await users.lock_holder(tx, address.email, but=account.id)
    if holder is None:
        return address, ()
    if address.verified_at is None or address.second < holder.address.second:
        # Nothing is heard of it again from what is as old as this.
        later = max(address, holder.address, key=lambda known: known.second)
        return Address(None, None, later.as_of), ()
    await users.set_address(tx, holder.id, Address(None, None, address.as_of))
    tx.audit(
        category="user",
        action="address_released",
        actor_id=account.id,
        target=("user", holder.id),
    )
    return address, (holder.id,)


def _usable(wished: str | None) -> str | None:
    """Return a name that somebody gave at the auth server, where anything may be given."""
    if wished is None:
        return None
    try:
        return checked_username(wished)
    except InvalidRequest:
        return None


def _generated() -> str:
    return f"user_{new_id().replace('-', '')[:12]}"
