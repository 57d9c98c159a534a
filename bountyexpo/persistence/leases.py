"""Named leases: one node of many does a thing, and a slow former holder is fenced off by the epoch.

The epoch grows whenever the lease is taken. Whoever writes under a lease calls ``hold`` in the same
transaction: it refuses a holder whose lease somebody else has taken since, and keeps anybody from
taking it before that transaction has ended. Time is the database's.

What is done while one holder has a lease may be marked with its term, the name and epoch of that;
others then know when nothing will come of it any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries

_TAKE = """
    insert into leases as l (name, owner, expires_at)
    values (%(name)s, %(owner)s,
            clock_timestamp() + make_interval(secs => %(ttl_s)s::double precision))
    on conflict (name) do update
        set epoch = l.epoch + 1, owner = excluded.owner, expires_at = excluded.expires_at
        where l.expires_at <= clock_timestamp()
    returning epoch
"""

_RENEW = """
    update leases set expires_at = clock_timestamp() + make_interval(secs => %s::double precision)
    where name = %s and epoch = %s
"""

_RELEASE = """
    update leases set expires_at = clock_timestamp(), epoch = epoch + 1
    where name = %s and epoch = %s
"""

_END_OTHERS = """
    update leases set expires_at = clock_timestamp(), epoch = epoch + 1
    where name <> %s and expires_at > clock_timestamp()
"""

_IS_HELD = "select 1 from leases where name = %s and epoch = %s and expires_at > clock_timestamp()"

_HOLD = "select 1 from leases where name = %s and epoch = %s for share"


class LeaseLost(Exception):
    """Somebody else has taken the lease; what its former holder would write is refused."""


async def take(db: Queries, name: str, owner: str, ttl_s: float) -> int | None:
    """Take a lease that is free; return its epoch, or None while somebody holds it."""
    row = await db.fetch_one(_TAKE, {"name": name, "owner": owner, "ttl_s": ttl_s})
    return int(row["epoch"]) if row else None


async def renew(db: Queries, name: str, epoch: int, ttl_s: float) -> None:
    """Keep a lease for ``ttl_s`` from now.

    Raises:
        LeaseLost: somebody else has it.
    """
    if not await db.execute(_RENEW, (ttl_s, name, epoch)):
        raise LeaseLost(name)


async def release(db: Queries, name: str, epoch: int) -> None:
    """Let others take a lease at once, if it is still ours.

    It ends our epoch: a renewal that was cut off, and that the server carries out late, finds none.
    """
    await db.execute(_RELEASE, (name, epoch))


async def end_others(db: Queries, name: str) -> None:
    """End every lease but this one: whoever holds it knows that no other holder is alive."""
    await db.execute(_END_OTHERS, (name,))


def term(name: str, epoch: int) -> str:
    """Return what the time is called for which a lease has one holder; no two are called alike."""
    return f"{name}:{epoch}"


async def has_ended(db: Queries, term: str) -> bool:
    """Tell whether a lease has another holder by now, or none; False for what names no term."""
    name, _, epoch = term.rpartition(":")
    if not name or not epoch.isdecimal():
        return False
    return await db.fetch_one(_IS_HELD, (name, int(epoch))) is None


async def hold(tx: Queries, name: str, epoch: int) -> None:
    """Make sure that a lease is ours, and that nobody takes it before ``tx`` has ended.

    Raises:
        LeaseLost: somebody else has it.
    """
    if await tx.fetch_one(_HOLD, (name, epoch)) is None:
        raise LeaseLost(name)
