"""How urgent a report is: by what it is about, and by how long it waits (operations §2.4)."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Content(StrEnum):
    """What can be reported."""

    BOUNTY = "bounty"
    PROFILE = "profile"
    MESSAGE = "message"


class Reason(StrEnum):
    """Why it is reported."""

    SPAM = "spam"
    HARASSMENT = "harassment"
    INAPPROPRIATE = "inappropriate"
    FRAUD = "fraud"
    OTHER = "other"


class Status(StrEnum):
    """How far a report has come."""

    PENDING = "pending"
    REVIEWED = "reviewed"
    RESOLVED = "resolved"
    DISMISSED = "dismissed"


class Priority(StrEnum):
    """How urgent it is, from the least to the most."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Urgency(NamedTuple):
    """How urgent a reason is at first, and what it becomes after so many hours."""

    first: Priority
    hours: int
    later: Priority

    @property
    def hours_to_high(self) -> int | None:
        """After how many hours it is of high priority; None where it never is."""
        if self.first in PRESSING:
            return 0
        return self.hours if self.later in PRESSING else None


PRESSING: Final = frozenset({Priority.HIGH, Priority.CRITICAL})

URGENCIES: Final[Mapping[Reason, Urgency]] = {
    Reason.FRAUD: Urgency(Priority.HIGH, 24, Priority.CRITICAL),
    Reason.HARASSMENT: Urgency(Priority.HIGH, 48, Priority.CRITICAL),
    Reason.INAPPROPRIATE: Urgency(Priority.MEDIUM, 72, Priority.HIGH),
    Reason.SPAM: Urgency(Priority.LOW, 96, Priority.MEDIUM),
    Reason.OTHER: Urgency(Priority.LOW, 96, Priority.MEDIUM),
}


def priority(reason: Reason, created_at: datetime, now: datetime) -> Priority:
    """Return how urgent a report is that has waited since it was made."""
    urgency = URGENCIES[reason]
    has_waited = now - created_at >= timedelta(hours=urgency.hours)
    return urgency.later if has_waited else urgency.first
