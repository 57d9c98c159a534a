"""Bounties for which something is due by time, or for which people are missing.

Each query finds what the rules would move, from an index, the longest overdue first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from bountyexpo.domain.market.bounty import Status
    from bountyexpo.persistence.queries import Queries

EXPIRED = """
    select id from bounties
    where end_date <= %s and expiry_notified_at is null and status = any(%s)
    order by end_date limit %s
"""

LONG_EXPIRED = """
    select id from bounties b
    where status = 'open' and expiry_notified_at <= %(told_before)s and end_date <= %(now)s
        and not exists (select 1 from bounty_requests r
                        where r.bounty_id = b.id and r.status = 'pending')
    order by expiry_notified_at limit %(limit)s
"""

# What was told of is looked at again as often as somebody speaks after it.
UNANSWERED = """
    select id from bounties b
    where status = 'open'
        and case when quiet_notified_at is null then quiet_since <= %(silent_before)s
                 else quiet_notified_at <= %(told_before)s::timestamptz end
        and not exists (select 1 from bounty_requests r
                        where r.bounty_id = b.id and r.status = 'pending')
    order by quiet_since limit %(limit)s
"""

IDLE = """
    select id from bounties b cross join lateral (
        select greatest(b.quiet_since, max(c.last_message_at)) as since
        from conversations c where c.bounty_id = b.id) as alive
    where status = 'in_progress' and not is_stale and quiet_since <= %(silent_before)s
        and case when quiet_notified_at is null or quiet_notified_at < alive.since
                 then alive.since <= %(silent_before)s
                 else quiet_notified_at <= %(told_before)s::timestamptz end
        and not exists (select 1 from disputes d
                        where d.bounty_id = b.id and d.status in ('open', 'under_review'))
    order by quiet_since limit %(limit)s
"""

WITHOUT_HUNTER = """
    select b.id from bounties b join users u on u.id = b.hunter_id
    where u.account_status = 'deleted' and not b.is_stale and b.status = any(%s)
    order by u.deleted_at limit %s
"""

# A dispute goes on without its poster, and is decided by an admin.
WITHOUT_POSTER = """
    select b.id from bounties b join users u on u.id = b.poster_id
    where u.account_status = 'deleted' and b.status = any(%s)
        and not exists (select 1 from disputes d
                        where d.bounty_id = b.id and d.status in ('open', 'under_review'))
    order by u.deleted_at limit %s
"""


async def expired(
    db: Queries, statuses: Collection[Status], now: datetime, limit: int
) -> list[str]:
    """Return bounties in ``statuses`` whose end date has passed and whose poster was not told."""
    return _ids(await db.fetch(EXPIRED, (now, _names(statuses), limit)))


async def long_expired(
    db: Queries, *, told_before: datetime, now: datetime, limit: int
) -> list[str]:
    """Return open bounties whose poster was told of the end date before then."""
    wanted = {"told_before": told_before, "now": now, "limit": limit}
    return _ids(await db.fetch(LONG_EXPIRED, wanted))


async def unanswered(
    db: Queries, *, silent_before: datetime, told_before: datetime | None, limit: int
) -> list[str]:
    """Return open bounties that nobody wants since then, or whose poster was told so then."""
    wanted = {"silent_before": silent_before, "told_before": told_before, "limit": limit}
    return _ids(await db.fetch(UNANSWERED, wanted))


async def idle(
    db: Queries, *, silent_before: datetime, told_before: datetime | None, limit: int
) -> list[str]:
    """Return bounties in progress about which both sides are silent since then, or were told so."""
    wanted = {"silent_before": silent_before, "told_before": told_before, "limit": limit}
    return _ids(await db.fetch(IDLE, wanted))


async def without_hunter(db: Queries, statuses: Collection[Status], limit: int) -> list[str]:
    """Return bounties in ``statuses`` whose hunter has no account any more."""
    return _ids(await db.fetch(WITHOUT_HUNTER, (_names(statuses), limit)))


async def without_poster(db: Queries, statuses: Collection[Status], limit: int) -> list[str]:
    """Return bounties in ``statuses`` whose poster has no account any more."""
    return _ids(await db.fetch(WITHOUT_POSTER, (_names(statuses), limit)))


def _ids(rows: list[dict[str, str]]) -> list[str]:
    return [row["id"] for row in rows]


def _names(statuses: Collection[Status]) -> list[str]:
    return [status.value for status in statuses]
