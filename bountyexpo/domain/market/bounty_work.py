"""From posting to approval: the rows T1 to T8 and T12 to T17 of the contract (rest-core §3.2)."""

from __future__ import annotations

from typing import Final

from bountyexpo.domain.machine import Outcome, Role, Rule, Timer
from bountyexpo.domain.market import bounty_guards as on
from bountyexpo.domain.market.application import (
    ALREADY,
    COOLED_DOWN,
    HAS_ROOM,
    NOT_BLOCKED,
)
from bountyexpo.domain.market.bounty import RUNNING, Effect, Event, Status
from bountyexpo.domain.market.completion import State as Work

OPEN, IN_PROGRESS, COMPLETED = Status.OPEN, Status.IN_PROGRESS, Status.COMPLETED
POSTER, HUNTER = (Role.POSTER,), (Role.HUNTER,)
# Everybody but the poster.
OTHER: Final = (Role.OTHER, Role.HUNTER)
# What was answered stays so, whatever has become of the bounty.
LASTING: Final = tuple(status for status in Status if status is not Status.DELETED)

EXPIRY: Final = (Timer(Event.EXPIRY_TICK, at="end_date"),)

POSTING: Final[tuple[Rule[Status, Event], ...]] = (
    Rule(
        "T1",
        (None,),
        Event.CREATE,
        POSTER,
        OPEN,
        when=(on.IS_PAID,),
        require=(on.IS_VERIFIED, on.HAS_POSTS_LEFT),
        effects=(Effect.HOLD_ESCROW, Effect.NOTIFY_NEARBY, Effect.MOMENT_POSTED),
        timers=EXPIRY,
    ),
    Rule(
        "T2",
        (None,),
        Event.CREATE,
        POSTER,
        OPEN,
        when=(on.FOR_HONOR,),
        require=(on.IS_VERIFIED, on.HAS_POSTS_LEFT),
        effects=(Effect.NOTIFY_NEARBY, Effect.MOMENT_POSTED),
        timers=EXPIRY,
    ),
    Rule(
        "T3",
        (OPEN,),
        Event.EDIT_TERMS,
        POSTER,
        require=(on.NOTHING_WAITS,),
        effects=(Effect.SAVE_TERMS, Effect.ADJUST_ESCROW),
        timers=EXPIRY,
    ),
    Rule(
        "T3",
        (OPEN, IN_PROGRESS),
        Event.ATTACH,
        POSTER,
        when=(on.NOTHING_CHANGES,),
        outcome=Outcome.REPEAT,
    ),
    Rule("T3", (OPEN, IN_PROGRESS), Event.ATTACH, POSTER, effects=(Effect.SAVE_NOTES,)),
)

_MAY_APPLY: Final = (on.IS_VERIFIED, NOT_BLOCKED, COOLED_DOWN, HAS_ROOM)
_APPLIED: Final = (Effect.ADD_APPLICATION, Effect.NOTIFY_POSTER)
_ACCEPTED: Final = (
    Effect.ACCEPT_APPLICATION,
    Effect.CLOSE_APPLICATIONS,
    Effect.OPEN_CONVERSATION,
    Effect.POST_SYSTEM_MESSAGE,
    Effect.NOTIFY_APPLICANT,
    Effect.MOMENT_ACCEPTED,
)
_APPLICATION_WAITS: Final = {"has_waiting_applications": True}
_WORK_BEGINS: Final = {"has_hunter": True, "has_waiting_applications": False, "work": Work.NONE}

APPLYING: Final[tuple[Rule[Status, Event], ...]] = (
    Rule("T4", (OPEN,), Event.APPLY, OTHER, when=(on.LIVE_APPLICATION,), refusal=ALREADY),
    Rule(
        "T4",
        (OPEN,),
        Event.APPLY,
        OTHER,
        require=_MAY_APPLY,
        effects=_APPLIED,
        sets=_APPLICATION_WAITS,
    ),
    Rule(
        "T5",
        LASTING,
        Event.WITHDRAW_APPLICATION,
        OTHER,
        when=(on.OWN_APPLICATION, on.WITHDRAWN),
        outcome=Outcome.REPEAT,
    ),
    Rule(
        "T5",
        (OPEN,),
        Event.WITHDRAW_APPLICATION,
        OTHER,
        require=(on.OWN_APPLICATION, on.APPLICATION_WAITS),
        effects=(Effect.WITHDRAW_APPLICATION,),
    ),
    Rule(
        "T6",
        LASTING,
        Event.REJECT_APPLICATION,
        POSTER,
        when=(on.REJECTED,),
        outcome=Outcome.REPEAT,
    ),
    Rule(
        "T6",
        (OPEN,),
        Event.REJECT_APPLICATION,
        POSTER,
        require=(on.APPLICATION_WAITS,),
        effects=(Effect.REJECT_APPLICATION, Effect.NOTIFY_APPLICANT),
    ),
    Rule(
        "T7",
        (OPEN,),
        Event.ACCEPT,
        POSTER,
        IN_PROGRESS,
        require=(on.APPLICATION_WAITS, on.IS_FUNDED, on.NOT_EXPIRED),
        effects=_ACCEPTED,
        sets=_WORK_BEGINS,
    ),
    Rule(
        "T7",
        (IN_PROGRESS,),
        Event.ACCEPT,
        POSTER,
        when=(on.SAME_APPLICATION,),
        outcome=Outcome.REPEAT,
    ),
    # Taking a bounty without the poster's consent is no more than applying for it.
    Rule("T8", (OPEN,), Event.DIRECT_ACCEPT, OTHER, when=(on.LIVE_APPLICATION,), refusal=ALREADY),
    Rule(
        "T8",
        (OPEN,),
        Event.DIRECT_ACCEPT,
        OTHER,
        require=_MAY_APPLY,
        effects=_APPLIED,
        sets=_APPLICATION_WAITS,
    ),
    Rule(
        "T8",
        (OPEN,),
        Event.DIRECT_ACCEPT,
        POSTER,
        IN_PROGRESS,
        require=(on.USE_APPLICATION, on.IS_FUNDED, on.NOT_EXPIRED),
        effects=_ACCEPTED,
        sets=_WORK_BEGINS,
    ),
)

