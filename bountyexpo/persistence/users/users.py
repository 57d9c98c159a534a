"""People: the account row and the profile row that every user has."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

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
        insert into users (id, username, email, email_verified_at, age_attested_at)
        values (%(id)s, %(username)s, %(email)s, %(email_verified_at)s, %(age_attested_at)s)
        on conflict (id) do nothing returning id
    )
    insert into user_profiles (user_id) select id from account
"""


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
        return bool(await db.execute(INSERT, msgspec.structs.asdict(user)))
    except Duplicate as error:
        if error.constraint == "users_email":
            raise Conflict("Email already registered", code="EMAIL_TAKEN") from error
        raise Conflict("Username already taken", code="USERNAME_TAKEN") from error
