"""Cancellations: who asked for one, what it gives back, and what became of it (data-model B.2)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from bountyexpo.domain.market.cancellation import Status

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries

COLUMNS = """
    id, bounty_id, requester_id, requester_role, reason, status, responder_id, response_message,
    refund_bps, refund_cents, is_counted, resolved_at, version, created_at, updated_at
"""

BY_ID = f"select {COLUMNS} from bounty_cancellations where id = %s"
NEWEST = f"""
    select {COLUMNS} from bounty_cancellations where bounty_id = %s
    order by created_at desc limit 1
"""

# Whoever asked, answered, or is to answer; each is a range of an index.
PAGE = f"""
    with mine as (
        (select id from bounty_cancellations c where requester_id = %(user_id)s and {{after}}
         order by created_at desc, id desc limit %(limit)s)
        union
        (select id from bounty_cancellations c where responder_id = %(user_id)s and {{after}}
         order by created_at desc, id desc limit %(limit)s)
        union
        (select c.id from bounties b join bounty_cancellations c on c.bounty_id = b.id
         where b.status = 'cancellation_requested' and c.status in ('pending', 'disputed')
             and (b.poster_id = %(user_id)s or b.hunter_id = %(user_id)s) and {{after}}
         order by c.created_at desc, c.id desc limit %(limit)s)
    )
    select {COLUMNS} from bounty_cancellations where id in (select id from mine)
    order by created_at desc, id desc limit %(limit)s
"""
FIRST_PAGE = PAGE.format(after="true")
LATER_PAGE = PAGE.format(after="(c.created_at, c.id) < (%(before)s, %(before_id)s::uuid)")

INSERT = f"""
    insert into bounty_cancellations (id, bounty_id, requester_id, requester_role, reason, status,
                                      refund_bps, refund_cents, resolved_at)
    values (%(id)s, %(bounty_id)s, %(requester_id)s, %(requester_role)s, %(reason)s, %(status)s,
            %(refund_bps)s, %(refund_cents)s,
            case when %(status)s = 'accepted' then clock_timestamp() end)
    returning {COLUMNS}
"""

ADVANCE = f"""
    update bounty_cancellations set status = %(status)s, version = version + 1,
        responder_id = coalesce(%(responder_id)s::uuid, responder_id),
        response_message = coalesce(%(response)s::text, response_message),
        resolved_at = case when %(status)s in ('pending', 'disputed') then null
                           else clock_timestamp() end,
        updated_at = clock_timestamp()
    where id = %(id)s returning {COLUMNS}
"""

COUNT_ONCE = """
    update bounty_cancellations set is_counted = true where id = %s and not is_counted
"""


class NewCancellation(msgspec.Struct, frozen=True, kw_only=True):
    """What is first stored of a cancellation."""

    id: str
    bounty_id: str
    requester_id: str
    requester_role: str
    reason: str
    status: Status
    refund_bps: int
    refund_cents: int


class Cancellation(msgspec.Struct, frozen=True, kw_only=True):
    """One cancellation of a bounty."""

    id: str
    bounty_id: str
    requester_id: str
    requester_role: str
    reason: str
    status: Status
    responder_id: str | None
    response_message: str | None
    refund_bps: int
    refund_cents: int
    is_counted: bool
    resolved_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def is_waiting(self) -> bool:
        """Tell whether it stands open: for an answer, or for a dispute about it."""
        return self.status in {Status.PENDING, Status.DISPUTED}


async def get(db: Queries, cancellation_id: str) -> Cancellation | None:
    """Return the cancellation, or None."""
    row = await db.fetch_one(BY_ID, (cancellation_id,))
    return _cancellation(row) if row else None


async def newest(db: Queries, bounty_id: str) -> Cancellation | None:
    """Return the last cancellation of a bounty, or None."""
    row = await db.fetch_one(NEWEST, (bounty_id,))
    return _cancellation(row) if row else None


async def page(
    db: Queries, user_id: str, *, after: tuple[datetime, str] | None, limit: int
) -> list[Cancellation]:
    """Return what this user asked for, answered or is to answer; the newest first."""
    params: dict[str, object] = {"user_id": user_id, "limit": limit}
    if after is None:
        return [_cancellation(row) for row in await db.fetch(FIRST_PAGE, params)]
    params |= {"before": after[0], "before_id": after[1]}
    return [_cancellation(row) for row in await db.fetch(LATER_PAGE, params)]


async def insert(db: Queries, new: NewCancellation) -> Cancellation:
    """Insert a cancellation, and return its row."""
    row = await db.fetch_one(INSERT, msgspec.structs.asdict(new) | {"status": new.status.value})
    return _cancellation(row)


async def advance(
    db: Queries,
    cancellation_id: str,
    status: Status,
    *,
    responder_id: str | None = None,
    response: str | None = None,
) -> Cancellation:
    """Move a cancellation to ``status``, and return its row; what is not said stays."""
    row = await db.fetch_one(
        ADVANCE,
        {
            "id": cancellation_id,
            "status": status.value,
            "responder_id": responder_id,
            "response": response,
        },
    )
    return _cancellation(row)


async def count_once(db: Queries, cancellation_id: str) -> bool:
    """Return True the first time that this is asked of a cancellation."""
    return bool(await db.execute(COUNT_ONCE, (cancellation_id,)))


def _cancellation(row: dict[str, object] | None) -> Cancellation:
    assert row is not None
    return msgspec.convert(row, Cancellation)
