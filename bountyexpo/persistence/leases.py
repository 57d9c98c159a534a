"""Named leases: one node of many runs a job, and a slow former holder is fenced off by the epoch.

The epoch grows whenever the holder changes. Whoever acts under a lease and must be certain compares
the epoch in its own statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

_RENEW = """
    update leases
    set expires_at = clock_timestamp() + make_interval(secs => %(ttl_s)s::double precision)
    where name = %(name)s and owner = %(owner)s and epoch = %(epoch)s
        and expires_at > clock_timestamp()
"""

_RELEASE = """
    update leases set expires_at = clock_timestamp()
    where name = %s and owner = %s and epoch = %s
"""


async def try_lease(db: Queries, name: str, owner: str, ttl_s: float) -> int | None:
    """Take or keep a lease; return its epoch, or None while another holds it."""
    row = await db.fetch_one(_TRY, {"name": name, "owner": owner, "ttl_s": ttl_s})
    return int(row["epoch"]) if row else None


async def renew(db: Queries, name: str, owner: str, epoch: int, ttl_s: float) -> bool:
    """Prolong a held lease; False when it has run out or changed hands."""
    params = {"name": name, "owner": owner, "epoch": epoch, "ttl_s": ttl_s}
    return await db.execute(_RENEW, params) > 0


async def release(db: Queries, name: str, owner: str, epoch: int) -> None:
    """Let another take it at once."""
    await db.execute(_RELEASE, (name, owner, epoch))
