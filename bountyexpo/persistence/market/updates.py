"""Progress on bounties, as their two sides tell it (data-model B.2)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.persistence.statement import Json

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries

COLUMNS = "id, bounty_id, author_id, kind, message, attachments, created_at"

BY_ID = f"select {COLUMNS} from bounty_updates where id = %s"

INSERT = f"""
    insert into bounty_updates (id, bounty_id, author_id, kind, message, attachments)
    values (%s, %s, %s, 'progress', %s, %s) returning {COLUMNS}
"""

PAGE = f"""
    select {COLUMNS} from bounty_updates
    where bounty_id = %(bounty_id)s
        and (%(before)s::timestamptz is null
             or (created_at, id) < (%(before)s, %(before_id)s::uuid))
    order by created_at desc, id desc limit %(limit)s
"""


class NewUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What one side tells."""

    id: str
    message: str
    attachments: list[dict[str, Any]] = msgspec.field(default_factory=list)


class Update(NewUpdate, frozen=True, kw_only=True):
    """What one side has told."""

    bounty_id: str
    author_id: str
    kind: str
    created_at: datetime


async def get(db: Queries, update_id: str) -> Update | None:
    """Return the update, or None."""
    row = await db.fetch_one(BY_ID, (update_id,))
    return Update(**row) if row else None


async def insert(db: Queries, bounty_id: str, author_id: str, new: NewUpdate) -> Update:
    """Insert what one side tells, and return its row."""
    values = (new.id, bounty_id, author_id, new.message, Json(new.attachments))
    row = await db.fetch_one(INSERT, values)
    assert row is not None
    return Update(**row)


async def page(
    db: Queries, bounty_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> list[Update]:
    """Return a page of what was told about a bounty, the newest first."""
    at, update_id = before or (None, None)
    wanted = {"bounty_id": bounty_id, "before": at, "before_id": update_id, "limit": limit}
    return [Update(**row) for row in await db.fetch(PAGE, wanted)]
