"""Disputes: opened by a side, answered, decided by an admin, appealed (money §3.7, T23 to T26).

An open dispute that nobody answers for seven days closes itself, and one that is open for fourteen
goes to an admin. A decision moves the money at once, and at most once; an appeal that succeeds
after it is put right by an adjustment, never by a second settlement. A chargeback at the card
network is a dispute too, which only the network decides.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from bountyexpo.domain.machine import Guard, Machine, Outcome, Refusal, Role, Rule, Timer
from bountyexpo.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from bountyexpo.domain.market.bounty import Parties

# What one person may add to one dispute.
ANSWERS_MAX: Final = 200
EVIDENCE_MAX: Final = 50

_DAY_S: Final = 86_400
AUTO_CLOSE_S: Final = 7 * _DAY_S
ESCALATE_S: Final = 14 * _DAY_S
# How long after a decision it may be appealed.
APPEAL_WINDOW_S: Final = 7 * _DAY_S


class Status(StrEnum):
    """The stored statuses."""

    OPEN = "open"
    UNDER_REVIEW = "under_review"
    # Decided as a split.
    RESOLVED = "resolved"
    RESOLVED_HUNTER_WINS = "resolved_hunter_wins"
    RESOLVED_POSTER_WINS = "resolved_poster_wins"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    STRIPE_DISPUTE = "stripe_dispute"
    RESOLVED_WON = "resolved_won"
    RESOLVED_LOST = "resolved_lost"


class Event(StrEnum):
    """What can happen to a dispute."""

    OPEN = "open"
    # Evidence or a comment of either side.
    ANSWER = "answer"
    # What an admin notes for other admins; the sides are never told.
    NOTE = "note"
    REVIEW = "review"
    RESOLVE_HUNTER = "resolve_hunter"
    RESOLVE_POSTER = "resolve_poster"
    RESOLVE_SPLIT = "resolve_split"
    WITHDRAW = "withdraw"
    CLOSE = "close"
    AUTO_CLOSE = "auto_close"
    ESCALATE = "escalate"
    APPEAL = "appeal"
    REVIEW_APPEAL = "review_appeal"
    REJECT_APPEAL = "reject_appeal"
    UPHOLD_FOR_HUNTER = "uphold_for_hunter"
    UPHOLD_FOR_POSTER = "uphold_for_poster"
    APPEAL_WINDOW_OVER = "appeal_window_over"
    CHARGEBACK_OPENED = "chargeback_opened"
    CHARGEBACK_WON = "chargeback_won"
    CHARGEBACK_LOST = "chargeback_lost"


class Effect(StrEnum):
    """What follows from a step; the first four are told to the bounty and its escrow."""

    DECIDE_HUNTER = "decide_hunter"
    DECIDE_POSTER = "decide_poster"
    DECIDE_SPLIT = "decide_split"
    CLOSE_DISPUTE = "close_dispute"
    FREEZE_ESCROW = "freeze_escrow"
    CORRECT_BY_ADJUSTMENT = "correct_by_adjustment"
    KEEP_ANSWER = "keep_answer"
    KEEP_NOTE = "keep_note"
    KEEP_APPEAL = "keep_appeal"
    KEEP_REVIEW = "keep_review"
    RECORD = "record"
    NOTIFY_BOTH = "notify_both"
    NOTIFY_OTHER_SIDE = "notify_other_side"
    NOTIFY_ADMINS = "notify_admins"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the guards look at."""

    # No side has done anything for seven days; it has been open for fourteen.
    is_idle: bool = False
    is_overdue: bool = False
    is_escalated: bool = False
    # What is said or shown was kept before; there is room for more of the caller's.
    is_known: bool = False
    has_room: bool = True
    # A decision has stood for seven days.
    is_final: bool = False
    has_open_appeal: bool = False
    # The caller appealed this decision before.
    has_appealed: bool = False
    has_text: bool = True
    # The parts that the decision names make up the escrow to the cent.
    is_whole: bool = True


