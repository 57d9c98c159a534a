"""Completion submissions: the hunter's proof of work, and the rating given at approval."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.domain.ids import new_id
from bountyexpo.persistence.pool import Json

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

INSERT = """
    insert into completion_submissions
        (id, bounty_id, hunter_id, status, revision, message, proof)
    values (%s, %s, %s, %s, %s, %s, %s)
"""

REVIEW = "update completion_submissions set status = %s, reviewed_at = now() where id = %s"

RATE = """
    insert into ratings (id, bounty_id, from_user_id, to_user_id, rating_tenths, comment)
    values (%s, %s, %s, %s, %s, %s) on conflict (bounty_id, from_user_id, to_user_id) do nothing
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
) -> None:
    """Insert a submission."""
    row = (submission_id, bounty_id, hunter_id, status.value, revision, work.text, Json(work.proof))
    await db.execute(INSERT, row)


async def review(db: Queries, submission_id: str, status: Work) -> None:
    """Give a submission the status that its review has brought it to."""
    await db.execute(REVIEW, (status.value, submission_id))


async def rate(
    db: Queries, bounty_id: str, *, rater: str, rated: str, stars: int, comment: str | None
) -> None:
    """Record the rating of one side by the other, once."""
    await db.execute(RATE, (new_id(), bounty_id, rater, rated, stars * 10, comment))
