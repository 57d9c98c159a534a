"""What a user's authority hangs on: the account, and the sign-ins that were shown to us.

Every change of it rings a bell (migration ``standing``), whoever makes it. A sign-in is noted
under a shared lock of its user's row, and the end of all sign-ins takes that lock for itself: so
a sign-in is either ended with the others or noted after them, never in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.domain.users.standing import Standing

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.persistence.queries import Queries
    from bountyexpo.persistence.statement import Row

# What the triggers ring with; the payload is the id of a user.
CHANNEL: Final = "standing"

# Sign-ins are forgotten when they were first seen this long ago; what was ended, only when no
# token of it can be alive any more.
SEEN_DAYS: Final = 30
REVOKED_DAYS: Final = 8

SignIn = tuple[str, str]

_READ = """
    select a.user_id, a.session_id, u.account_status as status, u.role, u.email,
        u.email_verified_at is not null as is_email_verified, u.email_as_of, u.signed_out_at,
        s.session_id is not null as is_known, s.revoked_at is not null as is_revoked
    from unnest(%(users)s::uuid[], %(sessions)s::text[]) as a(user_id, session_id)
    join users u on u.id = a.user_id
    left join user_sessions s on s.user_id = a.user_id and s.session_id = a.session_id
"""

# Rows are locked in one order, so that two batches never wait for each other.
_NOTE = """
    with asked as (
        select * from unnest(%(users)s::uuid[], %(sessions)s::text[], %(ends)s::timestamptz[])
            as a(user_id, session_id, signed_out_at)
    ), present as (
        select u.id, u.signed_out_at from users u
        where u.id in (select user_id from asked) order by u.id for share
    ), noted as (
        insert into user_sessions (user_id, session_id)
        select distinct a.user_id, a.session_id from asked a join present p on p.id = a.user_id
        where p.signed_out_at is not distinct from a.signed_out_at
        on conflict do nothing
        returning user_id, session_id
    )
    select user_id, session_id from noted
"""

_END_ONE = """
    insert into user_sessions (user_id, session_id, revoked_at) values (%s, %s, now())
    on conflict (user_id, session_id) do update
        set revoked_at = coalesce(user_sessions.revoked_at, excluded.revoked_at)
"""

_SIGN_OUT = """
    update users set signed_out_at = clock_timestamp(), version = version + 1, updated_at = now()
    where id = %s
"""

_END_ALL = """
    update user_sessions set revoked_at = now()
    where user_id = %(user)s and revoked_at is null
      and session_id is distinct from %(kept)s
"""

_KEEP = """
    insert into user_sessions (user_id, session_id) values (%s, %s) on conflict do nothing
"""

_PRUNE = """
    delete from user_sessions
    where seen_at < now() - make_interval(days => %s)
      and (revoked_at is null or revoked_at < now() - make_interval(days => %s))
"""


async def read_all(db: Queries, asked: list[SignIn]) -> list[Standing | None]:
    """Return the standing of each of these users and sign-ins, in their order."""
    rows = await db.fetch(
        _READ, {"users": [u for u, _ in asked], "sessions": [s for _, s in asked]}
    )
    found = {(row.pop("user_id"), row.pop("session_id")): _standing(row) for row in rows}
    return [found.get(sign_in) for sign_in in asked]


async def note_all(db: Queries, asked: list[tuple[SignIn, datetime | None]]) -> list[bool]:
    """Note sign-ins that are new; tell of each whether this call has.

    Each comes with what was read as the user's ``signed_out_at``: if that has changed meanwhile,
    it is to be judged again.
    """
    params = {
        "users": [user_id for (user_id, _), _ in asked],
        "sessions": [session_id for (_, session_id), _ in asked],
        "ends": [signed_out_at for _, signed_out_at in asked],
    }
    rows = await db.fetch(_NOTE, params)
    noted = {(row["user_id"], row["session_id"]) for row in rows}
    return [sign_in in noted for sign_in, _ in asked]


async def end_one(db: Queries, user_id: str, session_id: str) -> None:
    """End one sign-in; its tokens are good no more."""
    await db.execute(_END_ONE, (user_id, session_id))


async def end_all(db: Queries, user_id: str, *, but: str | None) -> None:
    """End every sign-in of a user, known or not, except one; in a transaction of the caller's."""
    await db.execute(_SIGN_OUT, (user_id,))
    if but is not None:
        await db.execute(_KEEP, (user_id, but))
    await db.execute(_END_ALL, {"user": user_id, "kept": but})


async def prune(db: Queries) -> None:
    """Forget sign-ins of which no token can be alive, or of which nothing was said for long."""
    await db.execute(_PRUNE, (SEEN_DAYS, REVOKED_DAYS))


def _standing(row: Row) -> Standing:
    return Standing(**row)
