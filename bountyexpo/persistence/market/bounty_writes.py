"""How a bounty is written: inserted, then moved on one version at a time (data-model B.2).

A step locks the row at the version that it was decided on before it writes anything else, so that
an owner with an old copy changes nothing and meets no constraint.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.bounty import Status
from bountyexpo.domain.market.search.document import Document, document
from bountyexpo.domain.policy import FundingTerms
from bountyexpo.errors import StaleVersion
from bountyexpo.persistence.market.bounties import BESIDE, COLUMNS, Terms, bounty_of
from bountyexpo.persistence.market.search import index as search_index
from bountyexpo.persistence.statement import Json

if TYPE_CHECKING:
    from bountyexpo.persistence.market.bounties import Bounty
    from bountyexpo.persistence.queries import Queries

INSERT = f"""
    with b as (
        insert into bounties (
            id, poster_id, title, description, amount_cents, platform_fee_bps, policy_version,
            is_for_honor, category, work_type, location_text, latitude, longitude, zip_code,
            timeline, skills_required, is_time_sensitive, deadline, schedule_type, start_date,
            end_date, latest_arrival_time, duration_minutes, conditional_end_note, attachments,
            status, quiet_since, search, search_place, search_skills, is_search_old)
        values (
            %(id)s, %(poster_id)s, %(title)s, %(description)s, %(amount_cents)s,
            %(platform_fee_bps)s, %(policy_version)s, %(is_for_honor)s, %(category)s,
            %(work_type)s, %(location_text)s, %(latitude)s, %(longitude)s, %(zip_code)s,
            %(timeline)s, %(skills_required)s, %(is_time_sensitive)s, %(deadline)s,
            %(schedule_type)s, %(start_date)s, %(end_date)s, %(latest_arrival_time)s,
            %(duration_minutes)s, %(conditional_end_note)s,
            %(attachments)s, %(status)s, %(quiet_since)s, %(search)s, %(search_place)s,
            %(search_skills)s, false)
        returning *
    ), recorded as (
        insert into bounty_status_history (bounty_id, to_status, actor_id, actor_role,
                                           aggregate_version)
        select id, status, poster_id, 'poster', version from b
    )
    select {COLUMNS} from b {BESIDE}
"""

LOCK = "select 1 from bounties where id = %s and version = %s for no key update"

SAVE = """
    with saved as (
        update bounties set status = %(status)s, hunter_id = %(hunter_id)s,
            accepted_request_id = %(accepted_request_id)s,
            expiry_notified_at = %(expiry_notified_at)s, is_stale = %(is_stale)s,
            stale_reason = %(stale_reason)s, stale_detected_at = %(stale_detected_at)s,
            quiet_since = %(quiet_since)s, quiet_notified_at = %(quiet_notified_at)s,
            revision_count = %(revision_count)s, version = version + 1, updated_at = now(),
            completed_at = case when %(status)s = 'completed' then coalesce(completed_at, now())
                                else completed_at end,
            archived_at = case when %(status)s = 'archived' then coalesce(archived_at, now())
                               else archived_at end,
            deleted_at = case when %(status)s = 'deleted' then coalesce(deleted_at, now())
                              else deleted_at end
        where id = %(id)s and version = %(version)s
        returning id, status, version, updated_at, completed_at, archived_at, deleted_at
    ), recorded as (
        insert into bounty_status_history (bounty_id, from_status, to_status, actor_id, actor_role,
                                           reason, aggregate_version)
        select id, %(from_status)s::text, status, %(actor_id)s::uuid, %(actor_role)s::text,
               %(reason)s::text, version
        from saved where status <> %(from_status)s
    )
    select version, updated_at, completed_at, archived_at, deleted_at from saved
