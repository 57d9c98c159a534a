"""Cancelling a bounty by agreement, and who gets what of its price (rest-core §2.6, T18 to T22).

Settled where the contract left it open: an open bounty goes back to its poster whole. Once a
hunter works on it, the other side must agree: all of the price goes back when the hunter cancels,
half is proposed when the poster does. The rest is always the hunter's, so both parts are named
and sum to the whole.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from bountyexpo.domain.machine import Guard, Machine, Outcome, Refusal, Role, Rule
from bountyexpo.domain.market import bounty
from bountyexpo.errors import InvalidRequest, NotFound

# One basis point is a hundredth of a percent.
WHOLE_BPS: Final = 10_000
HALF_BPS: Final = 5_000

# What the app recommends to give back, in percent; half where nothing is said.
RECOMMENDED: Final = {bounty.Status.OPEN: 100, bounty.Status.COMPLETED: 0}


class Status(StrEnum):
    """The stored statuses; ``withdrawn`` is new, the old service deleted such a request."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    DISPUTED = "disputed"


class Category(StrEnum):
    """Why somebody cancels, as the app asks; it is stored before the words."""

    CHANGED_MIND = "changed_mind"
    POSTED_BY_MISTAKE = "posted_by_mistake"
    NO_LONGER_NEEDED = "no_longer_needed"
    TIMELINE_ISSUE = "timeline_issue"
    COMMUNICATION_ISSUE = "communication_issue"
    OTHER = "other"


class Event(StrEnum):
    """What can happen to a cancellation."""

    REQUEST = "request"
    ACCEPT = "accept"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    DISPUTE = "dispute"
    # The dispute was closed without a decision.
    REOPEN = "reopen"
    RESOLVE_CANCELLED = "resolve_cancelled"
    RESOLVE_COMPLETED = "resolve_completed"