def role_of(user_id: str | None, sides: tuple[str | None, str | None], parties: Parties) -> Role:
    """Return what somebody is to a dispute of these ``sides``, the initiator first.

    Where nobody of the two has opened it, both sides of its bounty answer. A side stays one, even
    if they are an admin besides.
    """
    initiator_id, respondent_id = sides
    if user_id is None:
        return Role.OTHER
    if user_id == initiator_id:
        return Role.REQUESTER
    is_party = initiator_id is None and parties.role_of(user_id) is not Role.OTHER
    return Role.RESPONDER if is_party or user_id == respondent_id else Role.OTHER


IS_IDLE: Final = Guard("nobody has answered for seven days", "is_idle")
IS_OVERDUE: Final = Guard("it has been open for fourteen days", "is_overdue")
ESCALATED: Final = Guard("it was escalated", "is_escalated")
NOT_ESCALATED: Final = Guard("it was not escalated", "is_escalated", (False,))
IS_FINAL: Final = Guard("it has stood for seven days", "is_final")
IS_KNOWN: Final = Guard("it was kept before", "is_known")
HAS_ROOM: Final = Guard(
    "the caller has room for more",
    "has_room",
    refusal=Refusal("You cannot add more to this dispute.", "DISPUTE_FULL"),
)
APPEAL_OPEN: Final = Guard(
    "an appeal is open",
    "has_open_appeal",
    refusal=Refusal("There is no open appeal.", "NO_OPEN_APPEAL"),
)
NO_APPEAL: Final = Guard("no appeal is open", "has_open_appeal", (False,))
APPEALED: Final = Guard("the caller has appealed", "has_appealed")
HAS_TEXT: Final = Guard(
    "a reason is given",
    "has_text",
    refusal=Refusal("Please say why.", "REASON_REQUIRED", InvalidRequest),
)
IS_WHOLE: Final = Guard(
    "the parts sum to the escrow",
    "is_whole",
    refusal=Refusal(
        "The parts of both sides must sum to the whole.", "INVALID_SPLIT", InvalidRequest
    ),
)

OPEN, UNDER_REVIEW = Status.OPEN, Status.UNDER_REVIEW
CLOSED, CANCELLED = Status.CLOSED, Status.CANCELLED
LIVE: Final = (OPEN, UNDER_REVIEW)
DECIDED: Final = (Status.RESOLVED, Status.RESOLVED_HUNTER_WINS, Status.RESOLVED_POSTER_WINS)
INITIATOR, SIDES = (Role.REQUESTER,), (Role.REQUESTER, Role.RESPONDER)
ADMIN, TIMER, PROVIDER = (Role.ADMIN,), (Role.TIMER,), (Role.PROVIDER,)

_IDLE: Final = Timer(Event.AUTO_CLOSE, after_s=AUTO_CLOSE_S)
_OVERDUE: Final = Timer(Event.ESCALATE, after_s=ESCALATE_S)
_WINDOW: Final = Timer(Event.APPEAL_WINDOW_OVER, after_s=APPEAL_WINDOW_S)
_TOLD: Final = (Effect.RECORD, Effect.NOTIFY_BOTH)
_ESCALATED: Final = (Effect.RECORD, Effect.NOTIFY_ADMINS)


def _resolved(event: Event, target: Status, effect: Effect, row: str) -> Rule[Status, Event]:
    return Rule(
        row,
        LIVE,
        event,
        ADMIN,
        target,
        require=(HAS_TEXT, IS_WHOLE),
        effects=(effect, *_TOLD),
        timers=(_WINDOW,),
    )


def _upheld(event: Event, target: Status, loser: Status) -> Rule[Status, Event]:
    return Rule(
        "F10",
        (loser, Status.RESOLVED),
        event,
        ADMIN,
        target,
        require=(APPEAL_OPEN, HAS_TEXT),
        effects=(Effect.CORRECT_BY_ADJUSTMENT, *_TOLD),
        timers=(_WINDOW,),
        sets={"has_open_appeal": False},
    )


