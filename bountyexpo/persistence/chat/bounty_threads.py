"""What a conversation has to know of the bounty that it is about.

The market says which bounties are running (the view ``running_bounties``), and chat joins it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries

POSTER_OF = "select poster_id from bounties where id = %s"

IS_RUNNING = "select 1 from running_bounties where id = %s"


async def poster_of(db: Queries, bounty_id: str) -> str | None:
    """Return who has posted the bounty, or None where there is none."""
    row = await db.fetch_one(POSTER_OF, (bounty_id,))
    return row["poster_id"] if row else None


async def is_running(db: Queries, bounty_id: str) -> bool:
    """Tell whether its two parties are at work on it."""
    return await db.fetch_one(IS_RUNNING, (bounty_id,)) is not None