"""

SET_TERMS = """
    update bounties set title = %(title)s, description = %(description)s,
        amount_cents = %(amount_cents)s, is_for_honor = %(is_for_honor)s, category = %(category)s,
        work_type = %(work_type)s, location_text = %(location_text)s,
        latitude = %(latitude)s, longitude = %(longitude)s, zip_code = %(zip_code)s,
        timeline = %(timeline)s, skills_required = %(skills_required)s,
        is_time_sensitive = %(is_time_sensitive)s, deadline = %(deadline)s,
        schedule_type = %(schedule_type)s, start_date = %(start_date)s, end_date = %(end_date)s,
        latest_arrival_time = %(latest_arrival_time)s, duration_minutes = %(duration_minutes)s,
        conditional_end_note = %(conditional_end_note)s, attachments = %(attachments)s,
        search = %(search)s, search_place = %(search_place)s, search_skills = %(search_skills)s,
        is_search_old = false
    where id = %(id)s
"""

SET_NOTES = "update bounties set attachments = %s, conditional_end_note = %s where id = %s"


class NewBounty(msgspec.Struct, frozen=True, kw_only=True):
    """What is first stored of a bounty."""

    terms: Terms
    funding: FundingTerms
    status: Status
    posted_at: datetime


class Mover(msgspec.Struct, frozen=True, kw_only=True):
    """Who has moved a bounty, for its history; nobody where the service itself did."""

    actor_id: str | None
    role: Role
    reason: str | None = None


async def insert(db: Queries, bounty_id: str, poster_id: str, new: NewBounty) -> Bounty:
    """Insert a bounty at version 1, and return its row."""
    found_by = document(new.terms)
    values = _values(bounty_id, new.terms, found_by) | {
        "poster_id": poster_id,
        "platform_fee_bps": new.funding.platform_fee_bps,
        "policy_version": new.funding.policy_version,
        "status": new.status.value,
        "quiet_since": new.posted_at,
    }
    row = await db.fetch_one(INSERT, values)
    assert row is not None
    await search_index.learn(db, found_by)
    return bounty_of(row)


async def lock(tx: Queries, bounty: Bounty) -> None:
    """Hold the bounty until the end of the transaction.

    Raises:
        StaleVersion: the row is not at the version that was decided on.
    """
    if await tx.fetch_one(LOCK, (bounty.id, bounty.version)) is None:
        raise StaleVersion


async def save(tx: Queries, before: Bounty, after: Bounty, by: Mover) -> Bounty:
    """Write what a step has made of the bounty; return it at the next version.

    Raises:
        StaleVersion: the row is not at the version that was decided on.
    """
    row = await tx.fetch_one(
        SAVE,
        {
            "id": before.id,
            "version": before.version,
            "from_status": before.status.value,
            "status": after.status.value,
            "hunter_id": after.hunter_id,
            "accepted_request_id": after.accepted_request_id,
            "expiry_notified_at": after.expiry_notified_at,
            "is_stale": after.is_stale,
            "stale_reason": after.stale_reason,
            "stale_detected_at": after.stale_detected_at,
            "quiet_since": after.quiet_since,
            "quiet_notified_at": after.quiet_notified_at,
            "revision_count": after.revision_count,
            "actor_id": by.actor_id,
            "actor_role": by.role.value,
            "reason": by.reason,
        },
    )
    if row is None:
        raise StaleVersion
    return msgspec.structs.replace(after, **row)


async def set_terms(tx: Queries, bounty_id: str, terms: Terms) -> None:
    """Replace what the poster offers."""
    before, found_by = await search_index.lexemes_of(tx, bounty_id), document(terms)
    await tx.execute(SET_TERMS, _values(bounty_id, terms, found_by))
    await search_index.learn(tx, found_by, before)


async def set_notes(
    tx: Queries, bounty_id: str, attachments: list[dict[str, Any]], note: str | None
) -> None:
    """Replace what may still change once the work has begun."""
    await tx.execute(SET_NOTES, (Json(attachments), note, bounty_id))


def _values(bounty_id: str, terms: Terms, found_by: Document) -> dict[str, Any]:
    return msgspec.structs.asdict(terms) | {
        "id": bounty_id,
        "attachments": Json(terms.attachments),
        "search": found_by.vector,
        "search_place": found_by.place,
        "search_skills": found_by.skills,
    }
