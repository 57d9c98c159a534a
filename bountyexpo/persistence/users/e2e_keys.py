"""The public keys under which messages to people are encrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries

# The same key again keeps its version: nobody has to learn anything.
PUT = """
    update user_profiles
    set e2e_public_key = %(key)s, e2e_key_version = e2e_key_version + 1, updated_at = now()
    where user_id = %(user_id)s and e2e_public_key is distinct from %(key)s
"""

GET = """
    select p.user_id, p.e2e_public_key as public_key, p.e2e_key_version as version
    from user_profiles p join users u on u.id = p.user_id
    where p.user_id = %s and u.deleted_at is null
"""


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """A user's key, in base64; version 0 is none."""

    user_id: str
    public_key: str | None
    version: int


async def put(db: Queries, user_id: str, key: str) -> bool:
    """Make this the user's key; returns whether it is another one."""
    return bool(await db.execute(PUT, {"user_id": user_id, "key": key}))


async def get(db: Queries, user_id: str) -> PublicKey | None:
    """Return the user's key, or None where there is no such user."""
    row = await db.fetch_one(GET, (user_id,))
    return PublicKey(**row) if row else None
