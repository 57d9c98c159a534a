"""Codes that are sent to an address or a phone, and what the right one brings about."""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha224
from typing import TYPE_CHECKING, Final, Literal

from bountyexpo.errors import Duplicate
from bountyexpo.sandbox.auth.store import Banned, Row, Session, add_session, is_banned

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import TypeAlias

    from bountyexpo.persistence.pool import Pool
    from bountyexpo.persistence.transaction import Transaction
    from bountyexpo.sandbox.tables import Tables

    Kind: TypeAlias = Literal[
        "recovery", "email_change_new", "email_change_current", "phone_change"
    ]

RECOVERY: Final = "recovery"
EMAIL_NEW: Final = "email_change_new"
EMAIL_CURRENT: Final = "email_change_current"
PHONE: Final = "phone_change"

# How long a code is good, and how soon the next may be asked for.
LIFE = timedelta(hours=1)
GAP = timedelta(seconds=1)

# A code has six digits; after so many wrong ones it is good no longer.
ATTEMPTS_MAX = 10


class TooSoon(Exception):
    """A code was sent a moment ago."""


class Wrong(Exception):
    """There is no such code, or no longer."""


class Taken(Exception):
    """Another account has the address meanwhile."""


def hashed(sent_to: str, code: str) -> str:
    """Return what a code that was sent to this address is found by; it stands in links, too."""
    return sha224(f"{sent_to}{code}".encode()).hexdigest()


class OneTimeTokens:
    """Codes of all accounts: at most one of each kind at a time."""

    def __init__(self, pool: Pool, tables: Tables) -> None:
        self._pool = pool
        self._tables = tables

    async def issue(
        self, user: Row, wanted: Mapping[Kind, str], changes: Mapping[str, str], now: datetime
    ) -> dict[Kind, str]:
        """Make a code for each address; ``changes`` are what the right one will bring about.

        Raises:
            TooSoon: one was made a moment ago.
        """
        await self._tables.ensure()
        codes = {kind: f"{secrets.randbelow(1_000_000):06d}" for kind in wanted}
        async with self._pool.transaction() as tx:
            await tx.fetch(_LOCK_USER, (user["id"],))
            for row in await tx.fetch(_TOKENS_OF, (user["id"], list(wanted))):
                if now < row["sent_at"] + GAP:
                    raise TooSoon
            for kind, code in codes.items():
                sent_to = wanted[kind]
                await tx.execute(_PUT, (user["id"], kind, hashed(sent_to, code), sent_to, now))
            await tx.execute(_PLAN, (changes.get("email"), changes.get("phone"), now, user["id"]))
        return codes

    async def spend(
        self, kinds: tuple[Kind, ...], token_hash: str, sent_to: str | None, now: datetime
    ) -> Session:
        """Carry out what a code was sent for, and open a session.

        Raises:
            Wrong: there is no such code; the tries of those at ``sent_to`` are counted.
            Banned: the account may not be used.
            Taken: another account has got the new address.
        """
        await self._tables.ensure()
        try:
            async with self._pool.transaction() as tx:
                found = await tx.fetch_one(_FIND, (list(kinds), token_hash))
                if found is not None and now < found["sent_at"] + LIFE:
                    if is_banned(found, now):
                        raise Banned
                    await _carry_out(tx, found["kind"], found["user_id"], now)
                    return await add_session(tx, found["user_id"], "otp", now)
                if sent_to is not None:
                    await tx.execute(_COUNT, (list(kinds), sent_to))
                    await tx.execute(_FORGET_TRIED, (ATTEMPTS_MAX,))
        except Duplicate as error:
            raise Taken from error
        raise Wrong


async def _carry_out(tx: Transaction, kind: Kind, user_id: str, now: datetime) -> None:
    """Use a code up, and with it those that were made for the same purpose."""
    spent = [kind]
    if kind == RECOVERY:
        await tx.execute(_CONFIRM, (now, now, user_id))
    elif kind == PHONE:
        await tx.execute(_TAKE_PHONE, (now, now, user_id))
    else:
        spent = [EMAIL_NEW, EMAIL_CURRENT]
        await tx.execute(_TAKE_EMAIL, (now, now, user_id))
    await tx.execute(_FORGET, (user_id, spent))


_LOCK_USER = "SELECT 1 AS locked FROM sandbox.auth_users WHERE id = %s FOR UPDATE"

_TOKENS_OF = """SELECT sent_at FROM sandbox.auth_one_time_tokens
    WHERE user_id = %s AND kind = ANY (%s::text[])"""

_PUT = """INSERT INTO sandbox.auth_one_time_tokens (user_id, kind, token_hash, sent_to, sent_at)
    VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (user_id, kind) DO UPDATE SET token_hash = excluded.token_hash,
        sent_to = excluded.sent_to, sent_at = excluded.sent_at, attempts = 0"""

_PLAN = """UPDATE sandbox.auth_users SET new_email = coalesce(%s, new_email),
        new_phone = coalesce(%s, new_phone), updated_at = %s WHERE id = %s"""

_FIND = """SELECT token.kind, token.user_id, token.sent_at, users.banned_until
    FROM sandbox.auth_one_time_tokens AS token
    JOIN sandbox.auth_users AS users ON users.id = token.user_id
    WHERE token.kind = ANY (%s::text[]) AND token.token_hash = %s FOR UPDATE OF users, token"""

_COUNT = """UPDATE sandbox.auth_one_time_tokens SET attempts = attempts + 1
    WHERE kind = ANY (%s::text[]) AND sent_to = %s"""

_FORGET_TRIED = "DELETE FROM sandbox.auth_one_time_tokens WHERE attempts >= %s"

_FORGET = """DELETE FROM sandbox.auth_one_time_tokens
    WHERE user_id = %s AND kind = ANY (%s::text[])"""

# Whoever has read the mail has shown that the address is theirs.
_CONFIRM = """UPDATE sandbox.auth_users SET
        email_confirmed_at = coalesce(email_confirmed_at, %s), updated_at = %s WHERE id = %s"""

_TAKE_EMAIL = """UPDATE sandbox.auth_users SET email = new_email, new_email = NULL,
        email_confirmed_at = %s, updated_at = %s,
        user_metadata = user_metadata
            || jsonb_build_object('email', new_email, 'email_verified', true)
    WHERE id = %s AND new_email IS NOT NULL"""

_TAKE_PHONE = """UPDATE sandbox.auth_users SET phone = new_phone, new_phone = NULL,
        phone_confirmed_at = %s, updated_at = %s,
        user_metadata = user_metadata || jsonb_build_object('phone_verified', true)
    WHERE id = %s AND new_phone IS NOT NULL"""
