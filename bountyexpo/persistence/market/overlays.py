"""What lies over the status of a bounty: rows of others that its rules look at (rest-core §3.1)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries

OF_BOUNTY = """
    select
        (select ready_at from completion_ready
         where bounty_id = b.id and hunter_id = b.hunter_id) as ready_at,
        array(select user_id from bounty_hidden where bounty_id = b.id) as hidden_by,
        array(select from_user_id from ratings where bounty_id = b.id) as rated_by,
        (select id from bounty_cancellations where bounty_id = b.id
         order by created_at desc limit 1) as cancellation_id,
        (select id from disputes where bounty_id = b.id
         order by status in ('open', 'under_review') desc, created_at desc limit 1) as dispute_id
    from bounties b where b.id = %s
"""

HIDE = "insert into bounty_hidden (bounty_id, user_id) values (%s, %s) on conflict do nothing"

UNHIDE = "delete from bounty_hidden where bounty_id = %s and user_id = %s"


class Overlays(msgspec.Struct, frozen=True, kw_only=True):
    """The ready flag of the hunter, who hides the bounty, who has rated, and the newest rows."""

    ready_at: datetime | None
    hidden_by: list[str]
    rated_by: list[str]
    cancellation_id: str | None
    dispute_id: str | None


async def of_bounty(db: Queries, bounty_id: str) -> Overlays:
    """Return what lies over a bounty that is there."""
    row = await db.fetch_one(OF_BOUNTY, (bounty_id,))
    assert row is not None
    return Overlays(**row)


async def set_hidden(db: Queries, bounty_id: str, user_id: str, *, is_hidden: bool) -> None:
    """Put a bounty out of this user's lists, or back into them."""
    await db.execute(HIDE if is_hidden else UNHIDE, (bounty_id, user_id))
