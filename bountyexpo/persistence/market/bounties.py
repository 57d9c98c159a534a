"""Bounties in storage, always read with the poster's public name (rest-core §4.6)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.domain.market.bounty import POSTED_AGAIN, Parties, Status
from bountyexpo.persistence.users.user_stats import Rated

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bountyexpo.persistence.queries import Queries

FACTS = """
    b.id, b.poster_id, b.hunter_id, b.accepted_request_id, b.title, b.description,
    b.amount_cents, b.platform_fee_bps, b.is_for_honor, b.status, b.category, b.work_type,
    b.location_text, b.latitude, b.longitude, b.zip_code, b.timeline, b.skills_required,
    b.is_time_sensitive, b.deadline, b.schedule_type, b.start_date, b.end_date,
    b.latest_arrival_time, b.duration_minutes, b.conditional_end_note, b.expiry_notified_at,
    b.is_stale, b.stale_reason, b.stale_detected_at, b.quiet_since, b.quiet_notified_at,
    b.revision_count, b.version, b.created_at, b.updated_at, b.completed_at, b.archived_at,
    b.deleted_at, u.username, p.avatar_url as poster_avatar,
    coalesce(s.rating_sum_tenths, 0) as poster_rating_tenths,
    coalesce(s.rating_count, 0) as poster_ratings, e.intent_id as payment_intent_id
"""

# What stands beside ``bounties b``: the poster, and the card payment of the present funding.
BESIDE = """
    join users u on u.id = b.poster_id join user_profiles p on p.user_id = u.id
    left join user_stats s on s.user_id = b.poster_id
    left join lateral (select intent_id from escrows where bounty_id = b.id
                       order by round desc limit 1) e on true
"""

COLUMNS = f"{FACTS}, b.attachments, false as are_attachments_omitted"

# A list of many bounties carries the attachments of each up to this size, in bytes; beyond it they
# are found with the bounty itself, so that no poster decides how large a page is.
LISTED_ATTACHMENTS_BYTES_MAX = 4 * 1024

LISTED = f"""
    {FACTS}, octet_length(b.attachments::text) > %(attachments_max)s as are_attachments_omitted,
    case when octet_length(b.attachments::text) > %(attachments_max)s then '[]'::jsonb
         else b.attachments end as attachments
"""

SOURCE = f"from bounties b {BESIDE}"

BY_IDS = f"select {COLUMNS} {SOURCE} where b.id = any(%s::uuid[])"

STANDING = """
    select id, status, poster_id, hunter_id from bounties where id = any(%s::uuid[])
"""

RECENT_TWIN = """
    select id from bounties where poster_id = %s and title = %s and amount_cents = %s
        and status = any(%s) and created_at > now() - make_interval(secs => %s)
    order by created_at desc limit 1
"""

POSTED_SINCE = """
    select count(*) as posted from bounties
    where poster_id = %s and created_at > now() - make_interval(secs => %s)
"""

STALE = f"""
    select {COLUMNS} {SOURCE}
    where b.is_stale and b.poster_id = %s and b.status = any(%s)
    order by b.stale_detected_at desc, b.id limit 200
"""

CAME_FROM = """
    select from_status from bounty_status_history where bounty_id = %s
    order by aggregate_version desc limit 1
"""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a poster offers: the columns that come from the request, already checked."""

    title: str
    description: str
    amount_cents: int
    is_for_honor: bool = False
    category: str | None = None
    work_type: str = "online"
    location_text: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    zip_code: str | None = None
    timeline: str = ""
    skills_required: str = ""
    is_time_sensitive: bool = False
    deadline: str | None = None
    schedule_type: str | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    latest_arrival_time: datetime | None = None
    duration_minutes: int | None = None
    conditional_end_note: str | None = None
    attachments: list[dict[str, Any]] = msgspec.field(default_factory=list)


class Bounty(Terms, frozen=True, kw_only=True):
    """A stored bounty with its poster's public name."""

    id: str
    poster_id: str
    hunter_id: str | None
    accepted_request_id: str | None
    platform_fee_bps: int
    status: Status
    expiry_notified_at: datetime | None
    is_stale: bool
    stale_reason: str | None
    stale_detected_at: datetime | None
    # Since when nobody has moved it, and when people were told so.
    quiet_since: datetime
    quiet_notified_at: datetime | None
    revision_count: int
    version: int
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    archived_at: datetime | None
    deleted_at: datetime | None
    username: str
    poster_avatar: str | None
    # The sum of the ratings that the poster has got, in tenths of a star, and their number.
    poster_rating_tenths: int = 0
    poster_ratings: int = 0
    payment_intent_id: str | None = None
    are_attachments_omitted: bool = False

    @property
    def parties(self) -> Parties:
        """The two sides."""
        return Parties(poster_id=self.poster_id, hunter_id=self.hunter_id)

    @property
    def poster_rated(self) -> Rated:
        """How the poster is rated."""
        return Rated(self.poster_rating_tenths, self.poster_ratings)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What of a bounty says who may know of it."""

    status: Status
    parties: Parties

    def is_visible_to(self, user_id: str | None) -> bool:
        """Tell whether this user may know of it."""
        return self.parties.may_see(self.status, user_id)


async def get(db: Queries, bounty_id: str) -> Bounty | None:
    """Return the bounty, or None."""
    [found] = await get_all(db, [bounty_id])
    return found


async def get_all(db: Queries, bounty_ids: Sequence[str]) -> list[Bounty | None]:
    """Return what ``get`` would for each of these, in their order."""
    rows = await db.fetch(BY_IDS, (list(set(bounty_ids)),))
    found = {row["id"]: bounty_of(row) for row in rows}
    return [found.get(bounty_id.lower()) for bounty_id in bounty_ids]


async def standing(db: Queries, bounty_ids: Collection[str]) -> dict[str, Standing]:
    """Return those of these bounties that there are, with who may know of them."""
    return {
        row["id"]: Standing(
            status=Status(row["status"]),
            parties=Parties(poster_id=row["poster_id"], hunter_id=row["hunter_id"]),
        )
        for row in await db.fetch(STANDING, (list(bounty_ids),))
    }


async def recent_twin(db: Queries, poster_id: str, terms: Terms, *, within_s: float) -> str | None:
    """Return what the same request of this poster made ``within_s``, if it still waits."""
    statuses = [status.value for status in POSTED_AGAIN]
    twin = (poster_id, terms.title, terms.amount_cents, statuses, float(within_s))
    row = await db.fetch_one(RECENT_TWIN, twin)
    return row["id"] if row else None


async def posted(db: Queries, poster_id: str, *, within_s: float) -> int:
    """Return how many bounties this poster made ``within_s``."""
    row = await db.fetch_one(POSTED_SINCE, (poster_id, float(within_s)))
    assert row is not None
    return int(row["posted"])


async def stale(db: Queries, poster_id: str, statuses: Sequence[Status]) -> list[Bounty]:
    """Return this poster's stale bounties in ``statuses``, the latest first."""
    wanted = (poster_id, [status.value for status in statuses])
    return [bounty_of(row) for row in await db.fetch(STALE, wanted)]


async def came_from(db: Queries, bounty_id: str) -> Status | None:
    """Return the status before the present one; None of a bounty that was just posted."""
    row = await db.fetch_one(CAME_FROM, (bounty_id,))
    return Status(row["from_status"]) if row and row["from_status"] else None


def bounty_of(row: dict[str, Any]) -> Bounty:
    """Return the bounty of a row of ``COLUMNS``."""
    row["status"] = Status(row["status"])
    return Bounty(**row)
