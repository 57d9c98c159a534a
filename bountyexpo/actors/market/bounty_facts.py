"""What the rules of a bounty need to know of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.domain.machine import Decision, Role
from bountyexpo.domain.market import application as rules
from bountyexpo.domain.market.application import Status as ApplicationStatus
from bountyexpo.domain.market.bounty import Facts
from bountyexpo.domain.market.completion import State as Work
from bountyexpo.domain.money.escrow import State as EscrowState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bountyexpo.persistence.market.bounties import Bounty
    from bountyexpo.persistence.market.requests import Application
    from bountyexpo.persistence.market.submissions import Submission
    from bountyexpo.persistence.money.escrows import Escrow


def facts_of(
    bounty: Bounty,
    applications: Sequence[Application],
    submission: Submission | None,
    escrow: Escrow | None,
    *,
    now: datetime,
    application: Application | None = None,
    **known: Any,
) -> Facts:
    """Return the facts of a decision that is about ``application``, if about any.

    ``known`` are facts that the rows do not tell.
    """
    waiting = (row.status == ApplicationStatus.PENDING for row in applications)
    return Facts(
        is_paid=bounty.amount_cents > 0,
        is_funded=bounty.is_for_honor or _is_held(escrow),
        has_hunter=bounty.hunter_id is not None,
        has_waiting_applications=any(waiting),
        work=Work(submission.status) if submission else Work.NONE,
        is_expired=bounty.end_date is not None and bounty.end_date <= now,
        is_expiry_noticed=bounty.expiry_notified_at is not None,
        application=ApplicationStatus(application.status) if application else None,
        is_accepted_one=application is not None and application.id == bounty.accepted_request_id,
        **known,
    )


def applied_to(
    earlier: Application | None, *, has_room: bool, is_blocked: bool
) -> Decision[ApplicationStatus, rules.Facts]:
    """Return what becomes of the application of somebody who applies, for the first time or not."""
    status = ApplicationStatus(earlier.status) if earlier else None
    facts = rules.Facts(has_room=has_room, is_blocked=is_blocked)
    return rules.MACHINE.decide(status, rules.Event.APPLY, Role.APPLICANT, facts)


def outcomes_of(
    applications: Sequence[Application], chosen: Application
) -> list[tuple[Application, ApplicationStatus]]:
    """Return every application that an acceptance changes, with what it becomes."""
    decided = [(row, _outcome_of(row, is_chosen=row is chosen)) for row in applications]
    return [(row, outcome.state) for row, outcome in decided if outcome.is_move]


def _is_held(escrow: Escrow | None) -> bool:
    return escrow is not None and escrow.state is EscrowState.HELD


def _outcome_of(row: Application, *, is_chosen: bool) -> Decision[ApplicationStatus, rules.Facts]:
    event = rules.Event.ACCEPT if is_chosen else rules.Event.CLOSE
    role = Role.POSTER if is_chosen else Role.SYSTEM
    return rules.MACHINE.decide(ApplicationStatus(row.status), event, role, rules.Facts())
