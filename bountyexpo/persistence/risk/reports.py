"""Reports: what people say should not be here (data-model B.9)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from bountyexpo.domain.risk.reports import Content, Reason, Status
from bountyexpo.errors import Conflict, Duplicate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.persistence.queries import Queries

COLUMNS = """
    r.id, r.reporter_id, r.content_type, r.content_id, r.reported_user_id, r.bounty_id, r.reason,
    r.details, r.status, r.reviewed_by, r.reviewed_at, r.resolution_notes, r.created_at,
    reporter.username as reporter_username, author.username as author_username,
    profile.avatar_url as author_avatar
"""

NAMES = """
    join users reporter on reporter.id = r.reporter_id
    join users author on author.id = r.reported_user_id
    join user_profiles profile on profile.user_id = r.reported_user_id
"""

INSERT = """
    insert into reports (id, reporter_id, content_type, content_id, reported_user_id, bounty_id,
                         reason, details)
    values (%(id)s, %(reporter_id)s, %(content_type)s, %(content_id)s, %(reported_user_id)s,
            %(bounty_id)s, %(reason)s, %(details)s)
    on conflict (reporter_id, content_type, content_id) where status = 'pending' do nothing
"""

BY_ID = f"select {COLUMNS} from reports r {NAMES} where r.id = %s"

OPEN = f"""
    select {COLUMNS} from reports r {NAMES}
    where r.reporter_id = %s and r.content_type = %s and r.content_id = %s
        and r.status = 'pending'
"""

PAGE = f"""
    select {COLUMNS} from reports r {NAMES}
    where (%(status)s::text is null or r.status = %(status)s)
        and (%(content_type)s::text is null or r.content_type = %(content_type)s)
    order by r.created_at desc, r.id desc limit %(limit)s offset %(offset)s
"""

# What waits again was reviewed by nobody.
DECIDE = """
    update reports set status = %(status)s, version = version + 1,
        reviewed_by = case when %(status)s = 'pending' then null else %(by)s::uuid end,
        reviewed_at = case when %(status)s = 'pending' then null else clock_timestamp() end,
        resolution_notes = coalesce(%(notes)s::text, resolution_notes)
    where id = %(id)s and (status <> %(status)s
        or resolution_notes is distinct from coalesce(%(notes)s::text, resolution_notes))
"""

COUNT = "select status, count(*) as found from reports group by status"

COUNT_PRESSING = """
    select count(*) as found from reports r
    join unnest(%s::text[], %s::int[]) as pressing (reason, hours) on pressing.reason = r.reason
    where r.status = 'pending'
        and r.created_at <= clock_timestamp() - make_interval(hours => pressing.hours)
"""

# Who has left still knows what was said before; what the service says nobody has written.
AUTHOR_OF_MESSAGE = """
    select m.sender_id as author_id, c.bounty_id from messages m
    join conversations c on c.id = m.conversation_id
    join conversation_participants p
        on p.conversation_id = m.conversation_id and p.user_id = %(reader)s
    where m.id = %(message)s and m.kind <> 'system'
        and (p.left_at is null or m.created_at <= p.left_at)
"""


class Reported(NamedTuple):
    """Whose content it is, and the bounty that it belongs to, if any."""

    author_id: str
    bounty_id: str | None = None


class NewReport(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody reports."""

    id: str
    reporter_id: str
    content_type: Content
    content_id: str
    reason: Reason
    details: str | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One report, with the names of who made it and whose content it is about."""

    id: str
    reporter_id: str
    content_type: str
    content_id: str
    reported_user_id: str
    bounty_id: str | None
    reason: str
    details: str | None
    status: str
    reviewed_by: str | None
    reviewed_at: datetime | None
    resolution_notes: str | None
    created_at: datetime
    reporter_username: str
    author_username: str
    author_avatar: str | None


class Page(msgspec.Struct, kw_only=True):
    """Which reports to list, newest first."""

    status: Status | None
    content_type: Content | None
    limit: int
    offset: int


async def insert(db: Queries, new: NewReport, about: Reported) -> bool:
    """Insert a report; return False where one of the same content by the same person waits."""
    owner = {"reported_user_id": about.author_id, "bounty_id": about.bounty_id}
    return bool(await db.execute(INSERT, msgspec.structs.asdict(new) | owner))


async def get(db: Queries, report_id: str) -> Report | None:
    """Return the report, or None."""
    row = await db.fetch_one(BY_ID, (report_id,))
    return Report(**row) if row else None


async def waiting(
    db: Queries, reporter_id: str, content_type: Content, content_id: str
) -> Report | None:
    """Return the report of this content by this person that nobody has decided, or None."""
    row = await db.fetch_one(OPEN, (reporter_id, content_type, content_id))
    return Report(**row) if row else None


async def page(db: Queries, wanted: Page) -> list[Report]:
    """Return a page of reports."""
    rows = await db.fetch(PAGE, msgspec.structs.asdict(wanted))
    return [Report(**row) for row in rows]


async def decide(
    db: Queries, report_id: str, status: Status, *, by: str, notes: str | None
) -> bool:
    """Give a report its status and notes; return False where nothing is other than before.

    Raises:
        Conflict: it cannot wait again, for its reporter has made another since.
    """
    row = {"id": report_id, "status": status, "by": by, "notes": notes}
    try:
        return bool(await db.execute(DECIDE, row))
    except Duplicate as error:
        raise Conflict("A later report of the same content waits already.") from error


async def count(db: Queries) -> dict[str, int]:
    """Return how many reports there are of each status."""
    return {row["status"]: row["found"] for row in await db.fetch(COUNT)}


async def count_pressing(db: Queries, hours: Mapping[Reason, int]) -> int:
    """Return how many wait that are of these reasons and at least so many hours old."""
    row = await db.fetch_one(COUNT_PRESSING, (list(hours), list(hours.values())))
    assert row is not None
    return int(row["found"])


async def author_of_message(db: Queries, message_id: str, reader: str) -> Reported | None:
    """Return who wrote a message that ``reader`` can have read, or None."""
    row = await db.fetch_one(AUTHOR_OF_MESSAGE, {"message": message_id, "reader": reader})
    return Reported(**row) if row else None
