"""Idempotency keys: a repeated command gets the reply of the first, and is not carried out again.

The key is claimed in the transaction of the decision. A concurrent twin waits inside its claim
until that transaction ends: after a commit it finds the reply, after a rollback it goes ahead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.errors import IdempotencyConflict
from bountyexpo.persistence.statement import Json

if TYPE_CHECKING:
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


class Stored(msgspec.Struct, frozen=True):
    """The reply of the first time."""

    status_code: int | None
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


async def prune(db: Queries) -> int:
    """Forget expired keys; return how many."""
    return await db.execute(_PRUNE)