_HANDED_IN: Final = (Effect.ADD_SUBMISSION, Effect.NOTIFY_POSTER)
_APPROVED: Final = (
    Effect.APPROVE_WORK,
    Effect.RELEASE_ESCROW,
    Effect.POST_SYSTEM_MESSAGE,
    Effect.NOTIFY_HUNTER,
    Effect.PROMPT_RATINGS,
)

WORKING: Final[tuple[Rule[Status, Event], ...]] = (
    Rule(
        "T12",
        (IN_PROGRESS,),
        Event.READY,
        HUNTER,
        when=(on.NO_WORK,),
        require=(on.NOT_STALE,),
        effects=(Effect.RECORD_READY, Effect.NOTIFY_POSTER),
        sets={"work": Work.READY},
    ),
    Rule("T12", (IN_PROGRESS,), Event.READY, HUNTER, outcome=Outcome.REPEAT),
    Rule(
        "T13",
        (IN_PROGRESS,),
        Event.SUBMIT,
        HUNTER,
        when=(on.WORK_WAITS,),
        outcome=Outcome.REPEAT,
    ),
    Rule(
        "T13",
        (IN_PROGRESS,),
        Event.SUBMIT,
        HUNTER,
        when=(on.WORK_NOT_HANDED_IN,),
        require=(on.NOT_STALE,),
        effects=_HANDED_IN,
        sets={"work": Work.PENDING},
    ),
    Rule(
        "T14",
        (IN_PROGRESS,),
        Event.REQUEST_REVISION,
        POSTER,
        when=(on.WORK_TO_REVISE,),
        require=(on.NEWEST_WORK,),
        outcome=Outcome.REPEAT,
    ),
    Rule(
        "T14",
        (IN_PROGRESS,),
        Event.REQUEST_REVISION,
        POSTER,
        require=(on.NEWEST_WORK, on.WORK_WAITS, on.HAS_TEXT),
        effects=(Effect.KEEP_FEEDBACK, Effect.POST_SYSTEM_MESSAGE, Effect.NOTIFY_HUNTER),
        sets={"work": Work.REVISION_REQUESTED},
    ),
    Rule(
        "T15",
        (IN_PROGRESS,),
        Event.SUBMIT,
        HUNTER,
        when=(on.WORK_TO_REVISE,),
        require=(on.NOT_STALE,),
        effects=_HANDED_IN,
        sets={"work": Work.PENDING},
    ),
    Rule(
        "C13",
        RUNNING,
        Event.POST_UPDATE,
        (*POSTER, *HUNTER),
        effects=(Effect.ADD_UPDATE, Effect.NOTIFY_OTHER_SIDE),
    ),
    Rule(
        "T16",
        (IN_PROGRESS,),
        Event.APPROVE,
        POSTER,
        COMPLETED,
        require=(on.NEWEST_WORK, on.WORK_WAITS, on.NOT_DISPUTED),
        effects=_APPROVED,
        sets={"work": Work.APPROVED},
    ),
    Rule(
        "T16",
        (COMPLETED,),
        Event.APPROVE,
        POSTER,
        require=(on.NEWEST_WORK,),
        outcome=Outcome.REPEAT,
    ),
    # The old client ends a bounty in one call: for the hunter it hands in, for the poster it
    # approves what was handed in.
    Rule(
        "T17",
        (IN_PROGRESS,),
        Event.COMPLETE,
        HUNTER,
        when=(on.WORK_WAITS,),
        outcome=Outcome.REPEAT,
    ),
    Rule(
        "T17",
        (IN_PROGRESS,),
        Event.COMPLETE,
        HUNTER,
        require=(on.NOT_STALE,),
        effects=_HANDED_IN,
        sets={"work": Work.PENDING},
    ),
    Rule(
        "T17",
        (IN_PROGRESS,),
        Event.COMPLETE,
        POSTER,
        COMPLETED,
        require=(on.WORK_WAITS, on.NOT_DISPUTED),
        effects=_APPROVED,
        sets={"work": Work.APPROVED},
    ),
    Rule("T17", (COMPLETED,), Event.COMPLETE, (*POSTER, *HUNTER), outcome=Outcome.REPEAT),
)
