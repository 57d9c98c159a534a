"""Findings in storage: at most one open row of each kind about each subject."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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


async def record(
    db: Queries, kind: Finding, subject: tuple[str, str], details: Mapping[str, Any]
) -> None:
    """Let people look at ``subject``; what is open already is found once more."""
    await db.execute(RECORD, (kind.value, *subject, Json(dict(details))))
