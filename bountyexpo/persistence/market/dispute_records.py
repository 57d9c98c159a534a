"""What belongs to a dispute: appeals, its decision, and its history (data-model B.6)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from bountyexpo.domain.ids import new_id
from bountyexpo.persistence.statement import Json

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries

ADD_APPEAL = """
    insert into dispute_appeals (id, dispute_id, appellant_id, reason) values (%s, %s, %s, %s)
    on conflict (dispute_id, appellant_id) where status in ('pending', 'reviewing') do nothing
"""

APPEALS = """
    select id, dispute_id, appellant_id, reason, status, reviewed_by, notes, reviewed_at, created_at
    from dispute_appeals where {} order by created_at, id limit 100
"""
APPEALS_OF = APPEALS.format("dispute_id = %s")
APPEAL_BY_ID = APPEALS.format("id = %s")

# Of the present decision: one that was corrected may be appealed again.
HAS_APPEALED = """
    select 1 from dispute_appeals a join disputes d on d.id = a.dispute_id
    where a.dispute_id = %s and a.appellant_id = %s
        and (a.status in ('pending', 'reviewing') or a.created_at > d.resolved_at)
    limit 1
"""

REVIEW_APPEALS = """
    update dispute_appeals set status = 'reviewing', reviewed_by = %s,
        notes = coalesce(%s::text, notes)
    where dispute_id = %s and status in ('pending', 'reviewing')
"""

ANSWER_APPEALS = """
    update dispute_appeals
    set status = case when appellant_id = %s::uuid then 'accepted' else 'rejected' end,
        reviewed_by = %s, notes = coalesce(%s::text, notes), reviewed_at = clock_timestamp()
    where dispute_id = %s and status in ('pending', 'reviewing')
"""

RESOLVE = """
    insert into dispute_resolutions (id, dispute_id, admin_id, outcome, hunter_cents, poster_cents,
                                     fee_cents, rationale)
    values (%(id)s, %(dispute_id)s, %(admin_id)s, %(outcome)s, %(hunter_cents)s, %(poster_cents)s,
            %(fee_cents)s, %(rationale)s)
    on conflict (dispute_id) do nothing
"""

RESOLUTION = """
    select dispute_id, admin_id, outcome, hunter_cents, poster_cents, fee_cents, rationale
    from dispute_resolutions where dispute_id = %s
"""

CORRECT = """
    update dispute_resolutions set admin_id = %(admin_id)s, outcome = %(outcome)s,
        hunter_cents = %(hunter_cents)s, poster_cents = %(poster_cents)s,
        fee_cents = %(fee_cents)s, rationale = %(rationale)s
    where dispute_id = %(dispute_id)s
"""

HISTORY = """
    select action, actor_id, actor_role, details, at from dispute_events where dispute_id = %s
    order by id limit 500
"""

RECORD = """
    insert into dispute_events (dispute_id, action, actor_id, actor_role, details)
    values (%s, %s, %s, %s, %s)
"""


class Appeal(msgspec.Struct, frozen=True, kw_only=True):
    """What a side says against a decision."""

    id: str
    dispute_id: str
    appellant_id: str
    reason: str
    status: str
    reviewed_by: str | None
    notes: str | None
    reviewed_at: datetime | None
    created_at: datetime


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a dispute."""

    action: str
    actor_id: str | None
    actor_role: str
    details: dict[str, Any]
    at: datetime


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision gives to each side; the parts sum to what is frozen."""

    dispute_id: str
    admin_id: str | None
    outcome: Literal["release", "refund", "split", "other"]
    hunter_cents: int
    poster_cents: int
    fee_cents: int
    rationale: str


async def add_appeal(db: Queries, dispute_id: str, appellant_id: str, reason: str) -> None:
    """Keep that a side does not accept the decision; one open appeal each."""
    await db.execute(ADD_APPEAL, (new_id(), dispute_id, appellant_id, reason))


async def appeals_of(db: Queries, dispute_id: str) -> list[Appeal]:
    """Return the appeals against the decisions of a dispute, oldest first."""
    return [Appeal(**row) for row in await db.fetch(APPEALS_OF, (dispute_id,))]


async def appeal(db: Queries, appeal_id: str) -> Appeal | None:
    """Return the appeal, or None."""
    row = await db.fetch_one(APPEAL_BY_ID, (appeal_id,))
    return Appeal(**row) if row else None


async def has_appealed(db: Queries, dispute_id: str, user_id: str) -> bool:
    """Tell whether this user has appealed the present decision."""
    return await db.fetch_one(HAS_APPEALED, (dispute_id, user_id)) is not None


async def review_appeals(
    db: Queries, dispute_id: str, *, by: str | None, notes: str | None
) -> None:
    """Remember that an admin looks at the open appeals of a dispute."""
    await db.execute(REVIEW_APPEALS, (by, notes, dispute_id))


async def answer_appeals(
    db: Queries, dispute_id: str, *, accepted_of: str | None, by: str | None, notes: str | None
) -> None:
    """Answer the open appeals of a dispute: that of one side succeeds, or none does."""
    await db.execute(ANSWER_APPEALS, (accepted_of, by, notes, dispute_id))


async def resolve(db: Queries, resolution: Resolution) -> None:
    """Keep the decision; the first one stands."""
    await db.execute(RESOLVE, msgspec.structs.asdict(resolution) | {"id": new_id()})


async def resolution_of(db: Queries, dispute_id: str) -> Resolution | None:
    """Return what a decided dispute gave to each side."""
    row = await db.fetch_one(RESOLUTION, (dispute_id,))
    return Resolution(**row) if row else None


async def correct(db: Queries, resolution: Resolution) -> None:
    """Keep what an appeal has made of a decision."""
    await db.execute(CORRECT, msgspec.structs.asdict(resolution))


async def history(db: Queries, dispute_id: str) -> list[Recorded]:
    """Return what happened to a dispute, oldest first."""
    return [Recorded(**row) for row in await db.fetch(HISTORY, (dispute_id,))]


async def record(
    db: Queries, dispute_id: str, action: str, actor_id: str | None, role: str, **details: Any
) -> None:
    """Add to the history of a dispute."""
    await db.execute(RECORD, (dispute_id, action, actor_id, role, Json(details)))
