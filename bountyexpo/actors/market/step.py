"""One decision about a bounty, with everything that its effects need to be carried out.

A step is decided on rows as they are stored; its effects write the rows in the database and, the
same, in a draft of them. Once the transaction has committed, the draft is what the owner keeps.
What a step brings about in another machine (an application is accepted, a dispute is opened) is a
step of that machine, on the same draft.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from bountyexpo.actors.market.bounty_messages import Said
from bountyexpo.actors.market.rows import Rows
from bountyexpo.domain.machine import Decision, Role
from bountyexpo.domain.market.application import Status as ApplicationStatus
from bountyexpo.domain.market.bounty import Event, Facts, Stage
from bountyexpo.domain.market.bounty_rules import MACHINE
from bountyexpo.domain.market.cancellation import Status as Cancelled
from bountyexpo.domain.money.escrow import State as EscrowState
from bountyexpo.persistence.market.bounties import Terms
from bountyexpo.persistence.market.requests import Application

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from bountyexpo.domain.policy import Policy
    from bountyexpo.persistence.market.bounties import Bounty
    from bountyexpo.persistence.market.cancellations import Cancellation

AnyDecision: TypeAlias = Decision[Any, Any]

REASON_CHARS_MAX: Final = 1_000

_NOT_STALE: Final = {"is_stale": False, "stale_reason": None, "stale_detected_at": None}


class Command(Said, frozen=True, kw_only=True):
    """Who acts, when, and what they said.

    ``actor_id`` is None where the service itself acts, and ``role`` is what the actor is to the
    bounty.
    """

    actor_id: str | None
    role: Role
    now: datetime
    policy: Policy

    @property
    def reason(self) -> str | None:
        """As much of the text as stands in histories; all of it is kept where it was given."""
        return self.text[:REASON_CHARS_MAX] if self.text else None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One command with the rows that it found and the draft of those that it leaves."""

    command: Command
    before: Rows
    after: Rows

    @property
    def bounty(self) -> Bounty:
        """The bounty as the command found it."""
        return self.before.bounty

    @property
    def actor_id(self) -> str | None:
        """Who acts; None for the service itself."""
        return self.command.actor_id

    @property
    def sides(self) -> tuple[str, ...]:
        """The poster and, once there is one, the hunter."""
        hunter_id = self.bounty.hunter_id or self.after.bounty.hunter_id
        return (self.bounty.poster_id, hunter_id) if hunter_id else (self.bounty.poster_id,)

    @property
    def other_sides(self) -> tuple[str, ...]:
        """The sides without the one who acts."""
        return tuple(user_id for user_id in self.sides if user_id != self.actor_id)

    @property
    def fee_bps(self) -> int:
        """The fee of a release: that of the day on which the price was locked."""
        escrow = self.after.escrow
        return escrow.platform_fee_bps if escrow else self.bounty.platform_fee_bps

    def know(self, applications: Iterable[Application]) -> None:
        """Note applications that were looked up, as they are stored."""
        for row in applications:
            self.before.applications.setdefault(row.id, row)
            self.after.applications.setdefault(row.id, row)

    def decide(
        self, event: Event, role: Role, *, application: Application | None = None, **known: Any
    ) -> Step:
        """Return the step of the bounty on ``event``; ``known`` are facts that no row tells.

        The draft has the status that was decided, and is no longer stale where the rule says so.

        Raises:
            BountyExpoError: the rules refuse it.
        """
        rows = self.after
        facts = msgspec.structs.replace(_facts(rows, self.command, application), **known)
        decision = MACHINE.decide(rows.bounty.status, event, role, facts)
        rows.bounty = msgspec.structs.replace(rows.bounty, status=decision.state)
        if not decision.facts.is_stale:
            rows.bounty = msgspec.structs.replace(rows.bounty, **_NOT_STALE)
        return self.step(event, decision, role, application=application)

    def step(
        self,
        event: StrEnum,
        decision: AnyDecision,
        role: Role,
        *,
        application: Application | None = None,
    ) -> Step:
        """Return the step that any machine has decided on in this change."""
        return Step(
            command=self.command,
            before=self.before,
            after=self.after,
            event=event,
            decision=decision,
            role=role,
            application=application,
        )


class Step(Change, frozen=True, kw_only=True):
    """One decision of a bounty, an application, the work, a cancellation or a dispute.

    ``role`` is what the actor is to the machine that decided, and ``application`` the one that the
    decision is about.
    """

    event: StrEnum
    decision: AnyDecision
    role: Role
    application: Application | None = None


def decide(
    rows: Rows,
    event: Event,
    command: Command,
    *,
    application: Application | None = None,
    **known: Any,
) -> Step:
    """Return what the rules say about a command to a bounty.

    Raises:
        BountyExpoError: the rules refuse it.
    """
    # What effects look up of applications is noted on either side; the owner keeps its own rows.
    change = Change(command=command, before=rows.draft(), after=rows.draft())
    return change.decide(event, command.role, application=application, **known)


def _facts(rows: Rows, command: Command, application: Application | None) -> Facts:
    bounty, actor_id, dispute = rows.bounty, command.actor_id, rows.live_dispute
    cancellation, terms, escrow = rows.cancellation, command.terms, rows.escrow
    is_held = escrow is not None and escrow.state is EscrowState.HELD
    stage = dispute.stage if dispute else Stage.IN_PROGRESS
    return Facts(
        is_paid=bounty.amount_cents > 0,
        is_funded=bounty.is_for_honor or is_held,
        has_hunter=bounty.hunter_id is not None,
        has_waiting_applications=rows.has_waiting_applications,
        work=rows.work,
        is_disputed=dispute is not None,
        is_stale=bounty.is_stale,
        is_expired=bounty.end_date is not None and bounty.end_date <= command.now,
        is_expiry_noticed=bounty.expiry_notified_at is not None,
        is_expiry_old=_is_expiry_old(bounty, command),
        is_requester=(
            cancellation is not None
            and cancellation.is_waiting
            and cancellation.requester_id == actor_id
        ),
        has_rejected=_ended(cancellation, Cancelled.REJECTED, actor_id),
        has_withdrawn=_ended(cancellation, Cancelled.WITHDRAWN, actor_id),
        is_hidden=actor_id in rows.hidden_by,
        has_rated=actor_id in rows.rated_by,
        application=ApplicationStatus(application.status) if application else None,
        is_accepted_one=application is not None and application.id == bounty.accepted_request_id,
        changes_terms=terms is not None and _differ(terms, bounty),
        is_applicant=application is not None and application.hunter_id == actor_id,
        changes_amount=terms is not None and terms.amount_cents != bounty.amount_cents,
        has_text=bool(command.text),
        stage=command.stage or stage,
        wanted=command.wanted,
    )


def _differ(terms: Terms, bounty: Bounty) -> bool:
    return any(getattr(terms, name) != getattr(bounty, name) for name in Terms.__struct_fields__)


def _ended(row: Cancellation | None, status: Cancelled, actor_id: str | None) -> bool:
    """Tell whether the last cancellation was brought to ``status`` by this actor."""
    if row is None or row.status is not status:
        return False
    return actor_id == (row.requester_id if status is Cancelled.WITHDRAWN else row.responder_id)


def _is_expiry_old(bounty: Bounty, command: Command) -> bool:
    """Tell whether the poster has had all the time that the policy gives after the end date."""
    days, told_at = command.policy.expired_archive_days, bounty.expiry_notified_at
    if not days or told_at is None or bounty.end_date is None or bounty.end_date > command.now:
        return False
    return told_at + timedelta(days=days) <= command.now
