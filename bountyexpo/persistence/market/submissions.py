"""The work on a bounty: the hunter's ready flag, and what is handed in and reviewed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.persistence.statement import Json

if TYPE_CHECKING:
    from bountyexpo.domain.market.completion import State as Work
    from bountyexpo.persistence.queries import Queries

COLUMNS = """
    id, bounty_id, hunter_id, revision, message, proof, status, poster_feedback, submitted_at,
    reviewed_at
"""

BY_ID = f"select {COLUMNS} from completion_submissions where id = %s"
NEWEST = f"""
    select {COLUMNS} from completion_submissions where bounty_id = %s
    order by submitted_at desc, revision desc limit 1
"""

INSERT = f"""
    insert into completion_submissions
        (id, bounty_id, hunter_id, status, revision, message, proof)
    values (%s, %s, %s, %s, %s, %s, %s) returning {COLUMNS}
"""

REVIEW = f"""
    update completion_submissions set status = %s, reviewed_at = now(),
        poster_feedback = coalesce(%s::text, poster_feedback)
    where id = %s returning {COLUMNS}
"""

MARK_READY = """
    insert into completion_ready (bounty_id, hunter_id) values (%s, %s)
    on conflict (bounty_id, hunter_id) do update set ready_at = completion_ready.ready_at
    returning ready_at
"""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What a hunter hands in."""

    text: str
    proof: list[dict[str, Any]] = msgspec.field(default_factory=list)


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """One submission of work."""

    id: str
    bounty_id: str
    hunter_id: str
    revision: int
    message: str
    proof: list[dict[str, Any]]
    status: str
    poster_feedback: str | None
    submitted_at: datetime
    reviewed_at: datetime | None


async def get(db: Queries, submission_id: str) -> Submission | None:
    """Return the submission, or None."""
    row = await db.fetch_one(BY_ID, (submission_id,))
    return Submission(**row) if row else None


async def newest(db: Queries, bounty_id: str) -> Submission | None:
    """Return the last submission to a bounty, or None."""
    row = await db.fetch_one(NEWEST, (bounty_id,))
    return Submission(**row) if row else None


async def insert(
    db: Queries,
    submission_id: str,
    bounty_id: str,
    hunter_id: str,
    *,
    status: Work,
    work: Delivery,
    revision: int,
) -> Submission:
    """Insert a submission, and return its row."""
    values = (submission_id, bounty_id, hunter_id, status.value, revision, work.text)
    row = await db.fetch_one(INSERT, (*values, Json(work.proof)))
    assert row is not None
    return Submission(**row)


async def review(
    db: Queries, submission_id: str, status: Work, *, feedback: str | None = None
) -> Submission:
    """Give a submission the status that its review has brought it to, and return its row."""
    row = await db.fetch_one(REVIEW, (status.value, feedback, submission_id))
    assert row is not None
    return Submission(**row)


async def mark_ready(db: Queries, bounty_id: str, hunter_id: str) -> datetime:
    """Remember that the hunter says to be ready; return since when."""
    row = await db.fetch_one(MARK_READY, (bounty_id, hunter_id))
    assert row is not None
    ready_at: datetime = row["ready_at"]
    return ready_at
