"""Idempotency keys: a repeated command gets the reply of the first, and is not carried out again.

What a decision makes is kept in its own transaction (``claim``, ``store``): a concurrent twin waits
inside its claim until that ends; after a commit it finds the reply, after a rollback it goes ahead.

The reply of a whole operation is kept around it (``begin``, ``finish``). That claim is committed
before the work, so whoever comes in between sees it. What a crash leaves is claimed anew after a
time, or at once when its process is known to be no more, and the work is done again, which the
operation's own keys (of its deposit, its bounty, its ledger transfers) keep from happening twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from bountyexpo.errors import IdempotencyConflict, RequestInProgress
from bountyexpo.persistence.statement import Json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bountyexpo.persistence.queries import Queries

# How long a key is kept: longer than any client retries.
KEEP_DAYS = 7

# Callers without an account share this owner; their keys must be unguessable.
NOBODY = "00000000-0000-0000-0000-000000000000"

_CLAIM = """
    insert into idempotency_keys as k (scope, user_id, key, request_hash, expires_at)
    values (%(scope)s, %(user_id)s, %(key)s, %(request_hash)s,
            clock_timestamp() + make_interval(days => %(days)s::int))
    on conflict (scope, user_id, key) do update
        set request_hash = excluded.request_hash, status_code = null, response = null,
            created_at = excluded.created_at, expires_at = excluded.expires_at
        where k.expires_at < clock_timestamp()
    returning key
"""

_READ = """
    select request_hash, status_code, response, created_at from idempotency_keys
    where scope = %s and user_id = %s and key = %s
"""

_STORE = """
    update idempotency_keys set status_code = %s, response = %s
    where scope = %s and user_id = %s and key = %s
"""

_PRUNE = "delete from idempotency_keys where expires_at < now()"

# Replies are kept for a day (contract money §3.8).
KEEP_S: Final = 86_400

# Nobody waits longer for the work; after this time a claim that was not answered is free.
LEASE_S: Final = 30

# Between two looks the row may be claimed, answered and pruned; more often than this it is not.
LOOKS_MAX: Final = 3

_BEGIN = """
    insert into idempotency_keys as k (scope, user_id, key, request_hash, attempt, lease_until,
                                       expires_at)
    values (%(scope)s, %(user_id)s, %(key)s, %(request_hash)s, %(attempt)s,
            clock_timestamp() + make_interval(secs => %(lease_s)s),
            clock_timestamp() + make_interval(secs => %(keep_s)s))
    on conflict (scope, user_id, key) do update
        set request_hash = excluded.request_hash, attempt = excluded.attempt,
            lease_until = excluded.lease_until, expires_at = excluded.expires_at,
            created_at = excluded.created_at, status_code = null, response = null,
            attempts = case when k.expires_at < clock_timestamp() then 1 else k.attempts + 1 end
        where k.expires_at < clock_timestamp()
            or (k.status_code is null and k.request_hash = excluded.request_hash
                and (k.lease_until < clock_timestamp() or k.attempt = %(dead)s))
    returning attempts
"""

_LOOK = """
    select request_hash, status_code, response, attempt from idempotency_keys
    where scope = %(scope)s and user_id = %(user_id)s and key = %(key)s
"""

_FINISH = """
    update idempotency_keys set status_code = %(status_code)s, response = %(response)s
    where scope = %(scope)s and user_id = %(user_id)s and key = %(key)s
        and attempt = %(attempt)s and status_code is null
"""

_RELEASE = """
    update idempotency_keys set lease_until = clock_timestamp()
    where scope = %(scope)s and user_id = %(user_id)s and key = %(key)s
        and attempt = %(attempt)s and status_code is null
"""


class Stored(msgspec.Struct, frozen=True):
    """The reply of the first time."""

    status_code: int | None
    response: Any


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at the work of a key: of whom, at what, and by whom."""

    scope: str
    user_id: str = NOBODY
    key: str
    request_hash: str
    attempt: str


class Begun(msgspec.Struct, frozen=True):
    """The claim is ours; an earlier one may have left its work done, or half done."""

    is_repeat: bool


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The reply of the first time."""

    status_code: int
    response: Any


async def claim(
    tx: Queries, *, scope: str, user_id: str | None, key: str, request_hash: str
) -> Stored | None:
    """Claim a key; return the stored reply when somebody did so before.

    Raises:
        IdempotencyConflict: the key was used for a different request.
    """
    owner = user_id or NOBODY
    claimed = await tx.fetch_one(
        _CLAIM,
        {
            "scope": scope,
            "user_id": owner,
            "key": key,
            "request_hash": request_hash,
            "days": KEEP_DAYS,
        },
    )
    if claimed is not None:
        return None
    known = await tx.fetch_one(_READ, (scope, owner, key))
    if known is None or known["request_hash"] != request_hash:
        raise IdempotencyConflict
    return Stored(known["status_code"], known["response"])


async def store(
    tx: Queries,
    *,
    scope: str,
    user_id: str | None,
    key: str,
    response: Any,
    status_code: int = 200,
) -> None:
    """Store the reply of a claimed key, in the same transaction."""
    await tx.execute(_STORE, (status_code, Json(response), scope, user_id or NOBODY, key))


async def begin(
    db: Queries, claim: Claim, *, is_dead: Callable[[str], Awaitable[bool]]
) -> Begun | Kept:
    """Claim a key, or return its reply; ``is_dead`` tells of which attempt nothing will come.

    Raises:
        IdempotencyConflict: the key was used for a different request.
        RequestInProgress: the first is still at work.
    """
    values: dict[str, Any] = msgspec.structs.asdict(claim)
    values |= {"lease_s": LEASE_S, "keep_s": KEEP_S, "dead": None}
    for _ in range(LOOKS_MAX):
        if (begun := await db.fetch_one(_BEGIN, values)) is not None:
            return Begun(begun["attempts"] > 1)
        found = await db.fetch_one(_LOOK, values)
        if found is None:
            continue
        if found["request_hash"] != claim.request_hash:
            raise IdempotencyConflict
        if found["status_code"] is not None:
            return Kept(status_code=found["status_code"], response=found["response"])
        if found["attempt"] is None or not await is_dead(found["attempt"]):
            break
        values["dead"] = found["attempt"]
    raise RequestInProgress


async def finish(db: Queries, claim: Claim, status_code: int, response: Any) -> bool:
    """Keep the reply of a claim; False when somebody else has claimed it since."""
    values = msgspec.structs.asdict(claim)
    values |= {"status_code": status_code, "response": Json(response)}
    return await db.execute(_FINISH, values) > 0


async def release(db: Queries, claim: Claim) -> bool:
    """Let the next repeat do the work at once; False when the claim is not ours any more."""
    return await db.execute(_RELEASE, msgspec.structs.asdict(claim)) > 0


async def prune(db: Queries) -> int:
    """Forget expired keys; return how many."""
    return await db.execute(_PRUNE)
