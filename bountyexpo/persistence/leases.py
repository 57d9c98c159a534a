"""Named leases: one node of many runs a job, and a slow former holder is fenced off by the epoch.

The epoch grows whenever the holder changes. Whoever acts under a lease and must be certain compares
the epoch in its own statement.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bountyexpo.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bountyexpo.persistence.queries import Queries

_TRY = """
    insert into leases as l (name, owner, expires_at)
    values (%(name)s, %(owner)s,
            clock_timestamp() + make_interval(secs => %(ttl_s)s::double precision))
    on conflict (name) do update
        set epoch = case when l.owner = excluded.owner and l.expires_at > clock_timestamp()
                         then l.epoch else l.epoch + 1 end,
            owner = excluded.owner, expires_at = excluded.expires_at
        where l.owner = excluded.owner or l.expires_at <= clock_timestamp()
    returning epoch
"""


async def try_lease(db: Queries, name: str, owner: str, ttl_s: float) -> int | None:
    """Take or keep a lease; return its epoch, or None while another holds it."""
    row = await db.fetch_one(_TRY, {"name": name, "owner": owner, "ttl_s": ttl_s})
    return int(row["epoch"]) if row else None


@asynccontextmanager
async def held(db: Queries, name: str, owner: str, ttl_s: float) -> AsyncIterator[bool]:
    """Yield whether this node may do the work of ``name``; nobody may while the database is away.

    The lease is kept beyond the work, so that one node goes on with it until it dies.
    """
    try:
        epoch = await try_lease(db, name, owner, ttl_s)
    except DatabaseUnavailable:
        epoch = None
    yield epoch is not None
