"""What the rules of a bounty need to know of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain import application as rules
from bountyexpo.domain.application import Status as ApplicationStatus
from bountyexpo.domain.bounty import Facts
from bountyexpo.domain.completion import State as Work
from bountyexpo.domain.machine import Decision, Role

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bountyexpo.persistence.bounties import Bounty
    from bountyexpo.persistence.requests import Application
    from bountyexpo.persistence.submissions import Submission


def facts_of(
    bounty: Bounty,
    applications: Sequence[Application],
    submission: Submission | None,
    *,
    now: datetime,
    application: Application | None = None,
    has_room: bool = True,
    is_blocked: bool = False,
) -> Facts:
    """Return the facts of a decision that is about ``application``, if about any."""
    waiting = (row.status == ApplicationStatus.PENDING for row in applications)
    return Facts(
        is_paid=bounty.amount_cents > 0,
        has_hunter=bounty.hunter_id is not None,
        has_waiting_applications=any(waiting),
        work=Work(submission.status) if submission else Work.NONE,
        is_expired=bounty.end_date is not None and bounty.end_date <= now,
        application=ApplicationStatus(application.status) if application else None,
        is_accepted_one=application is not None and application.id == bounty.accepted_request_id,
        has_room=has_room,
        is_blocked=is_blocked,
    )


def outcome_of(row: Application, *, is_chosen: bool) -> Decision[ApplicationStatus, rules.Facts]:
    """Return what an acceptance makes of one application."""
    event = rules.Event.ACCEPT if is_chosen else rules.Event.CLOSE
    role = Role.POSTER if is_chosen else Role.SYSTEM
    return rules.MACHINE.decide(ApplicationStatus(row.status), event, role, rules.Facts())
