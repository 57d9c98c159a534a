"""The life of a bounty: who may do what, in which status, and what follows (rest-core §3).

The table is the rule. A step that is not in it is refused with the present status and the
steps that are allowed, whoever asks. Statuses that no listed step reaches are reached by
steps that the table does not have yet; rows in the database may carry them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from bountyexpo.errors import Conflict, IllegalTransition, NotAllowed


class Status(StrEnum):
    """The seven stored statuses."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    ARCHIVED = "archived"
    CANCELLED = "cancelled"
    CANCELLATION_REQUESTED = "cancellation_requested"
    DELETED = "deleted"


class Step(StrEnum):
    """What can be asked of a bounty that exists."""

    APPLY = "apply"
    ACCEPT = "accept"
    SUBMIT = "submit"
    APPROVE = "approve"


class Role(StrEnum):
    """What the caller is to this bounty."""

    POSTER = "poster"
    HUNTER = "hunter"
    OTHER = "other"


class Transition(msgspec.Struct, frozen=True):
    """One row of the table; ``row`` is its number in the contract."""

    row: str
    source: Status
    step: Step
    role: Role
    target: Status


TRANSITIONS: Final = (
    Transition("T4", Status.OPEN, Step.APPLY, Role.OTHER, Status.OPEN),
    Transition("T7", Status.OPEN, Step.ACCEPT, Role.POSTER, Status.IN_PROGRESS),
    Transition("T13", Status.IN_PROGRESS, Step.SUBMIT, Role.HUNTER, Status.IN_PROGRESS),
    Transition("T16", Status.IN_PROGRESS, Step.APPROVE, Role.POSTER, Status.COMPLETED),
)

# What each step says to the people it is not for.
REFUSALS: Final = {
    Step.APPLY: "You cannot apply to your own bounty.",
    Step.ACCEPT: "Only the poster can accept an application.",
    Step.SUBMIT: "Only the accepted hunter can submit this work.",
    Step.APPROVE: "Only the poster can approve this work.",
}


class Parties(msgspec.Struct, frozen=True, kw_only=True):
    """The two sides of a bounty; the hunter is known once an application is accepted."""

    poster_id: str
    hunter_id: str | None = None

    def role_of(self, user_id: str) -> Role:
        """Return what ``user_id`` is to this bounty."""
        if user_id == self.poster_id:
            return Role.POSTER
        return Role.HUNTER if user_id == self.hunter_id else Role.OTHER


def advance(status: Status, step: Step, role: Role) -> Status:
    """Return the status after ``step``.

    Raises:
        NotAllowed: the step exists, but not for this role.
        IllegalTransition: the step does not exist in this status.
    """
    for_role = [row for row in TRANSITIONS if row.step == step and row.role == role]
    if not for_role:
        raise NotAllowed(REFUSALS[step])
    for row in for_role:
        if row.source == status:
            return row.target
    raise IllegalTransition(
        f"This is not possible while the bounty is {status.replace('_', ' ')}.",
        currentStatus=status.value,
        allowed=allowed(status, role),
    )


def allowed(status: Status, role: Role) -> list[str]:
    """Return the names of the steps that ``role`` may take in ``status``."""
    return [row.step.value for row in TRANSITIONS if row.source == status and row.role == role]


def check_application(existing_status: str | None, *, pending_elsewhere: int, limit: int) -> None:
    """Check the guards of T4 that the status alone does not show.

    Raises:
        Conflict: this hunter has applied before, or has too many open applications.
    """
    if existing_status is not None:
        raise Conflict("You have already applied to this bounty.", code="ALREADY_APPLIED")
    if pending_elsewhere >= limit:
        raise Conflict(
            f"You already have {limit} applications waiting. Withdraw one first.",
            code="TOO_MANY_PENDING",
        )
