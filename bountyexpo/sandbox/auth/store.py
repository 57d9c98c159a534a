"""Accounts, sessions and refresh tokens of the auth emulator, in PostgreSQL."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from bountyexpo.domain.ids import new_id

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.persistence.pool import Pool
    from bountyexpo.persistence.transaction import Transaction
    from bountyexpo.sandbox.tables import Tables

# A client that lost the answer to its refresh may repeat it for this time.
REUSE_GRACE = timedelta(seconds=10)

Row = dict[str, Any]


class Banned(Exception):
    """The account may not be used at present."""


class Session(NamedTuple):
    """A session that was opened or continued: whose it is, and its refresh token."""

    user: Row
    id: str
    method: str
    refresh_token: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is changed of an account; None, and nothing in the metadata, stay as they are."""

    email: str | None = None
    email_confirm: bool = False
    phone: str | None = None
    phone_confirm: bool = False
    password_hash: str | None = None
    user_metadata: Row = field(default_factory=dict)
    app_metadata: Row = field(default_factory=dict)
    sets_ban: bool = False
    banned_until: datetime | None = None

    def parameters(self, user_id: str, now: datetime) -> Row:
        """Return what the statement takes."""
        less = [
            [name for name, value in metadata.items() if value is None]
            for metadata in (self.user_metadata, self.app_metadata)
        ]
        return vars(self) | {
            "id": user_id,
            "now": now,
            "user_metadata": _json(self.user_metadata),
            "app_metadata": _json(self.app_metadata),
            "less_user": less[0],
            "less_app": less[1],
        }


class AuthStore:
    """Reads and writes what the auth emulator knows."""

    def __init__(self, pool: Pool, tables: Tables) -> None:
        self._pool = pool
        self._tables = tables

    async def add_user(
        self,
        *,
        email: str,
        password_hash: str,
        user_metadata: Row,
        app_metadata: Row,
        is_confirmed: bool,
        now: datetime,
    ) -> Row | None:
        """Add an account; None when the address has one already."""
        await self._tables.ensure()
        user_id = new_id()
        known = {"sub": user_id, "email": email, "email_verified": True, "phone_verified": False}
        return await self._pool.fetch_one(
            """INSERT INTO sandbox.auth_users (id, email, password_hash, email_confirmed_at,
                   app_metadata, user_metadata, created_at, updated_at)
               VALUES (%s, %s, %s, %s, %s::jsonb, %s::jsonb, %s, %s)
               ON CONFLICT (email) DO NOTHING RETURNING *""",
            (
                user_id,
                email,
                password_hash,
                now if is_confirmed else None,
                _json({"provider": "email", "providers": ["email"], **app_metadata}),
                _json({**user_metadata, **known}),
                now,
                now,
            ),
        )

    async def user_by_email(self, email: str) -> Row | None:
        """Return the account with this address."""
        await self._tables.ensure()
        return await self._pool.fetch_one(
            "SELECT * FROM sandbox.auth_users WHERE email = %s", (email,)
        )

    async def user_by_id(self, user_id: str) -> Row | None:
        """Return the account with this id."""
        await self._tables.ensure()
        return await self._pool.fetch_one(
            "SELECT * FROM sandbox.auth_users WHERE id = %s", (user_id,)
        )

    async def has_address(self, column: Literal["email", "phone"], address: str) -> bool:
        """Tell whether an account has this address or number."""
        await self._tables.ensure()
        query = f"SELECT 1 AS found FROM sandbox.auth_users WHERE {column} = %s"  # noqa: S608
        return await self._pool.fetch_one(query, (address,)) is not None

    async def change_user(
        self, user_id: str, change: Change, *, session_id: str | None, now: datetime
    ) -> Row | None:
        """Change an account; a new password ends all sessions but the one that has given it."""
        await self._tables.ensure()
        async with self._pool.transaction() as transaction:
            user = await transaction.fetch_one(_CHANGE_USER, change.parameters(user_id, now))
            if user is not None and change.password_hash is not None:
                await transaction.execute(_FORGET_TOKENS, (user_id,))
                await transaction.execute(_END_OTHER_SESSIONS, (user_id, session_id))
        return user

    async def delete_user(self, user_id: str) -> bool:
        """Delete an account with its sessions; tell whether there was one."""
        await self._tables.ensure()
        query = "DELETE FROM sandbox.auth_users WHERE id = %s"
        return await self._pool.execute(query, (user_id,)) > 0

    async def open_session(
        self, user_id: str, method: Literal["password", "otp"], now: datetime
    ) -> Session:
        """Open a session of an account that was read a moment ago.

        Raises:
            LookupError: the account is gone meanwhile.
        """
        async with self._pool.transaction() as transaction:
            return await add_session(transaction, user_id, method, now)

    async def rotate(self, token: str, now: datetime) -> Session | None:
        """Trade a refresh token for the next one of its session.

        A token that was traded before gives the session's present token within the grace time;
        later it is taken for stolen, and ends the session. None is the answer in that case.

        Raises:
            LookupError: no session has this token.
            Banned: the account is banned; the token stays good for later.
        """
        await self._tables.ensure()
        async with self._pool.transaction() as transaction:
            row = await transaction.fetch_one(_SELECT_SESSION, (token,))
            if row is None:
                raise LookupError(token)
            if is_banned(row, now):
                raise Banned
            session_id = str(row["session_id"])
            if row["rotated_at"] is None:
                await transaction.execute(_MARK_ROTATED, (now, token))
                following = await _add_refresh_token(transaction, session_id, now)
            elif now - row["rotated_at"] <= REUSE_GRACE:
                following = await _present_token(transaction, session_id)
            else:
                # Not an exception: the end of the session has to be committed.
                await transaction.execute(_END_SESSION, (session_id,))
                return None
            user = await transaction.fetch_one(_USER_OF_SESSION, (session_id,))
        assert user is not None, "a session goes with its account"
        return Session(user, session_id, str(user["method"]), following)

    async def has_session(self, session_id: str) -> bool:
        """Tell whether the session is still open."""
        await self._tables.ensure()
        query = "SELECT 1 AS found FROM sandbox.auth_sessions WHERE id = %s"
        return await self._pool.fetch_one(query, (session_id,)) is not None

    async def close_sessions(self, user_id: str, session_id: str, scope: str) -> None:
        """End this session, the user's others, or all of them."""
        await self._tables.ensure()
        await self._pool.execute(
            """DELETE FROM sandbox.auth_sessions
               WHERE user_id = %(user)s AND (
                   %(scope)s = 'global'
                   OR (%(scope)s = 'local' AND id = %(session)s)
                   OR (%(scope)s = 'others' AND id <> %(session)s))""",
            {"user": user_id, "session": session_id, "scope": scope},
        )


