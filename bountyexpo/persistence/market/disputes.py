"""Disputes: opened about a bounty, answered, decided once (data-model B.6)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from bountyexpo.domain.market.bounty import Stage
from bountyexpo.domain.market.dispute import (
    APPEAL_WINDOW_S,
    AUTO_CLOSE_S,
    ESCALATE_S,
    LIVE,
    Event,
    Status,
)
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


# Of a side: opened by them, against them, or by the service about a bounty of theirs.
OF_SIDE = f"""
    with mine as (
        (select id from disputes d where initiator_id = %(user_id)s and {{wanted}}
         order by created_at desc, id desc limit %(limit)s)
        union
        (select id from disputes d where respondent_id = %(user_id)s and {{wanted}}
         order by created_at desc, id desc limit %(limit)s)
        union
        (select d.id from disputes d join bounties b on b.id = d.bounty_id
         where d.initiator_id is null
             and (b.poster_id = %(user_id)s or b.hunter_id = %(user_id)s) and {{wanted}}
         order by d.created_at desc, d.id desc limit %(limit)s)
    )
    select {COLUMNS} from disputes where id in (select id from mine)
    order by created_at desc, id desc limit %(limit)s
"""

# For admins; what has waited longest comes first.
QUEUE = f"""
    select {COLUMNS} from disputes where id in (
        select id from disputes d where status = any(%(statuses)s) and {{wanted}}
        order by created_at, id limit %(limit)s)
    order by created_at, id
"""

CONDITIONS = {
    "bounty_id": "d.bounty_id = %(bounty_id)s",
    "before": "(d.created_at, d.id) < (%(before)s, %(before_id)s::uuid)",
    "after": "(d.created_at, d.id) > (%(after)s, %(after_id)s::uuid)",
    "is_escalated": "(d.escalated_at is not null) = %(is_escalated)s",
    "is_appealed": """exists (
        select 1 from dispute_appeals a where a.dispute_id = d.id
            and a.status in ('pending', 'reviewing')) = %(is_appealed)s""",
}

# What falls due by time, longest overdue first; the owner decides whether it still is.
DUE = {
    Event.AUTO_CLOSE: """
        select id, bounty_id from disputes
        where status = 'open' and auto_close_at <= %(now)s and bounty_id is not null
        order by auto_close_at limit %(limit)s
    """,
    Event.ESCALATE: """
        select id, bounty_id from disputes
        where status in ('open', 'under_review') and escalated_at is null
            and created_at <= %(now)s - make_interval(secs => %(escalate_s)s::double precision)
            and bounty_id is not null
        order by created_at limit %(limit)s
    """,
    Event.APPEAL_WINDOW_OVER: """
        select id, bounty_id from disputes d
        where status in ('resolved', 'resolved_hunter_wins', 'resolved_poster_wins')
            and resolved_at <= %(now)s - make_interval(secs => %(window_s)s::double precision)
            and bounty_id is not null and not exists (
                select 1 from dispute_appeals a where a.dispute_id = d.id
                    and a.status in ('pending', 'reviewing'))
        order by resolved_at limit %(limit)s
    """,
}


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


class Page(msgspec.Struct, kw_only=True):
    """Which disputes to list, beginning behind the one that a cursor names."""

    bounty_id: str | None = None
    before: datetime | None = None
    before_id: str | None = None
    after: datetime | None = None
    after_id: str | None = None
    is_escalated: bool | None = None
    is_appealed: bool | None = None
    statuses: list[str] = msgspec.field(default_factory=list)
    limit: int = 50


async def of_side(db: Queries, user_id: str, wanted: Page) -> list[Dispute]:
    """Return a page of the disputes in which this user is a side; the newest first."""
    return await _page(db, OF_SIDE, wanted, user_id=user_id)


async def queue(db: Queries, wanted: Page) -> list[Dispute]:
    """Return a page of all disputes in ``wanted.statuses``; the oldest first."""
    return await _page(db, QUEUE, wanted)


async def _page(db: Queries, sql: str, wanted: Page, **more: str) -> list[Dispute]:
    params = msgspec.structs.asdict(wanted) | more
    asked = [text for name, text in CONDITIONS.items() if params[name] is not None]
    rows = await db.fetch(sql.format(wanted=" and ".join(asked) or "true"), params)
    return [msgspec.convert(row, Dispute) for row in rows]


async def due(db: Queries, event: Event, now: datetime, limit: int) -> list[tuple[str, str]]:
    """Return disputes for which ``event`` is due, each with its bounty."""
    times = {"escalate_s": float(ESCALATE_S), "window_s": float(APPEAL_WINDOW_S)}
    rows = await db.fetch(DUE[event], {"now": now, "limit": limit} | times)
    return [(row["id"], row["bounty_id"]) for row in rows]


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
