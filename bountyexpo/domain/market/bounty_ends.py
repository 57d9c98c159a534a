"""The ways out: cancelling, archiving, deleting (T9 to T11, T18 to T22, T32 to T35).

Settled where the contract left it open: who cancels an open bounty gets all of the price back.
One in progress is cancelled by agreement; what each side gets is in ``cancellation``.
"""

from __future__ import annotations

from typing import Final

from bountyexpo.domain.machine import Outcome, Refusal, Role, Rule
from bountyexpo.domain.market import bounty_guards as on
from bountyexpo.domain.market.bounty import Effect, Event, Status
from bountyexpo.errors import NotFound

OPEN, IN_PROGRESS, COMPLETED = Status.OPEN, Status.IN_PROGRESS, Status.COMPLETED
ARCHIVED, CANCELLED, DELETED = Status.ARCHIVED, Status.CANCELLED, Status.DELETED
REQUESTED = Status.CANCELLATION_REQUESTED
POSTER, SIDES = (Role.POSTER,), (Role.POSTER, Role.HUNTER)

GONE: Final = Refusal("This bounty does not exist.", "bounty_not_found", NotFound)

_GIVE_BACK: Final = (Effect.REFUND_ESCROW, Effect.CLOSE_APPLICATIONS)
_AGREED: Final = (Effect.ACCEPT_CANCELLATION, Effect.COUNT_CANCELLATION)

CANCELLING: Final[tuple[Rule[Status, Event], ...]] = (
    Rule(
        "T9",
        (OPEN,),
        Event.CANCEL,
        POSTER,
        CANCELLED,
        effects=(*_GIVE_BACK, Effect.ADD_CANCELLATION, *_AGREED),
        sets={"has_waiting_applications": False},
    ),
    # Nobody is left to agree.
    Rule(
        "T28",
        (IN_PROGRESS,),
        Event.CANCEL,
        POSTER,
        CANCELLED,
        when=(on.IS_STALE,),
        require=(on.NOT_DISPUTED,),
        effects=(
            Effect.REFUND_ESCROW,
            Effect.REJECT_WORK,
            Effect.ADD_CANCELLATION,
            Effect.NOTIFY_POSTER,
        ),
        sets={"is_stale": False},
    ),
    Rule(
        "T18",
        (IN_PROGRESS,),
        Event.CANCEL,
        SIDES,
        REQUESTED,
        when=(on.IS_PAID,),
        require=(on.NOT_DISPUTED, on.HAS_TEXT),
        effects=(Effect.ADD_CANCELLATION, Effect.NOTIFY_OTHER_SIDE),
        sets={"is_requester": True},
    ),
    Rule(
        "T19",
        (IN_PROGRESS,),
        Event.CANCEL,
        SIDES,
        CANCELLED,
        when=(on.FOR_HONOR,),
        require=(on.NOT_DISPUTED,),
        effects=(Effect.ADD_CANCELLATION, *_AGREED, Effect.NOTIFY_OTHER_SIDE),
    ),
    Rule("T18", (REQUESTED,), Event.CANCEL, SIDES, outcome=Outcome.REPEAT),
    Rule("T9", (CANCELLED,), Event.CANCEL, SIDES, outcome=Outcome.REPEAT),
    Rule(
        "T20",
        (REQUESTED,),
        Event.CANCEL_ACCEPT,
        SIDES,
        CANCELLED,
        require=(on.ANSWERS_OTHER, on.NOT_DISPUTED),
        effects=(Effect.SPLIT_ESCROW, *_AGREED, Effect.NOTIFY_OTHER_SIDE),
    ),
    Rule("T20", (CANCELLED,), Event.CANCEL_ACCEPT, SIDES, outcome=Outcome.REPEAT),
    Rule(
        "T21",
        (REQUESTED,),
        Event.CANCEL_REJECT,
        SIDES,
        IN_PROGRESS,
        when=(on.HAS_HUNTER,),
        require=(on.ANSWERS_OTHER, on.NOT_DISPUTED, on.HAS_TEXT),
        effects=(Effect.REJECT_CANCELLATION, Effect.NOTIFY_OTHER_SIDE),
    ),
    # Bounties of the old service may wait here without a hunter.
    Rule(
        "T21",
        (REQUESTED,),
        Event.CANCEL_REJECT,
        SIDES,
        OPEN,
        when=(on.NO_HUNTER,),
        require=(on.ANSWERS_OTHER, on.NOT_DISPUTED, on.HAS_TEXT),
        effects=(Effect.REJECT_CANCELLATION, Effect.NOTIFY_OTHER_SIDE),
    ),
    Rule(
        "T22",
        (REQUESTED,),
        Event.CANCEL_WITHDRAW,
        SIDES,
        IN_PROGRESS,
        when=(on.HAS_HUNTER,),
        require=(on.ASKED_FOR_IT, on.NOT_DISPUTED),
        effects=(Effect.WITHDRAW_CANCELLATION, Effect.NOTIFY_OTHER_SIDE),
        sets={"is_requester": False},
    ),
    Rule(
        "T22",
        (REQUESTED,),
        Event.CANCEL_WITHDRAW,
        SIDES,
        OPEN,
        when=(on.NO_HUNTER,),
        require=(on.ASKED_FOR_IT, on.NOT_DISPUTED),
        effects=(Effect.WITHDRAW_CANCELLATION, Effect.NOTIFY_OTHER_SIDE),
        sets={"is_requester": False},
    ),
    Rule(
        "T21",
        (OPEN, IN_PROGRESS),
        Event.CANCEL_REJECT,
        SIDES,
        when=(on.HAS_REJECTED,),
        outcome=Outcome.REPEAT,
    ),
    Rule(
        "T22",
        (OPEN, IN_PROGRESS),
        Event.CANCEL_WITHDRAW,
        SIDES,
        when=(on.HAS_WITHDRAWN,),
        outcome=Outcome.REPEAT,
    ),
)

