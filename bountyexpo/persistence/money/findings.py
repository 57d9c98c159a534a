"""Findings in storage: at most one open row of each kind about each subject."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.persistence.statement import Json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.money.findings import Finding
    from bountyexpo.persistence.queries import Queries

RECORD = """
    insert into findings (type, subject_type, subject_id, details) values (%s, %s, %s, %s)
    on conflict (type, subject_type, subject_id) where status = 'open'
    do update set times = findings.times + 1, found_at = clock_timestamp(),
        details = excluded.details
"""

PAGE = """
    select id, type, subject_type, subject_id, details, status, times, created_at, found_at
    from findings where status = %s order by found_at desc, id desc limit %s
"""

ACKNOWLEDGE = """
    update findings set status = 'acknowledged', acknowledged_at = clock_timestamp(),
        acknowledged_by = %s, resolution = %s
    where subject_type = %s and subject_id = %s and status = 'open'
"""


class FoundRow(msgspec.Struct, frozen=True, kw_only=True):
    """One finding."""

    id: int
    type: str
    subject_type: str
    subject_id: str
    details: dict[str, Any]
    status: str
    times: int
    created_at: datetime
    found_at: datetime


async def record(
    db: Queries, kind: Finding, subject: tuple[str, str], details: Mapping[str, Any]
) -> None:
    """Let people look at ``subject``; what is open already is found once more."""
    await db.execute(RECORD, (kind.value, *subject, Json(dict(details))))


async def page(db: Queries, status: str, limit: int) -> list[FoundRow]:
    """Return findings, those that were found last first."""
    return [FoundRow(**row) for row in await db.fetch(PAGE, (status, limit))]


async def acknowledge(db: Queries, subject: tuple[str, str], *, by: str, resolution: str) -> int:
    """Close all that is open about ``subject``; return how many there were."""
    return await db.execute(ACKNOWLEDGE, (by, resolution, *subject))
