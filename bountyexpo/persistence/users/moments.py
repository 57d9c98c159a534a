"""Moments: one-time nudges in the app, one row for each person and kind (data-model B.1)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries

COMPLETE = """
    insert into activation_moments as m (user_id, moment_type, status, completed_at)
    values (%s, %s, 'completed', clock_timestamp())
    on conflict (user_id, moment_type) do update
        set status = 'completed', completed_at = clock_timestamp()
        where m.status <> 'completed'
"""

ENQUEUE = """
    insert into activation_moments (user_id, moment_type) values (%s, %s) on conflict do nothing
"""


class Moment(StrEnum):
    """The moments that the market brings about (operations §16)."""

    POST_FIRST_BOUNTY = "post_first_bounty"
    ACCEPT_FIRST_BOUNTY = "accept_first_bounty"
    RATE_COMPLETED_BOUNTY = "rate_completed_bounty"
    BOUNTY_COMPLETED_FOLLOWUP = "bounty_completed_followup"


async def complete(db: Queries, user_id: str, moment: Moment) -> None:
    """Remember that the user has done it, for the first time."""
    await db.execute(COMPLETE, (user_id, moment.value))


async def enqueue(db: Queries, user_id: str, moment: Moment) -> None:
    """Let the app show it, unless it was there before."""
    await db.execute(ENQUEUE, (user_id, moment.value))
