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
