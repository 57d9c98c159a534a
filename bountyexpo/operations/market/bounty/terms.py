"""What a poster offers, as it is asked for: a whole offer, or what is to change of one (C3, C5).

Each field that is said is cleaned by its own rule. Fields that must fit each other are one group:
whoever says one of them says all, the others as they stand.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from bountyexpo.domain import amounts, client_json, limits
from bountyexpo.domain.client_json import ATTACHMENTS
from bountyexpo.domain.field_types import (
    Cents,
    Dollars,
    Id,
    Latitude,
    Longitude,
    Moment,
    shown,
    text,
)
from bountyexpo.domain.market import bounty_limits
from bountyexpo.operations.idempotency.requests import IdempotencyKey
from bountyexpo.persistence.market.bounties import Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bountyexpo.domain.policy import Policy

Title = Annotated[str, text(*limits.TITLE_CHARS)]
Description = Annotated[str, text(*limits.DESCRIPTION_CHARS)]
Location = Annotated[str, text(0, limits.LOCATION_CHARS[1])]
Timeline = Annotated[str, text(0, limits.TIMELINE_CHARS_MAX)]
Skill = Annotated[str, text(0, limits.SKILLS_CHARS_MAX)]
Skills = Skill | Annotated[list[Skill], msgspec.Meta(max_length=100)]
Deadline = Annotated[str, text(0, limits.DEADLINE_CHARS_MAX)]
Minutes = Annotated[int, shown(minimum=1, maximum=limits.DURATION_MINUTES_MAX)]
Note = Annotated[str, text(0, limits.NOTE_CHARS_MAX)]
ZipCode = Annotated[str, shown(chars_max=64, pattern="^[0-9]{5}$")]
Attachments = client_json.JsonText | client_json.JsonObjects

# Names that clients say some of these by.
ALIASED_FIELDS: Final = {
    "isForHonor": "is_for_honor",
    "workType": "work_type",
    "due_date": "deadline",
    "dueDate": "deadline",
    "amountCents": "amount_cents",
    "skills": "skills_required",
}


class Price(msgspec.Struct, kw_only=True):
    """A price as some clients send it."""

    amount: Dollars | None = None
    currency: Annotated[str, text(1, 16)] = amounts.CURRENCY


class NewBounty(msgspec.Struct, kw_only=True):
    """What a poster offers; ``amount`` in dollars, or ``amount_cents``."""

    title: Title
    description: Description
    amount: Dollars | Price | None = None
    amount_cents: Cents | None = None
    is_for_honor: bool = False
    location: Location | None = None
    work_type: bounty_limits.WorkType = "online"
    timeline: Timeline = ""
    skills_required: Skills = ""
    category: bounty_limits.Category | None = None
    is_time_sensitive: bool = False
    deadline: Deadline | None = None
    schedule_type: bounty_limits.ScheduleType | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    latest_arrival_time: Moment | None = None
    duration_minutes: Minutes | None = None
    conditional_end_note: Note | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    zip_code: ZipCode | None = None
    attachments_json: Attachments | None = None
    idempotency_key: IdempotencyKey | None = None


class BountyChanges(msgspec.Struct, kw_only=True):
    """What shall be other than it is; what is not said stays."""

    bounty_id: Id
    title: Title | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    amount: Dollars | Price | UnsetType | None = UNSET
    amount_cents: Cents | UnsetType | None = UNSET
    is_for_honor: bool | UnsetType = UNSET
    location: Location | UnsetType | None = UNSET
    work_type: bounty_limits.WorkType | UnsetType = UNSET
    timeline: Timeline | UnsetType = UNSET
    skills_required: Skills | UnsetType = UNSET
    category: bounty_limits.Category | UnsetType | None = UNSET
    is_time_sensitive: bool | UnsetType = UNSET
    deadline: Deadline | UnsetType | None = UNSET
    schedule_type: bounty_limits.ScheduleType | UnsetType | None = UNSET
    start_date: Moment | UnsetType | None = UNSET
    end_date: Moment | UnsetType | None = UNSET
    latest_arrival_time: Moment | UnsetType | None = UNSET
    duration_minutes: Minutes | UnsetType | None = UNSET
    conditional_end_note: Note | UnsetType | None = UNSET
    latitude: Latitude | UnsetType | None = UNSET
    longitude: Longitude | UnsetType | None = UNSET
    zip_code: ZipCode | UnsetType | None = UNSET
    attachments_json: Attachments | UnsetType | None = UNSET
    status: Annotated[str, text(1, 32)] | UnsetType | None = UNSET


# Where a column has another name than its field.
COLUMNS: Final = {"location": "location_text", "attachments_json": "attachments"}

_PRICE: Final = frozenset({"amount", "amount_cents", "is_for_honor"})
_PLACE: Final = frozenset({"location", "work_type"})
_POSITION: Final = frozenset({"latitude", "longitude"})
_SCHEDULE: Final = frozenset(bounty_limits.Schedule.__struct_fields__)


def _optional(field: str, chars_max: int) -> Callable[[Any], Any]:
    return partial(limits.optional_text, field=field, chars_max=chars_max)


# How each field that stands by itself is cleaned; what is not here is a value of its type.
CLEANERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "title": bounty_limits.title,
    "description": bounty_limits.description,
    "timeline": partial(
        limits.text, field="timeline", chars_min=0, chars_max=limits.TIMELINE_CHARS_MAX
    ),
    "skills_required": bounty_limits.skills,
    "deadline": _optional("deadline", limits.DEADLINE_CHARS_MAX),
    "conditional_end_note": _optional("conditional_end_note", limits.NOTE_CHARS_MAX),
    "zip_code": bounty_limits.zip_code,
    "attachments_json": ATTACHMENTS.parse,
}


def new_terms(request: NewBounty, policy: Policy) -> Terms:
    """Return what is offered.

    Raises:
        InvalidRequest: a field is not as it must be.
    """
    said = msgspec.structs.asdict(request)
    del said["idempotency_key"]
    return Terms(**_cleaned(said, said, policy))


def changed_terms(
    request: BountyChanges, before: Terms, policy: Policy
) -> tuple[Terms, tuple[str, ...]]:
    """Return the terms with the changes, and the columns that the request speaks of.

    Raises:
        InvalidRequest: a field is not as it must be.
    """
    said = {
        name: value
        for name, value in msgspec.structs.asdict(request).items()
        if value is not UNSET and name not in {"bounty_id", "status"}
    }
    columns = _cleaned(said, _standing(before) | said, policy)
    kept = {name: getattr(before, name) for name in Terms.__struct_fields__}
    return Terms(**kept | columns), tuple(columns)


def _standing(before: Terms) -> dict[str, Any]:
    """Return the fields of the groups as they stand."""
    return {
        "amount": None,
        "amount_cents": None,
        "is_for_honor": before.is_for_honor,
        "location": before.location_text,
        "work_type": before.work_type,
        **{name: getattr(before, name) for name in _POSITION | _SCHEDULE},
        "standing_cents": before.amount_cents,
    }


def _cleaned(said: Mapping[str, Any], whole: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    """Return the columns of what is said; ``whole`` has all fields of its groups."""
    grouped = _PRICE | _PLACE | _POSITION | _SCHEDULE
    columns = {
        COLUMNS.get(name, name): CLEANERS[name](value) if name in CLEANERS else value
        for name, value in said.items()
        if name not in grouped
    }
    if said.keys() & _PRICE:
        columns |= _price(whole, policy)
    if said.keys() & _PLACE:
        where = bounty_limits.location(whole["location"], work_type=whole["work_type"])
        columns |= {"location_text": where, "work_type": whole["work_type"]}
    if said.keys() & _POSITION:
        columns |= bounty_limits.position(**_only(whole, _POSITION))
    if said.keys() & _SCHEDULE:
        when = bounty_limits.schedule(**_only(whole, _SCHEDULE))
        columns |= msgspec.structs.asdict(when)
    return columns


def _price(whole: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    amount, in_cents, is_for_honor = whole["amount"], whole["amount_cents"], whole["is_for_honor"]
    dollars = msgspec.structs.asdict(amount) if isinstance(amount, Price) else amount
    cents = amounts.cents_of_price(dollars, in_cents)
    if amount is None and in_cents is None:
        cents = whole.get("standing_cents", 0)
    if is_for_honor:
        # It has no price, whatever an old client sends with it.
        cents = 0
    cents = limits.bounty_amount(cents, is_for_honor=is_for_honor, policy=policy)
    return {"amount_cents": cents, "is_for_honor": is_for_honor}


def _only(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names}
