"""What the table of the bounty decides about a call, told only where the bounty stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec
from bountyexpo.domain.access import Caller
from bountyexpo.domain.machine import Decision, Role
from bountyexpo.domain.market.access import EVENTS, GRANTS, ROLES
from bountyexpo.domain.market.application import Status as Application
from bountyexpo.domain.market.bounty import Effect, Event, Facts, Stage, Status
from bountyexpo.domain.market.bounty_rules import MACHINE
from bountyexpo.domain.market.cancellation import Status as Cancelled
from bountyexpo.errors import BountyExpoError, NotFound

from tests.conformance.market.standings import FUNDED, HANDED_IN, Overlay

# Operations that name something of the bounty, and what; where there is none, it is not there.
OF_APPLICATION: Final = ("request.accept", "request.reject")
OF_WORK: Final = ("completion.approve", "completion.request_revision")
OF_CANCELLATION: Final = (
    *(f"cancellation.{word}" for word in ("accept", "reject", "withdraw")),
    "dispute.commit",
)
# What comes with a reason, feedback or an answer, if the step demands it.
WORDED: Final = (
    *("bounty.set_status", "cancellation.request", "cancellation.accept", "cancellation.reject"),
    *("completion.request_revision", "dispute.open", "dispute.commit"),
)
STAGES: Final = {"dispute.open": Stage.IN_PROGRESS, "dispute.commit": Stage.CANCELLATION}
# The price is no longer what it was: held, and held by nothing else.
UNHELD: Final = {
    *(Effect.RELEASE_ESCROW, Effect.REFUND_ESCROW, Effect.SPLIT_ESCROW, Effect.FREEZE_ESCROW)
}


# A decision, or the refusal.
Decided: TypeAlias = Decision[Status, Facts] | BountyExpoError


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A call that the table decides: the event with its facts, or why it never comes there."""

    name: str
    caller: Caller
    status: Status
    event: Event
    role: Role
    facts: Facts
    refusal: BountyExpoError | None = None

    def decide(self) -> Decided:
        """Return what the table says."""
        if self.refusal is not None:
            return self.refusal
        try:
            return MACHINE.decide(self.status, self.event, self.role, self.facts)
        except BountyExpoError as refusal:
            return refusal

    def again(self, decision: Decision[Status, Facts]) -> Asked:
        """The same call once more, after what was decided about it."""
        role, known = self.role, _facts_after(self)
        if UNHELD.intersection(decision.effects):
            known["is_funded"] = False
        event = Event.ACCEPT if known.get("is_accepted_one") else self.event
        if self.name == "bounty.update":
            event, known["changes_terms"] = Event.ATTACH, False
        return Asked(
            name=self.name,
            caller=self.caller,
            status=decision.state,
            event=event,
            role=role,
            facts=msgspec.structs.replace(decision.facts, **known),
        )


def asked(name: str, overlay: Overlay, caller: Caller, *, has_room: bool) -> Asked:
    """Return what a call means to a bounty that stands so."""
    event, application = _meant(name, overlay, caller)
    role = Role.OTHER if caller is Caller.SERVICE else role_of(caller, overlay.status)
    is_own = caller in {Caller.POSTER, Caller.HUNTER}
    cancelled = overlay.cancellation
    is_held = overlay.status in FUNDED and not overlay.is_disputed
    dispute_stage = overlay.stage if overlay.is_disputed else Stage.IN_PROGRESS
    facts = Facts(
        is_paid=overlay.is_paid,
        is_funded=is_held or not overlay.is_paid,
        has_hunter=overlay.has_hunter,
        has_waiting_applications=overlay.status is Status.OPEN and overlay.is_applied,
        work=overlay.work,
        is_disputed=overlay.is_disputed,
        is_stale=overlay.is_stale,
        is_expired=overlay.is_expired,
        has_room=has_room,
        is_requester=caller is Caller.HUNTER
        and cancelled in {Cancelled.PENDING, Cancelled.DISPUTED},
        has_rejected=caller is Caller.POSTER and cancelled is Cancelled.REJECTED,
        has_withdrawn=caller is Caller.HUNTER and cancelled is Cancelled.WITHDRAWN,
        is_hidden=is_own and overlay.is_hidden,
        has_rated=is_own and overlay.is_rated,
        application=application,
        is_accepted_one=application is Application.ACCEPTED,
        is_applicant=application is not None and caller is Caller.HUNTER,
        changes_terms=name == "bounty.update",
        has_text=name in WORDED,
        stage=STAGES.get(name, dispute_stage),
    )
    return Asked(
        name=name,
        caller=caller,
        status=overlay.status,
        event=event,
        role=role,
        facts=facts,
        refusal=_before_the_table(name, overlay, caller),
    )


def role_of(caller: Caller, status: Status) -> Role:
    """What the caller is to a bounty that stands there: of an open one nobody is the hunter."""
    role = ROLES[caller]
    return Role.OTHER if role is Role.HUNTER and status is Status.OPEN else role


def _before_the_table(name: str, overlay: Overlay, caller: Caller) -> BountyExpoError | None:
    """Return why a call is refused before the rules are asked: by its level, or what it names."""
    grant = GRANTS[name]
    if refusal := grant.level_refusal(caller):
        return refusal
    missing = None
    if name in OF_APPLICATION and not overlay.is_applied:
        missing = "application"
    elif name in OF_WORK and overlay.work not in HANDED_IN:
        missing = "submission"
    elif name in OF_CANCELLATION and overlay.cancellation is None:
        missing = "cancellation"
    if missing is not None:
        return NotFound(f"This {missing} does not exist.")
    return grant.refusal(caller) if name == "dispute.commit" else None


def _meant(name: str, overlay: Overlay, caller: Caller) -> tuple[Event, Application | None]:
    """Return the event, and how the application stands that it is about."""
    waits = overlay.status is Status.OPEN
    stands = (
        (Application.PENDING if waits else Application.ACCEPTED) if overlay.is_applied else None
    )
    if name in OF_APPLICATION:
        return EVENTS[name], stands
    if name == "bounty.accept" and caller is Caller.POSTER:
        return Event.DIRECT_ACCEPT if waits else Event.ACCEPT, stands
    if name in {"bounty.accept", "request.create"}:
        return Event.APPLY, stands if caller is Caller.HUNTER else None
    return EVENTS[name], None


def _facts_after(call: Asked) -> dict[str, Any]:
    """Return the facts that rows of others tell once a step was taken."""
    match call.event, call.role:
        case (Event.ACCEPT, _) | (Event.DIRECT_ACCEPT, Role.POSTER):
            return {"application": Application.ACCEPTED, "is_accepted_one": True}
        case Event.APPLY, _:
            return {"application": Application.PENDING, "is_applicant": True}
        case Event.REJECT_APPLICATION, _:
            return {"application": Application.REJECTED, "has_waiting_applications": False}
        case Event.CANCEL_REJECT, _:
            return {"has_rejected": True, "is_requester": False}
        case Event.CANCEL_WITHDRAW, _:
            return {"has_withdrawn": True}
        case ((Event.ARCHIVE | Event.DELETE), _):
            return {"has_waiting_applications": False}
        case _:
            return {}