_LIVING: Final[tuple[Rule[Status, Event], ...]] = (
    Rule(
        "T23",
        (None,),
        Event.OPEN,
        (*INITIATOR, Role.SYSTEM),
        OPEN,
        require=(HAS_TEXT,),
        effects=(Effect.FREEZE_ESCROW, Effect.NOTIFY_OTHER_SIDE, Effect.NOTIFY_ADMINS),
        timers=(_IDLE, _OVERDUE),
    ),
    Rule("T23", LIVE, Event.OPEN, (*SIDES, Role.SYSTEM), outcome=Outcome.REPEAT),
    *(
        Rule("F10", tuple(Status), event, roles, when=(IS_KNOWN,), outcome=Outcome.REPEAT)
        for event, roles in ((Event.ANSWER, (*SIDES, *ADMIN)), (Event.NOTE, ADMIN))
    ),
    Rule(
        "F10",
        tuple(Status),
        Event.NOTE,
        ADMIN,
        require=(HAS_TEXT, HAS_ROOM),
        effects=(Effect.KEEP_NOTE,),
    ),
    Rule(
        "F10",
        LIVE,
        Event.ANSWER,
        (*SIDES, *ADMIN),
        require=(HAS_ROOM,),
        effects=(Effect.KEEP_ANSWER, Effect.NOTIFY_OTHER_SIDE),
        timers=(_IDLE,),
        sets={"is_idle": False},
    ),
    Rule("T26", (OPEN,), Event.REVIEW, ADMIN, UNDER_REVIEW, effects=(Effect.RECORD,)),
    Rule("T26", (UNDER_REVIEW,), Event.REVIEW, ADMIN, outcome=Outcome.REPEAT),
    _resolved(Event.RESOLVE_HUNTER, Status.RESOLVED_HUNTER_WINS, Effect.DECIDE_HUNTER, "T24"),
    _resolved(Event.RESOLVE_POSTER, Status.RESOLVED_POSTER_WINS, Effect.DECIDE_POSTER, "T25"),
    _resolved(Event.RESOLVE_SPLIT, Status.RESOLVED, Effect.DECIDE_SPLIT, "T25"),
    *(
        Rule("T24 T25", (state,), event, ADMIN, outcome=Outcome.REPEAT)
        for state, event in (
            (Status.RESOLVED_HUNTER_WINS, Event.RESOLVE_HUNTER),
            (Status.RESOLVED_POSTER_WINS, Event.RESOLVE_POSTER),
            (Status.RESOLVED, Event.RESOLVE_SPLIT),
        )
    ),
    Rule(
        "§3.7",
        (OPEN,),
        Event.WITHDRAW,
        INITIATOR,
        CANCELLED,
        effects=(Effect.CLOSE_DISPUTE, Effect.NOTIFY_OTHER_SIDE),
    ),
    Rule("§3.7", (CANCELLED,), Event.WITHDRAW, INITIATOR, outcome=Outcome.REPEAT),
    Rule("T26", LIVE, Event.CLOSE, ADMIN, CLOSED, effects=(Effect.CLOSE_DISPUTE, *_TOLD)),
    Rule("T26", (CLOSED,), Event.CLOSE, ADMIN, outcome=Outcome.REPEAT),
    Rule(
        "T26",
        (OPEN,),
        Event.AUTO_CLOSE,
        TIMER,
        CLOSED,
        when=(IS_IDLE,),
        effects=(Effect.CLOSE_DISPUTE, *_TOLD),
    ),
    Rule("T26", tuple(Status), Event.AUTO_CLOSE, TIMER, outcome=Outcome.IGNORE),
    Rule("T26", LIVE, Event.ESCALATE, ADMIN, when=(ESCALATED,), outcome=Outcome.REPEAT),
    Rule(
        "T26",
        LIVE,
        Event.ESCALATE,
        ADMIN,
        UNDER_REVIEW,
        require=(HAS_TEXT,),
        effects=_ESCALATED,
        sets={"is_escalated": True},
    ),
    Rule(
        "T26",
        LIVE,
        Event.ESCALATE,
        TIMER,
        UNDER_REVIEW,
        when=(IS_OVERDUE, NOT_ESCALATED),
        effects=_ESCALATED,
        sets={"is_escalated": True},
    ),
    Rule("T26", tuple(Status), Event.ESCALATE, TIMER, outcome=Outcome.IGNORE),
)

