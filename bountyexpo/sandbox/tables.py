"""Tables of the emulators: schema ``sandbox``, apart from the product's own.

They are made at first use and not by the product's migrations, because a production database must
never hold them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool

# Any number; processes that start at once make the tables one after the other.
ADVISORY_LOCK = 7_215_001

STATEMENTS = (
    "CREATE SCHEMA IF NOT EXISTS sandbox",
    """CREATE TABLE IF NOT EXISTS sandbox.auth_users (
        id uuid PRIMARY KEY,
        email text NOT NULL UNIQUE,
        password_hash text NOT NULL,
        email_confirmed_at timestamptz,
        last_sign_in_at timestamptz,
        app_metadata jsonb NOT NULL,
        user_metadata jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
    )""",
    # Data folders of earlier versions have the table without these.
    """ALTER TABLE sandbox.auth_users
        ADD COLUMN IF NOT EXISTS phone text UNIQUE,
        ADD COLUMN IF NOT EXISTS phone_confirmed_at timestamptz,
        ADD COLUMN IF NOT EXISTS new_email text,
        ADD COLUMN IF NOT EXISTS new_phone text,
        ADD COLUMN IF NOT EXISTS banned_until timestamptz""",
    """CREATE TABLE IF NOT EXISTS sandbox.auth_one_time_tokens (
        user_id uuid NOT NULL REFERENCES sandbox.auth_users ON DELETE CASCADE,
        kind text NOT NULL,
        token_hash text NOT NULL,
        sent_to text NOT NULL,
        sent_at timestamptz NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        PRIMARY KEY (user_id, kind)
    )""",
    """CREATE INDEX IF NOT EXISTS auth_one_time_tokens_sent_to
        ON sandbox.auth_one_time_tokens (sent_to)""",
    """CREATE TABLE IF NOT EXISTS sandbox.auth_sessions (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES sandbox.auth_users ON DELETE CASCADE,
        created_at timestamptz NOT NULL
    )""",
    """ALTER TABLE sandbox.auth_sessions
        ADD COLUMN IF NOT EXISTS method text NOT NULL DEFAULT 'password'""",
    "CREATE INDEX IF NOT EXISTS auth_sessions_user ON sandbox.auth_sessions (user_id)",
    """CREATE TABLE IF NOT EXISTS sandbox.auth_refresh_tokens (
        token text PRIMARY KEY,
        session_id uuid NOT NULL REFERENCES sandbox.auth_sessions ON DELETE CASCADE,
        rotated_at timestamptz,
        created_at timestamptz NOT NULL
    )""",
    """CREATE INDEX IF NOT EXISTS auth_refresh_tokens_session
        ON sandbox.auth_refresh_tokens (session_id)""",
    """CREATE TABLE IF NOT EXISTS sandbox.stripe_objects (
        id text PRIMARY KEY,
        object jsonb NOT NULL,
        created_at timestamptz NOT NULL
    )""",
    """ALTER TABLE sandbox.stripe_objects
        ADD COLUMN IF NOT EXISTS number bigint GENERATED ALWAYS AS IDENTITY,
        ADD COLUMN IF NOT EXISTS kind text GENERATED ALWAYS AS (object->>'object') STORED""",
    """CREATE INDEX IF NOT EXISTS stripe_objects_kind
        ON sandbox.stripe_objects (kind, number)""",
    """CREATE TABLE IF NOT EXISTS sandbox.stripe_replies (
        idempotency_key text PRIMARY KEY,
        fingerprint text NOT NULL,
        status integer,
        body text,
        created_at timestamptz NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS sandbox.stripe_events (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id text NOT NULL UNIQUE,
        type text NOT NULL,
        body text NOT NULL,
        created_at timestamptz NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        next_attempt_at timestamptz,
        delivered_at timestamptz
    )""",
    """CREATE INDEX IF NOT EXISTS stripe_events_due
        ON sandbox.stripe_events (next_attempt_at) WHERE next_attempt_at IS NOT NULL""",
    """CREATE TABLE IF NOT EXISTS sandbox.stripe_balances (
        account text PRIMARY KEY,
        cents bigint NOT NULL
    )""",
    # What was charged before there were balances.
    """INSERT INTO sandbox.stripe_balances (account, cents)
        SELECT '', coalesce(sum((object->>'amount_captured')::bigint
                                - (object->>'amount_refunded')::bigint), 0)
        FROM sandbox.stripe_objects
        WHERE kind = 'charge' AND object->>'captured' = 'true' AND object->>'currency' = 'usd'
        ON CONFLICT DO NOTHING""",
    # The connected account that it belongs to; the platform's own have none.
    "ALTER TABLE sandbox.stripe_objects ADD COLUMN IF NOT EXISTS account text",
    "ALTER TABLE sandbox.stripe_events ADD COLUMN IF NOT EXISTS account text",
    """CREATE OR REPLACE VIEW sandbox.stripe_listed AS
        SELECT id, kind, number, created_at, object, account FROM sandbox.stripe_objects
        UNION ALL
        SELECT id, 'event', number, created_at, body::jsonb, account
        FROM sandbox.stripe_events""",
)


class Tables:
    """Makes the tables once, when the database is there."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._are_made = False
        self._making = trio.Lock()

    async def ensure(self) -> None:
        """Return when the tables exist.

        Raises:
            DatabaseUnavailable: the database is not there yet.
        """
        if self._are_made:
            return
        async with self._making:
            if not self._are_made:
                await self._make()

    async def _make(self) -> None:
        async with self._pool.transaction() as transaction:
            await transaction.fetch("SELECT pg_advisory_xact_lock(%s)", (ADVISORY_LOCK,))
            for statement in STATEMENTS:
                await transaction.execute(statement)
        self._are_made = True
