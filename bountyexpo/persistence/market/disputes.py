"""Disputes: opened about a bounty, answered, decided once (data-model B.6)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from bountyexpo.domain.market.bounty import Stage
from bountyexpo.domain.market.dispute import AUTO_CLOSE_S, LIVE, Status
from bountyexpo.errors import StaleVersion

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries

COLUMNS = """
    id, bounty_id, cancellation_id, stage, initiator_id, respondent_id, reason, status, winner,
    resolution, resolved_by, resolved_at, frozen_cents, auto_close_at, escalated_at,
    last_activity_at, version, created_at,
    exists (select 1 from dispute_appeals a
            where a.dispute_id = disputes.id and a.status in ('pending', 'reviewing'))
        as has_open_appeal
"""

BY_ID = f"select {COLUMNS} from disputes where id = %s"

INSERT = f"""
    insert into disputes (id, bounty_id, cancellation_id, stage, initiator_id, respondent_id,
                          reason, status, frozen_cents, auto_close_at)
    values (%(id)s, %(bounty_id)s, %(cancellation_id)s, %(stage)s, %(initiator_id)s,
            %(respondent_id)s, %(reason)s, %(status)s, %(frozen_cents)s,
            clock_timestamp() + make_interval(secs => %(auto_close_s)s::double precision))
    returning {COLUMNS}
"""

# Whatever is done puts off the day on which it closes by itself.
ADVANCE = f"""
    update disputes set status = %(status)s, winner = coalesce(%(winner)s::text, winner),
        resolution = coalesce(%(resolution)s::text, resolution),
        resolved_by = coalesce(%(resolved_by)s::uuid, resolved_by),
        resolved_at = case when %(is_resolved)s::boolean then clock_timestamp()
                           else resolved_at end,
        auto_close_at = clock_timestamp()
            + make_interval(secs => %(auto_close_s)s::double precision),
        last_activity_at = clock_timestamp(), version = version + 1
    where id = %(id)s and version = %(version)s returning {COLUMNS}
"""

SET_ESCALATED = f"""
    update disputes set escalated_at = coalesce(escalated_at, clock_timestamp()),
        version = version + 1
    where id = %s returning {COLUMNS}
"""


class NewDispute(msgspec.Struct, frozen=True, kw_only=True):
    """What is first stored of a dispute."""

    id: str
    bounty_id: str
    cancellation_id: str | None
    stage: Stage
    initiator_id: str | None
    respondent_id: str | None
    reason: str
    status: Status
    frozen_cents: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How a dispute was decided, by whom, and why."""

    winner: str
    resolution: str
    resolved_by: str | None


class Dispute(msgspec.Struct, frozen=True, kw_only=True):
    """One dispute about a bounty."""

    id: str
    bounty_id: str | None
    cancellation_id: str | None
    stage: Stage
    initiator_id: str | None
    respondent_id: str | None
    reason: str
    status: Status
    winner: str | None
    resolution: str | None
    resolved_by: str | None
    resolved_at: datetime | None
    frozen_cents: int
    auto_close_at: datetime | None
    escalated_at: datetime | None
    last_activity_at: datetime
    version: int
    created_at: datetime
    has_open_appeal: bool

    @property
    def is_live(self) -> bool:
        """Tell whether it is still to be decided, by an admin or by the card network."""
        return self.status in {*LIVE, Status.STRIPE_DISPUTE}


async def get(db: Queries, dispute_id: str) -> Dispute | None:
    """Return the dispute, or None."""
    row = await db.fetch_one(BY_ID, (dispute_id,))
    return msgspec.convert(row, Dispute) if row else None


async def insert(db: Queries, new: NewDispute) -> Dispute:
    """Insert a dispute, and return its row."""
    values = msgspec.to_builtins(new) | {"auto_close_s": _auto_close_s(new.status)}
    row = await db.fetch_one(INSERT, values)
    assert row is not None
    return msgspec.convert(row, Dispute)


async def advance(
    db: Queries, dispute: Dispute, status: Status, verdict: Verdict | None = None
) -> Dispute:
    """Move a dispute to ``status`` at the next version, and return its row.

    Raises:
        StaleVersion: the row is not at the version that was decided on.
    """
    row = await db.fetch_one(
        ADVANCE,
        {
            "id": dispute.id,
            "version": dispute.version,
            "status": status.value,
            "winner": verdict.winner if verdict else None,
            "resolution": verdict.resolution if verdict else None,
            "resolved_by": verdict.resolved_by if verdict else None,
            "is_resolved": verdict is not None,
            "auto_close_s": _auto_close_s(status),
        },
    )
    if row is None:
        raise StaleVersion
    return msgspec.convert(row, Dispute)


async def set_escalated(db: Queries, dispute_id: str) -> Dispute:
    """Remember that an admin must look at it, and return its row."""
    row = await db.fetch_one(SET_ESCALATED, (dispute_id,))
    assert row is not None
    return msgspec.convert(row, Dispute)


def _auto_close_s(status: Status) -> float | None:
    """Return after how many idle seconds a dispute in ``status`` closes by itself."""
    return float(AUTO_CLOSE_S) if status is Status.OPEN else None