_APPEALING: Final[tuple[Rule[Status, Event], ...]] = (
    Rule("F10", DECIDED, Event.APPEAL, SIDES, when=(APPEALED,), outcome=Outcome.REPEAT),
    Rule(
        "F10",
        DECIDED,
        Event.APPEAL,
        SIDES,
        require=(HAS_TEXT,),
        effects=(Effect.KEEP_APPEAL, Effect.NOTIFY_OTHER_SIDE, Effect.NOTIFY_ADMINS),
        sets={"has_open_appeal": True, "has_appealed": True},
    ),
    Rule(
        "F10",
        DECIDED,
        Event.REVIEW_APPEAL,
        ADMIN,
        require=(APPEAL_OPEN,),
        effects=(Effect.KEEP_REVIEW, Effect.RECORD),
    ),
    Rule(
        "F10",
        DECIDED,
        Event.REJECT_APPEAL,
        ADMIN,
        CLOSED,
        require=(APPEAL_OPEN, HAS_TEXT),
        effects=_TOLD,
        sets={"has_open_appeal": False},
    ),
    _upheld(Event.UPHOLD_FOR_HUNTER, Status.RESOLVED_HUNTER_WINS, Status.RESOLVED_POSTER_WINS),
    _upheld(Event.UPHOLD_FOR_POSTER, Status.RESOLVED_POSTER_WINS, Status.RESOLVED_HUNTER_WINS),
    Rule(
        "§3.7",
        DECIDED,
        Event.APPEAL_WINDOW_OVER,
        TIMER,
        CLOSED,
        when=(NO_APPEAL, IS_FINAL),
        effects=(Effect.RECORD,),
    ),
    Rule("§3.7", tuple(Status), Event.APPEAL_WINDOW_OVER, TIMER, outcome=Outcome.IGNORE),
    Rule("F10", DECIDED, Event.CLOSE, ADMIN, CLOSED, when=(NO_APPEAL,), effects=_TOLD),
)

CHARGEBACKS: Final = (Event.CHARGEBACK_OPENED, Event.CHARGEBACK_WON, Event.CHARGEBACK_LOST)
CHARGED: Final = (Status.STRIPE_DISPUTE, Status.RESOLVED_WON, Status.RESOLVED_LOST)

_CHARGING_BACK: Final[tuple[Rule[Status, Event], ...]] = (
    Rule(
        "§3.7",
        (None,),
        Event.CHARGEBACK_OPENED,
        PROVIDER,
        Status.STRIPE_DISPUTE,
        effects=(Effect.FREEZE_ESCROW, Effect.NOTIFY_ADMINS),
    ),
    # A late "created" after "closed" does not freeze again.
    Rule("§3.7", CHARGED, Event.CHARGEBACK_OPENED, PROVIDER, outcome=Outcome.IGNORE),
    Rule(
        "§3.7",
        (None, Status.STRIPE_DISPUTE),
        Event.CHARGEBACK_WON,
        PROVIDER,
        Status.RESOLVED_WON,
        effects=(Effect.CLOSE_DISPUTE, Effect.NOTIFY_ADMINS),
    ),
    Rule(
        "§3.7",
        (None, Status.STRIPE_DISPUTE),
        Event.CHARGEBACK_LOST,
        PROVIDER,
        Status.RESOLVED_LOST,
        effects=(Effect.DECIDE_POSTER, Effect.NOTIFY_ADMINS),
    ),
    *(
        Rule("§3.7", CHARGED[1:], event, PROVIDER, outcome=Outcome.IGNORE)
        for event in CHARGEBACKS[1:]
    ),
)

_ADMIN: Final = "Only an admin can decide a dispute."
_NETWORK: Final = "Only the card issuer decides this."

MACHINE: Final = Machine(
    name="dispute",
    noun="dispute",
    states=Status,
    events=Event,
    roles=(*SIDES, Role.OTHER, *ADMIN, Role.SYSTEM, *TIMER, *PROVIDER),
    facts=Facts,
    rules=(*_LIVING, *_APPEALING, *_CHARGING_BACK),
    terminal=frozenset({CLOSED, CANCELLED, Status.RESOLVED_WON, Status.RESOLVED_LOST}),
    sentences=dict.fromkeys(Event, _ADMIN)
    | dict.fromkeys(CHARGEBACKS, _NETWORK)
    | dict.fromkeys(
        (Event.OPEN, Event.ANSWER, Event.APPEAL), "Only the poster and the hunter can do this."
    )
    | {
        Event.WITHDRAW: "Only who opened this dispute can withdraw it.",
        Event.NOTE: "Only admins can write notes for admins.",
    },
    absent=Refusal("This dispute does not exist.", error=NotFound),
)
