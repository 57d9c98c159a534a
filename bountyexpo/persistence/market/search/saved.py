"""Saved and recent searches of people (rest-core §2.10, J6)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bountyexpo.domain.market.search.filters import Filters
from bountyexpo.domain.search.words import fold
from bountyexpo.errors import Conflict
from bountyexpo.persistence.statement import Json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.persistence.queries import Queries
    from bountyexpo.persistence.transaction import Transaction

SAVED_MAX: Final = 50
RECENT_MAX: Final = 10

COLUMNS: Final = """
    id, user_id, name, type, query, filters, alerts_enabled, last_notified_at, created_at
"""

COUNT: Final = "select count(*) as saved from saved_searches where user_id = %s and name <> %s"

INSERT: Final = f"""
    insert into saved_searches (id, user_id, name, type, query, filters, wanted, alerts_enabled)
    values (%(id)s, %(user_id)s, %(name)s, %(type)s, %(query)s, %(filters)s, %(wanted)s,
        %(alerts_enabled)s)
    on conflict (user_id, name) do update
        set type = excluded.type, query = excluded.query, filters = excluded.filters,
            wanted = excluded.wanted, alerts_enabled = excluded.alerts_enabled
    returning {COLUMNS}
"""

OF_USER: Final = f"""
    select {COLUMNS} from saved_searches where user_id = %s order by created_at desc, id desc
"""

DELETE: Final = "delete from saved_searches where id = %s and user_id = %s"

WITH_ALERTS: Final = """
    select id, wanted from saved_searches
    where alerts_enabled and wanted is not null and (%(after)s::uuid is null or id > %(after)s)
    order by id limit %(limit)s
"""

# Nobody hears of their own bounty, of one that they could not find, or again too soon.
DUE: Final = """
    update saved_searches s set last_notified_at = clock_timestamp()
    from users u
    where s.id = any(%(ids)s::uuid[]) and u.id = s.user_id and u.account_status = 'active'
      and s.alerts_enabled and s.user_id <> %(poster_id)s::uuid
      and (s.last_notified_at is null
           or s.last_notified_at <= clock_timestamp() - make_interval(secs => %(pause_s)s))
      and not exists (select 1 from user_blocks
                      where (blocker_id, blocked_id) in ((s.user_id, %(poster_id)s::uuid),
                                                         (%(poster_id)s::uuid, s.user_id)))
    returning s.user_id
"""

NOTE: Final = """
    insert into recent_searches (user_id, type, folded, query, filters)
    values (%s, %s, %s, %s, %s)
    on conflict (user_id, type, folded) do update
        set query = excluded.query, filters = excluded.filters, searched_at = clock_timestamp()
"""

FORGET_OLD: Final = """
    delete from recent_searches where user_id = %(user_id)s and (type, folded) in (
        select type, folded from recent_searches where user_id = %(user_id)s
        order by searched_at desc, type, folded offset %(kept)s)
"""

RECENT: Final = """
    select type, query, filters, searched_at from recent_searches
    where user_id = %s order by searched_at desc, type, folded limit %s
"""

FORGET: Final = "delete from recent_searches where user_id = %s"


class SavedSearch(msgspec.Struct, frozen=True, kw_only=True):
    """A question that its owner keeps."""

    id: str
    user_id: str
    name: str
    type: str
    query: str
    filters: dict[str, Any]
    alerts_enabled: bool
    last_notified_at: datetime | None
    created_at: datetime


class NewSearch(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be kept; what is ``wanted`` is known where it is a bounty."""

    name: str
    type: str
    query: str
    filters: dict[str, Any]
    wanted: Filters | None
    alerts_enabled: bool


class RecentSearch(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody looked for a while ago."""

    type: str
    query: str
    filters: dict[str, Any]
    searched_at: datetime


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """A saved search whose owner wants to be told."""

    id: str
    wanted: Filters


async def save(tx: Transaction, search_id: str, user_id: str, new: NewSearch) -> SavedSearch:
    """Keep a search, in the place of one of the same name.

    Raises:
        Conflict: there are as many as there may be.
    """
    await tx.lock(f"saved_searches:{user_id}")
    count = await tx.fetch_one(COUNT, (user_id, new.name))
    assert count is not None
    if count["saved"] >= SAVED_MAX:
        message = f"You have saved {SAVED_MAX} searches; delete one to save another."
        raise Conflict(message, code="TOO_MANY_SAVED_SEARCHES")
    values = msgspec.structs.asdict(new) | {
        "filters": Json(new.filters),
        "wanted": None if new.wanted is None else Json(new.wanted),
    }
    row = await tx.fetch_one(INSERT, values | {"id": search_id, "user_id": user_id})
    assert row is not None
    return SavedSearch(**row)


async def of_user(db: Queries, user_id: str) -> list[SavedSearch]:
    """Return what the user keeps, the newest first."""
    return [SavedSearch(**row) for row in await db.fetch(OF_USER, (user_id,))]


async def delete(db: Queries, search_id: str, user_id: str) -> None:
    """Forget a search, if it is this user's."""
    await db.execute(DELETE, (search_id, user_id))


async def with_alerts(db: Queries, after: str | None, limit: int) -> list[Alert]:
    """Return searches for bounties whose owners want to be told, by their ids."""
    rows = await db.fetch(WITH_ALERTS, {"after": after, "limit": limit})
    return [Alert(id=row["id"], wanted=msgspec.convert(row["wanted"], Filters)) for row in rows]


async def due(tx: Queries, ids: Sequence[str], poster_id: str, *, pause_s: float) -> list[str]:
    """Note that the owners of these are told now; return who, without those told too lately."""
    values = {"ids": list(ids), "poster_id": poster_id, "pause_s": float(pause_s)}
    return sorted({row["user_id"] for row in await tx.fetch(DUE, values)})


async def note(tx: Transaction, user_id: str, kind: str, query: str, filters: Any) -> None:
    """Remember what the user looked for, once, and forget what was too long ago."""
    await tx.lock(f"recent_searches:{user_id}")
    await tx.execute(NOTE, (user_id, kind, fold(query).strip(), query, Json(filters)))
    await tx.execute(FORGET_OLD, {"user_id": user_id, "kept": RECENT_MAX})


async def recent(db: Queries, user_id: str) -> list[RecentSearch]:
    """Return what the user looked for last, the latest first."""
    return [RecentSearch(**row) for row in await db.fetch(RECENT, (user_id, RECENT_MAX))]


async def forget_recent(db: Queries, user_id: str) -> None:
    """Forget what the user looked for."""
    await db.execute(FORGET, (user_id,))
