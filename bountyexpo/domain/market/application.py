"""The life of an application: a hunter's wish to take a bounty (rest-core §2.4, T4 to T8).

A hunter has one application for a bounty. After it was withdrawn or rejected the same hunter may
apply again, and the row waits again; so a bounty that is posted anew is open to all of them. Only
whom the poster has rejected waits for a while first.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from bountyexpo.domain.machine import Guard, Machine, Outcome, Refusal, Role, Rule
from bountyexpo.errors import NotAllowed, NotFound, RateLimited


class Status(StrEnum):
    """The stored statuses."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Event(StrEnum):
    """What can happen to an application."""

    APPLY = "apply"
    WITHDRAW = "withdraw"
    ACCEPT = "accept"
    REJECT = "reject"
    # The bounty was given to another, cancelled, archived or deleted.
    CLOSE = "close"
    # The hunter is gone and the bounty is posted anew.
    RELEASE = "release"


class Effect(StrEnum):
    """What follows from a step."""

    NOTIFY_POSTER = "notify_poster"
    NOTIFY_APPLICANT = "notify_applicant"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the guards look at."""

    is_blocked: bool = False
    # The applicant has fewer applications waiting elsewhere than the policy allows.
    has_room: bool = True
    # The poster has rejected the applicant a short while ago; in how many seconds it is over.
    is_cooling_down: bool = False
    cool_down_left_s: int = 0


NOT_BLOCKED: Final = Guard(
    "neither side has blocked the other",
    "is_blocked",
    (False,),
    Refusal("You cannot apply to this bounty.", "BLOCKED", NotAllowed),
)
HAS_ROOM: Final = Guard(
    "the applicant has room for one more",
    "has_room",
    refusal=Refusal(
        "You have too many applications waiting. Withdraw one first.", "TOO_MANY_PENDING"
    ),
)
COOLED_DOWN: Final = Guard(
    "no rejection by the poster is too recent",
    "is_cooling_down",
    (False,),
    Refusal(
        "The poster has already declined your application. You can apply again later.",
        "APPLIED_TOO_SOON",
        RateLimited,
        retry_after="cool_down_left_s",
    ),
)

# A second application carries the first one in its refusal, so that the app can show it.
ALREADY: Final = Refusal("You have already applied to this bounty.", "ALREADY_APPLIED")

_LIVE: Final = (Status.PENDING, Status.ACCEPTED)
_DEAD: Final = (Status.REJECTED, Status.WITHDRAWN)
_DECIDED: Final = Refusal("This application is no longer waiting.")
_APPLICANT: Final = (Role.APPLICANT,)
_POSTER: Final = (Role.POSTER,)
_SYSTEM: Final = (Role.SYSTEM,)

_TABLE: Final[tuple[Rule[Status, Event], ...]] = (
    Rule(
        "T4",
        (None, *_DEAD),
        Event.APPLY,
        _APPLICANT,
        Status.PENDING,
        require=(NOT_BLOCKED, COOLED_DOWN, HAS_ROOM),
        effects=(Effect.NOTIFY_POSTER,),
    ),
    Rule("T4", _LIVE, Event.APPLY, _APPLICANT, refusal=ALREADY),
    Rule("T5", (Status.PENDING,), Event.WITHDRAW, _APPLICANT, Status.WITHDRAWN),
    Rule("T5", (Status.WITHDRAWN,), Event.WITHDRAW, _APPLICANT, outcome=Outcome.REPEAT),
    Rule(
        "T6",
        (Status.PENDING,),
        Event.REJECT,
        _POSTER,
        Status.REJECTED,
        effects=(Effect.NOTIFY_APPLICANT,),
    ),
    Rule("T6", (Status.REJECTED,), Event.REJECT, _POSTER, outcome=Outcome.REPEAT),
    Rule(
        "T7",
        (Status.PENDING,),
        Event.ACCEPT,
        _POSTER,
        Status.ACCEPTED,
        effects=(Effect.NOTIFY_APPLICANT,),
    ),
    Rule("T7", (Status.ACCEPTED,), Event.ACCEPT, _POSTER, outcome=Outcome.REPEAT),
    Rule("T7", _DEAD, Event.ACCEPT, _POSTER, refusal=_DECIDED),
    Rule(
        "T7",
        (Status.PENDING,),
        Event.CLOSE,
        _SYSTEM,
        Status.REJECTED,
        effects=(Effect.NOTIFY_APPLICANT,),
    ),
    Rule("T7", (Status.ACCEPTED, *_DEAD), Event.CLOSE, _SYSTEM, outcome=Outcome.IGNORE),
    Rule("T29", (Status.ACCEPTED,), Event.RELEASE, _SYSTEM, Status.WITHDRAWN),
    Rule("T29", (Status.PENDING, *_DEAD), Event.RELEASE, _SYSTEM, outcome=Outcome.IGNORE),
)

MACHINE: Final = Machine(
    name="application",
    noun="application",
    states=Status,
    events=Event,
    roles=(Role.APPLICANT, Role.POSTER, Role.OTHER, Role.SYSTEM),
    facts=Facts,
    rules=_TABLE,
    terminal=frozenset(Status) - {Status.PENDING},
    sentences={
        Event.APPLY: "You cannot apply to your own bounty.",
        Event.WITHDRAW: "Only the applicant can withdraw an application.",
        Event.ACCEPT: "Only the poster can accept an application.",
        Event.REJECT: "Only the poster can reject an application.",
        Event.CLOSE: "Only the poster can reject an application.",
        Event.RELEASE: "Only the poster can post the bounty again.",
    },
    absent=Refusal("This application does not exist.", error=NotFound),
)