ENDING: Final[tuple[Rule[Status, Event], ...]] = (
    Rule("T10", (OPEN,), Event.ARCHIVE, POSTER, ARCHIVED, effects=_GIVE_BACK),
    Rule("T11", (OPEN,), Event.DELETE, POSTER, DELETED, effects=_GIVE_BACK),
    Rule(
        "T32", (COMPLETED, CANCELLED), Event.ARCHIVE, POSTER, ARCHIVED, require=(on.NOT_DISPUTED,)
    ),
    Rule("T32", (ARCHIVED,), Event.ARCHIVE, POSTER, outcome=Outcome.REPEAT),
    Rule(
        "T33",
        (COMPLETED, CANCELLED, ARCHIVED),
        Event.DELETE,
        POSTER,
        DELETED,
        require=(on.NOT_DISPUTED,),
    ),
    Rule("T33", (DELETED,), Event.DELETE, POSTER, outcome=Outcome.REPEAT),
    Rule(
        "T34",
        tuple(Status),
        Event.HIDE,
        SIDES,
        when=(on.NOT_HIDDEN,),
        effects=(Effect.SET_HIDDEN,),
        sets={"is_hidden": True},
    ),
    Rule("T34", tuple(Status), Event.HIDE, SIDES, outcome=Outcome.REPEAT),
    Rule(
        "T34",
        tuple(Status),
        Event.UNHIDE,
        SIDES,
        when=(on.IS_HIDDEN,),
        effects=(Effect.SET_HIDDEN,),
        sets={"is_hidden": False},
    ),
    Rule("T34", tuple(Status), Event.UNHIDE, SIDES, outcome=Outcome.REPEAT),
    Rule("T35", (COMPLETED,), Event.RATE, SIDES, when=(on.HAS_RATED,), outcome=Outcome.REPEAT),
    Rule(
        "T35",
        (COMPLETED,),
        Event.RATE,
        SIDES,
        effects=(Effect.ADD_RATING, Effect.MOMENT_RATED),
        sets={"has_rated": True},
    ),
    # Strangers do not learn that a deleted bounty has ever been.
    *(Rule("§3.3", (DELETED,), event, (Role.OTHER,), refusal=GONE) for event in Event),
)
