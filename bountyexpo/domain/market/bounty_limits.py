"""Limits of what a poster says of a bounty (contract rest-core §2.3, "create body")."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from bountyexpo.domain import limits
from bountyexpo.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

WorkType = Literal["online", "in_person"]
Category = Literal["tech", "design", "writing", "labor", "delivery", "other"]
ScheduleType = Literal["asap", "scheduled", "flexible"]

ZIP_CODE: Final = re.compile(r"[0-9]{5}")


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """When the work is to be done; every time has a zone."""

    start_date: datetime | None = None
    end_date: datetime | None = None
    latest_arrival_time: datetime | None = None
    duration_minutes: int | None = None


def title(value: str) -> str:
    """Return the title."""
    return limits.text(value, "title", *limits.TITLE_CHARS)


def description(value: str) -> str:
    """Return the description."""
    return limits.text(value, "description", *limits.DESCRIPTION_CHARS)


def location(value: str | None, *, work_type: WorkType) -> str | None:
    """Return where the work is; it must be said for work in person."""
    low, high = limits.LOCATION_CHARS
    cleaned = limits.optional_text(value, "location", high)
    if cleaned is None:
        if work_type == "in_person":
            raise _refusal("location", "location must be given for work in person.")
        return None
    return limits.text(cleaned, "location", low, high)


def skills(value: str | Sequence[str]) -> str:
    """Return the skills as one line, sent as a line or as a list."""
    line = value if isinstance(value, str) else ", ".join(value)
    return limits.text(line, "skills_required", 0, limits.SKILLS_CHARS_MAX)


def zip_code(value: str | None) -> str | None:
    """Return the postal code."""
    if value is not None and not ZIP_CODE.fullmatch(value):
        raise _refusal("zip_code", "zip_code must have five digits.")
    return value


def position(*, latitude: float | None, longitude: float | None) -> dict[str, float | None]:
    """Return where the work is on the globe, in degrees: both numbers, or neither."""
    for field, value, bound in (("latitude", latitude, 90), ("longitude", longitude, 180)):
        if value is not None and not -bound <= value <= bound:
            raise _refusal(field, f"{field} must be from -{bound} to {bound} degrees.")
    if (latitude is None) != (longitude is None):
        missing = "latitude" if latitude is None else "longitude"
        raise _refusal(missing, "latitude and longitude must be given together.")
    return {"latitude": latitude, "longitude": longitude}


def schedule(
    *,
    start_date: datetime | None = None,
    end_date: datetime | None = None,
    latest_arrival_time: datetime | None = None,
    duration_minutes: int | None = None,
) -> Schedule:
    """Return the schedule; the gate has brought its times into UTC."""
    if start_date is not None and end_date is not None and end_date < start_date:
        raise _refusal("end_date", "end_date must not be before start_date.")
    if duration_minutes is not None and not 0 < duration_minutes <= limits.DURATION_MINUTES_MAX:
        raise _refusal(
            "duration_minutes",
            f"duration_minutes must be from 1 to {limits.DURATION_MINUTES_MAX}.",
        )
    return Schedule(
        start_date=start_date,
        end_date=end_date,
        latest_arrival_time=latest_arrival_time,
        duration_minutes=duration_minutes,
    )


def _refusal(field: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, issues=[{"path": field, "message": message}])
