"""What belongs to a dispute: answers, appeals, its decision, and its history (data-model B.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from bountyexpo.domain.ids import new_id
from bountyexpo.persistence.statement import Json

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries

ADD_COMMENT = """
    insert into dispute_comments (id, dispute_id, author_id, comment, is_internal)
    values (%s, %s, %s, %s, %s)
"""

ADD_EVIDENCE = """
    insert into dispute_evidence (id, dispute_id, uploader_id, type, body, description,
                                  committed_at)
    values (%s, %s, %s, %s, %s, %s, clock_timestamp())
"""

ADD_APPEAL = """
    insert into dispute_appeals (id, dispute_id, appellant_id, reason) values (%s, %s, %s, %s)
    on conflict (dispute_id, appellant_id) where status in ('pending', 'reviewing') do nothing
"""

REVIEW_APPEALS = """
    update dispute_appeals set status = %s, reviewed_by = %s, notes = %s,
        reviewed_at = clock_timestamp()
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

RECORD = """
    insert into dispute_events (dispute_id, action, actor_id, actor_role, details)
    values (%s, %s, %s, %s, %s)
"""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a side shows for itself."""

    type: Literal["text", "image", "document", "link"]
    body: str
    description: str | None = None


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision gives to each side; the parts sum to what is frozen."""

    dispute_id: str
    admin_id: str | None
    outcome: Literal["release", "refund", "split", "other"]
    hunter_cents: int
    poster_cents: int
    fee_cents: int
    rationale: str


async def add_comment(
    db: Queries, dispute_id: str, author_id: str, comment: str, *, is_internal: bool = False
) -> None:
    """Keep what somebody says; what is internal is for admins only."""
    await db.execute(ADD_COMMENT, (new_id(), dispute_id, author_id, comment, is_internal))


async def add_evidence(db: Queries, dispute_id: str, uploader_id: str, shown: Evidence) -> None:
    """Keep what a side shows."""
    row = (new_id(), dispute_id, uploader_id, shown.type, shown.body, shown.description)
    await db.execute(ADD_EVIDENCE, row)


async def add_appeal(db: Queries, dispute_id: str, appellant_id: str, reason: str) -> None:
    """Keep that a side does not accept the decision; one open appeal each."""
    await db.execute(ADD_APPEAL, (new_id(), dispute_id, appellant_id, reason))


async def review_appeals(
    db: Queries, dispute_id: str, *, is_accepted: bool, reviewed_by: str | None, notes: str | None
) -> None:
    """Answer the open appeals of a dispute."""
    status = "accepted" if is_accepted else "rejected"
    await db.execute(REVIEW_APPEALS, (status, reviewed_by, notes, dispute_id))


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


async def record(
    db: Queries, dispute_id: str, action: str, actor_id: str | None, role: str, **details: Any
) -> None:
    """Add to the history of a dispute."""
    await db.execute(RECORD, (dispute_id, action, actor_id, role, Json(details)))
