"""Bounties: list, read, create (contract rest-core §2.3, §4.3, §4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from bountyexpo.actors.market.bounty_messages import CreateBounty
from bountyexpo.domain import amounts, client_json, limits
from bountyexpo.domain.client_json import ATTACHMENTS
from bountyexpo.domain.field_types import (
    Cents,
    Cursor,
    Dollars,
    Id,
    Moment,
    clamped,
    shown,
    text,
)
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.market import bounty_limits
from bountyexpo.domain.market.bounty import LISTED_TO_OTHERS, LISTED_TO_PARTIES, Status
from bountyexpo.domain.market.bounty_ends import GONE
from bountyexpo.errors import InvalidRequest
from bountyexpo.operations.catalogue import READ, WRITE, operation
from bountyexpo.operations.cursor import decode_cursor
from bountyexpo.operations.idempotency.requests import IdempotencyKey, mark_replayed, request_hash
from bountyexpo.operations.market.bounty_views import BountyPage, BountyView, bounty_view, page_view
from bountyexpo.operations.require import parse_id
from bountyexpo.persistence.market import bounties
from bountyexpo.persistence.market.bounties import Page, Terms

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call

PAGE_LIMIT_MAX = 100
OWN_LIMIT_MAX = 200

Skills = Annotated[str, text(0, limits.SKILLS_CHARS_MAX)]
DURATION = shown(minimum=1, maximum=limits.DURATION_MINUTES_MAX)
ZIP_CODE = shown(chars_max=64, pattern="^[0-9]{5}$")


class ListBounties(msgspec.Struct, kw_only=True, forbid_unknown_fields=False):
    """Which bounties to list; newest first."""

    status: Annotated[str, text(1, 200)] | None = None
    poster_id: Id | None = None
    accepted_by: Id | None = None
    work_type: Annotated[str, text(1, 32)] | None = None
    page: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = None
    limit: Annotated[int, clamped(1, OWN_LIMIT_MAX)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | None = None
    cursor: Cursor | None = None
    format: Literal["array", "page"] | None = None


class BountyById(msgspec.Struct, kw_only=True):
    """One bounty."""

    bounty_id: Id


class Price(msgspec.Struct, kw_only=True):
    """A price as some clients send it."""

    amount: Dollars | None = None
    currency: Annotated[str, text(1, 16)] = amounts.CURRENCY


class NewBounty(msgspec.Struct, kw_only=True):
    """What a poster offers; ``amount`` in dollars, or ``amount_cents``."""

    title: Annotated[str, text(*limits.TITLE_CHARS)]
    description: Annotated[str, text(*limits.DESCRIPTION_CHARS)]
    amount: Dollars | Price | None = None
    amount_cents: Cents | None = None
    is_for_honor: bool = False
    location: Annotated[str, text(0, limits.LOCATION_CHARS[1])] | None = None
    work_type: bounty_limits.WorkType = "online"
    timeline: Annotated[str, text(0, limits.TIMELINE_CHARS_MAX)] = ""
    skills_required: Skills | Annotated[list[Skills], msgspec.Meta(max_length=100)] = ""
    category: bounty_limits.Category | None = None
    is_time_sensitive: bool = False
    deadline: Annotated[str, text(0, limits.DEADLINE_CHARS_MAX)] | None = None
    schedule_type: bounty_limits.ScheduleType | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    latest_arrival_time: Moment | None = None
    duration_minutes: Annotated[int, DURATION] | None = None
    conditional_end_note: Annotated[str, text(0, limits.NOTE_CHARS_MAX)] | None = None
    zip_code: Annotated[str, ZIP_CODE] | None = None
    attachments_json: client_json.JsonText | client_json.JsonObjects | None = None
    idempotency_key: IdempotencyKey | None = None


@operation(
    "bounty.list",
    http="GET /api/bounties",
    rate=READ,
    aliases=("GET /bounties",),
    aliased_fields={
        "user_id": "poster_id",
        "userId": "poster_id",
        "creator_id": "poster_id",
        "hunter_id": "accepted_by",
        "workType": "work_type",
    },
)
async def list_bounties(call: Call, request: ListBounties) -> BountyPage | list[BountyView]:
    """List bounties, newest first; open ones unless asked otherwise.

    The reply is a bare array when ``offset``, ``poster_id`` or ``work_type`` is given without
    ``page`` and ``cursor``, or with ``format=array``.
    """
    is_own = call.identity is not None and call.identity.user_id in {
        request.poster_id,
        request.accepted_by,
    }
    wanted = _page_wanted(request, is_own=is_own)
    db = call.services.db
    if _wants_array(request):
        return [bounty_view(row) for row in await bounties.page(db, wanted)]
    limit, wanted.limit = wanted.limit, wanted.limit + 1
    rows = await bounties.page(db, wanted)
    return page_view(rows, limit, request.page or 1, await bounties.count(db, wanted))


@operation(
    "bounty.get",
    http="GET /api/bounties/{bounty_id}",
    rate=READ,
    aliases=("GET /bounties/{bounty_id}",),
)
async def get_bounty(call: Call, request: BountyById) -> BountyView:
    """Read one bounty."""
    bounty_id = parse_id(request.bounty_id, "bounty")
    found = await call.services.batched.ask(bounties.get_all, bounty_id)
    caller = call.identity.user_id if call.identity else None
    if found is None or not found.parties.may_see(found.status, caller):
        raise GONE.raised(None)
    return bounty_view(found)


@operation(
    "bounty.create",
    http="POST /api/bounties",
    rate=WRITE,
    status=201,
    repeat_status=200,
    aliases=("POST /api/supabase/bounties",),
    aliased_fields={
        "isForHonor": "is_for_honor",
        "workType": "work_type",
        "due_date": "deadline",
        "dueDate": "deadline",
        "amountCents": "amount_cents",
        "skills": "skills_required",
        "idempotencyKey": "idempotency_key",
    },
)
async def create_bounty(call: Call, request: NewBounty) -> BountyView:
    """Post a bounty; its price is locked in escrow in the same step.

    A repeat with the same idempotency key gets the first reply. Without a key, one of the same
    title within ten minutes, while the first is open, answers 200 with the first bounty. Both have
    ``Idempotent-Replayed: true``.
    """
    key = call.idempotency_key
    created = await call.services.actors.bounty(new_id()).ask(
        CreateBounty(
            poster_id=call.user_id,
            terms=_terms(call, request),
            idempotency_key=key,
            request_hash=request_hash(request),
        )
    )
    if created.replayed:
        mark_replayed(call, 201 if key else 200)
    return bounty_view(created.bounty)


def _page_wanted(request: ListBounties, *, is_own: bool) -> Page:
    limit = max(1, min(request.limit, OWN_LIMIT_MAX if is_own else PAGE_LIMIT_MAX))
    skipped = (request.page - 1) * limit if request.page is not None else request.offset
    if request.offset not in {None, skipped}:
        message = "page and offset must mean the same rows."
        raise InvalidRequest(message, issues=[{"path": "offset", "message": message}])
    wanted = Page(
        statuses=_statuses(request.status, is_own=is_own),
        poster_id=parse_id(request.poster_id, "user") if request.poster_id else None,
        hunter_id=parse_id(request.accepted_by, "user") if request.accepted_by else None,
        work_type=request.work_type,
        limit=limit,
        offset=skipped or 0,
    )
    if request.cursor is not None:
        wanted.before, wanted.before_id = decode_cursor(request.cursor)
        wanted.offset = 0
    return wanted


def _statuses(status: str | None, *, is_own: bool) -> list[str]:
    if status is None and not is_own:
        return [Status.OPEN.value]
    if status is None or status == "all":
        return list(LISTED_TO_PARTIES if is_own else LISTED_TO_OTHERS)
    names = [name.strip() for name in status.split(",")]
    unknown = [name for name in names if name not in set(Status)]
    if unknown:
        raise InvalidRequest(
            f"There is no status {unknown[0]!r}.",
            issues=[{"path": "status", "message": f"use {', '.join(Status)} or all"}],
        )
    return [name for name in names if is_own or name in LISTED_TO_OTHERS]


def _wants_array(request: ListBounties) -> bool:
    if request.format is not None:
        return request.format == "array"
    is_old_form = request.offset is not None or request.poster_id or request.work_type
    return bool(is_old_form) and request.page is None and request.cursor is None


def _terms(call: Call, request: NewBounty) -> Terms:
    amount = request.amount
    dollars = msgspec.structs.asdict(amount) if isinstance(amount, Price) else amount
    cents = amounts.cents_of_price(dollars, request.amount_cents)
    when = bounty_limits.schedule(
        start_date=request.start_date,
        end_date=request.end_date,
        latest_arrival_time=request.latest_arrival_time,
        duration_minutes=request.duration_minutes,
    )
    return Terms(
        title=bounty_limits.title(request.title),
        description=bounty_limits.description(request.description),
        amount_cents=limits.bounty_amount(
            cents, is_for_honor=request.is_for_honor, policy=call.services.policy
        ),
        is_for_honor=request.is_for_honor,
        category=request.category,
        work_type=request.work_type,
        location_text=bounty_limits.location(request.location, work_type=request.work_type),
        zip_code=bounty_limits.zip_code(request.zip_code),
        timeline=limits.text(request.timeline, "timeline", 0, limits.TIMELINE_CHARS_MAX),
        skills_required=bounty_limits.skills(request.skills_required),
        is_time_sensitive=request.is_time_sensitive,
        deadline=limits.optional_text(request.deadline, "deadline", limits.DEADLINE_CHARS_MAX),
        schedule_type=request.schedule_type,
        start_date=when.start_date,
        end_date=when.end_date,
        latest_arrival_time=when.latest_arrival_time,
        duration_minutes=when.duration_minutes,
        conditional_end_note=limits.optional_text(
            request.conditional_end_note, "conditional_end_note", limits.NOTE_CHARS_MAX
        ),
        attachments=ATTACHMENTS.parse(request.attachments_json),
    )
