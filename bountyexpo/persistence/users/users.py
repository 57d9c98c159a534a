"""People: the account row and the profile row that every user has."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from bountyexpo.domain.users.people import vector
from bountyexpo.errors import Conflict, Duplicate

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries

COLUMNS = """
    u.id, u.username, u.email, u.email_verified_at, u.role, u.account_status, u.created_at,
    u.updated_at, p.display_name, p.avatar_url, p.about, p.location_text, p.onboarding_completed
"""

BY_ID = f"select {COLUMNS} from users u join user_profiles p on p.user_id = u.id where u.id = %s"

BY_IDENTIFIER = f"""
    select {COLUMNS} from users u join user_profiles p on p.user_id = u.id
    where u.deleted_at is null
      and (lower(u.email) = lower(%(identifier)s) or lower(u.username) = lower(%(identifier)s))
    order by lower(u.email) = lower(%(identifier)s) desc limit 1
"""

INSERT = """
    with account as (
        insert into users (
            id, username, email, email_verified_at, email_as_of, age_attested_at)
        values (%(id)s, %(username)s, %(email)s, %(email_verified_at)s, %(email_as_of)s,
            %(age_attested_at)s)
        on conflict (id) do nothing returning id
    )
    insert into user_profiles (user_id, search, is_search_old)
        select id, %(search)s::tsvector, false from account
"""


LOCK = "select id, email, email_verified_at, email_as_of from users where id = %s for update"

LOCK_HOLDER = """
    select id, email, email_verified_at, email_as_of from users
    where lower(email) = lower(%s) and id <> %s and deleted_at is null for update
"""

SET_ADDRESS = """
    update users set email = %(email)s, email_verified_at = %(verified_at)s,
        email_as_of = %(as_of)s, version = version + 1, updated_at = now()
    where id = %(id)s
"""


class Address(NamedTuple):
    """An e-mail address, since when it is confirmed, and as of when that is known."""

    email: str | None
    verified_at: datetime | None
    as_of: datetime | None

    @property
    def second(self) -> int:
        """When it was known, in epoch seconds; tokens are issued in whole ones."""
        return -1 if self.as_of is None else int(self.as_of.timestamp())

    def is_news_to(self, known: Address) -> bool:
        """Tell whether this is confirmed, not older than what is known, and something else."""
        if self.email is None or self.verified_at is None or self.second < known.second:
            return False
        return self.email.lower() != (known.email or "").lower() or known.verified_at is None


class Holder(NamedTuple):
    """An account that is locked, with its address."""

    id: str
    address: Address


class User(msgspec.Struct, frozen=True, kw_only=True):
    """An account with its profile."""

    id: str
    username: str
    email: str | None
    email_verified_at: datetime | None
    role: str
    account_status: str
    created_at: datetime
    updated_at: datetime
    display_name: str | None
    avatar_url: str | None
    about: str | None
    location_text: str | None
    onboarding_completed: bool


class NewUser(msgspec.Struct, frozen=True, kw_only=True):
    """What an account begins with."""

    id: str
    username: str
    email: str | None
    email_verified_at: datetime | None
    email_as_of: datetime | None = None
    age_attested_at: datetime | None = None


async def get(db: Queries, user_id: str) -> User | None:
    """Return the user, or None."""
    row = await db.fetch_one(BY_ID, (user_id,))
    return User(**row) if row else None


async def by_identifier(db: Queries, identifier: str) -> User | None:
    """Return the user with this e-mail address or user name, in any case of letters."""
    row = await db.fetch_one(BY_IDENTIFIER, {"identifier": identifier.removeprefix("@")})
    return User(**row) if row else None


async def insert(db: Queries, user: NewUser) -> bool:
    """Insert the account and its profile; return False if the id is known already.

    Raises:
        Conflict: the user name or the e-mail address belongs to somebody else.
    """
    try:
        values = msgspec.structs.asdict(user) | {"search": vector(user.username)}
        return bool(await db.execute(INSERT, values))
    except Duplicate as error:
        if error.constraint == "users_email":
            raise Conflict("Email already registered", code="EMAIL_TAKEN") from error
        raise Conflict("Username already taken", code="USERNAME_TAKEN") from error


async def lock(db: Queries, user_id: str) -> Holder | None:
    """Return the account, which nobody else changes until the transaction ends."""
    return _holder(await db.fetch_one(LOCK, (user_id,)))


async def lock_holder(db: Queries, email: str, *, but: str) -> Holder | None:
    """Return whose address this is, except one account; locked as by ``lock``."""
    return _holder(await db.fetch_one(LOCK_HOLDER, (email, but)))


async def set_address(db: Queries, user_id: str, address: Address) -> None:
    """Give the account this address.

    Raises:
        Conflict: it belongs to somebody else.
    """
    try:
        await db.execute(SET_ADDRESS, {"id": user_id, **address._asdict()})
    except Duplicate as error:
        raise Conflict("Email already registered", code="EMAIL_TAKEN") from error


def _holder(row: dict[str, Any] | None) -> Holder | None:
    if row is None:
        return None
    return Holder(row["id"], Address(row["email"], row["email_verified_at"], row["email_as_of"]))