class Effect(StrEnum):
    """What follows from a step."""

    SPLIT_ESCROW = "split_escrow"
    COUNT_CANCELLATION = "count_cancellation"
    NOTIFY_OTHER_SIDE = "notify_other_side"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the guards look at."""

    # The bounty is open, for honor, or its hunter has vanished: nobody needs to agree.
    needs_no_answer: bool = False
    # The hunter has vanished: it is not the poster's doing.
    is_blameless: bool = False
    has_text: bool = True


class Split(msgspec.Struct, frozen=True):
    """What each side gets of the price, in basis points."""

    poster_bps: int
    hunter_bps: int

    def __post_init__(self) -> None:
        """Refuse shares that do not make up the whole; such a rule is a defect."""
        assert min(self.poster_bps, self.hunter_bps) >= 0
        assert self.poster_bps + self.hunter_bps == WHOLE_BPS


def proposed_split(*, in_progress: bool, requested_by: Role) -> Split:
    """Return the split that stands unless the request names another."""
    is_half = in_progress and requested_by is Role.POSTER
    return split_of(HALF_BPS if is_half else WHOLE_BPS)


def agreed_split(refund_percentage: int | None, *, in_progress: bool, requested_by: Role) -> Split:
    """Return the split of a request that may name how much the poster gets back.

    Raises:
        InvalidRequest: not a percentage, or an open bounty that is not given back whole.
    """
    if refund_percentage is None:
        return proposed_split(in_progress=in_progress, requested_by=requested_by)
    if not 0 <= refund_percentage <= 100:
        raise InvalidRequest("refund_percentage must be from 0 to 100.")
    if not in_progress and refund_percentage != 100:
        raise InvalidRequest("An open bounty is always given back whole.")
    return split_of(refund_percentage * 100)


def split_of(poster_bps: int) -> Split:
    """Return the split that gives the poster this much, and the hunter the rest."""
    return Split(poster_bps, WHOLE_BPS - poster_bps)


def recommended_refund_percentage(status: bounty.Status, *, has_hunter: bool) -> int:
    """Return what the app recommends to give back (rest-core §2.6)."""
    if status is bounty.Status.IN_PROGRESS:
        return 50 if has_hunter else 100
    return RECOMMENDED.get(status, 50)


def worded(text: str | None, category: Category) -> str | None:
    """Return a reason as it is stored; None where no word was said."""
    return f"[category:{category.value}] {text}" if text else None


NEEDS_NO_ANSWER: Final = Guard("nobody needs to agree", "needs_no_answer")
HAS_TEXT: Final = Guard(
    "a reason is given",
    "has_text",
    refusal=Refusal("Please say why.", "REASON_REQUIRED", InvalidRequest),
)

PENDING, ACCEPTED, REJECTED = Status.PENDING, Status.ACCEPTED, Status.REJECTED
WITHDRAWN, DISPUTED = Status.WITHDRAWN, Status.DISPUTED
REQUESTER, RESPONDER = (Role.REQUESTER,), (Role.RESPONDER,)
SIDES, ADMIN = (*REQUESTER, *RESPONDER), (Role.ADMIN,)

_AGREED: Final = (Effect.SPLIT_ESCROW, Effect.COUNT_CANCELLATION, Effect.NOTIFY_OTHER_SIDE)

_TABLE: Final[tuple[Rule[Status, Event], ...]] = (
    Rule(
        "T9 T19",
        (None,),
        Event.REQUEST,
        REQUESTER,
        ACCEPTED,
        when=(NEEDS_NO_ANSWER,),
        effects=_AGREED,
    ),
    Rule(
        "T18",
        (None, REJECTED, WITHDRAWN),
        Event.REQUEST,
        REQUESTER,
        PENDING,
        require=(HAS_TEXT,),
        effects=(Effect.NOTIFY_OTHER_SIDE,),
    ),
    Rule("T18", (PENDING, ACCEPTED, DISPUTED), Event.REQUEST, REQUESTER, outcome=Outcome.REPEAT),
    Rule("T20", (PENDING,), Event.ACCEPT, RESPONDER, ACCEPTED, effects=_AGREED),
    Rule("T20", (ACCEPTED,), Event.ACCEPT, RESPONDER, outcome=Outcome.REPEAT),
    Rule(
        "T21",
        (PENDING,),
        Event.REJECT,
        RESPONDER,
        REJECTED,
        require=(HAS_TEXT,),
        effects=(Effect.NOTIFY_OTHER_SIDE,),
    ),
    Rule("T21", (REJECTED,), Event.REJECT, RESPONDER, outcome=Outcome.REPEAT),
    Rule(
        "T22",
        (PENDING,),
        Event.WITHDRAW,
        (*REQUESTER, Role.SYSTEM),
        WITHDRAWN,
        effects=(Effect.NOTIFY_OTHER_SIDE,),
    ),
    Rule("T22", (WITHDRAWN,), Event.WITHDRAW, REQUESTER, outcome=Outcome.REPEAT),
    Rule("T23", (PENDING,), Event.DISPUTE, SIDES, DISPUTED),
    Rule("T23", (DISPUTED,), Event.DISPUTE, SIDES, outcome=Outcome.REPEAT),
    Rule("T26", (DISPUTED,), Event.REOPEN, (Role.SYSTEM,), PENDING),
    # The dispute's decision moves the money; here it is only recorded.
    Rule("T25", (DISPUTED,), Event.RESOLVE_CANCELLED, ADMIN, ACCEPTED),
    Rule("T24", (DISPUTED,), Event.RESOLVE_COMPLETED, ADMIN, REJECTED),
)

MACHINE: Final = Machine(
    name="cancellation",
    noun="cancellation",
    states=Status,
    events=Event,
    roles=(*SIDES, Role.OTHER, *ADMIN, Role.SYSTEM),
    facts=Facts,
    rules=_TABLE,
    terminal=frozenset({ACCEPTED, REJECTED, WITHDRAWN}),
    sentences=dict.fromkeys(Event, "Only the poster and the hunter can do this.")
    | {
        Event.ACCEPT: "Only the other side can answer this request.",
        Event.REJECT: "Only the other side can answer this request.",
        Event.WITHDRAW: "Only who made this request can withdraw it.",
        Event.RESOLVE_CANCELLED: "Only an admin can decide a dispute.",
        Event.RESOLVE_COMPLETED: "Only an admin can decide a dispute.",
    },
    absent=Refusal("There is no cancellation.", error=NotFound),
    conditions={
        Effect.COUNT_CANCELLATION: Guard("the other side was there", "is_blameless", (False,))
    },
)