# A null in what is merged takes the name away.
_CHANGE_USER = """UPDATE sandbox.auth_users SET
        email = coalesce(%(email)s, email),
        email_confirmed_at = CASE
            WHEN %(email_confirm)s THEN coalesce(email_confirmed_at, %(now)s)
            WHEN %(email)s IS NOT NULL THEN NULL
            ELSE email_confirmed_at END,
        phone = coalesce(%(phone)s, phone),
        phone_confirmed_at = CASE
            WHEN %(phone_confirm)s THEN coalesce(phone_confirmed_at, %(now)s)
            WHEN %(phone)s IS NOT NULL THEN NULL
            ELSE phone_confirmed_at END,
        password_hash = coalesce(%(password_hash)s, password_hash),
        user_metadata = (user_metadata || %(user_metadata)s::jsonb) - %(less_user)s::text[],
        app_metadata = (app_metadata || %(app_metadata)s::jsonb) - %(less_app)s::text[],
        banned_until = CASE WHEN %(sets_ban)s THEN %(banned_until)s ELSE banned_until END,
        updated_at = %(now)s
    WHERE id = %(id)s RETURNING *"""

_FORGET_TOKENS = "DELETE FROM sandbox.auth_one_time_tokens WHERE user_id = %s"

_END_OTHER_SESSIONS = """DELETE FROM sandbox.auth_sessions
    WHERE user_id = %s AND id IS DISTINCT FROM %s"""

_SELECT_SESSION = """SELECT token.rotated_at, token.session_id, users.banned_until
    FROM sandbox.auth_refresh_tokens AS token
    JOIN sandbox.auth_sessions AS session ON session.id = token.session_id
    JOIN sandbox.auth_users AS users ON users.id = session.user_id
    WHERE token.token = %s FOR UPDATE OF session, token"""

_MARK_ROTATED = "UPDATE sandbox.auth_refresh_tokens SET rotated_at = %s WHERE token = %s"

_END_SESSION = "DELETE FROM sandbox.auth_sessions WHERE id = %s"

_USER_OF_SESSION = """SELECT users.*, session.method FROM sandbox.auth_users AS users
    JOIN sandbox.auth_sessions AS session ON session.user_id = users.id
    WHERE session.id = %s"""


def is_banned(user: Row, now: datetime) -> bool:
    """Tell whether the account may not be used at present."""
    until = user["banned_until"]
    return until is not None and now < until


async def add_session(
    transaction: Transaction, user_id: str, method: str, now: datetime
) -> Session:
    """Open a session of an account.

    Raises:
        LookupError: there is no such account.
    """
    session_id = new_id()
    user = await transaction.fetch_one(
        "UPDATE sandbox.auth_users SET last_sign_in_at = %s WHERE id = %s RETURNING *",
        (now, user_id),
    )
    if user is None:
        raise LookupError(user_id)
    await transaction.execute(
        """INSERT INTO sandbox.auth_sessions (id, user_id, method, created_at)
           VALUES (%s, %s, %s, %s)""",
        (session_id, user_id, method, now),
    )
    token = await _add_refresh_token(transaction, session_id, now)
    return Session(user, session_id, method, token)


async def _add_refresh_token(transaction: Transaction, session_id: str, now: datetime) -> str:
    token = secrets.token_urlsafe(16)
    await transaction.execute(
        """INSERT INTO sandbox.auth_refresh_tokens (token, session_id, created_at)
           VALUES (%s, %s, %s)""",
        (token, session_id, now),
    )
    return token


async def _present_token(transaction: Transaction, session_id: str) -> str:
    row = await transaction.fetch_one(
        """SELECT token FROM sandbox.auth_refresh_tokens
           WHERE session_id = %s AND rotated_at IS NULL""",
        (session_id,),
    )
    assert row is not None, "an open session has one token that was not traded yet"
    return str(row["token"])


def _json(value: Row) -> str:
    return msgspec.json.encode(value).decode()
