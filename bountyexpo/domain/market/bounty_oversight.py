"""Disputes, vanished people, and the admin (T23 to T30, T36, T37 of rest-core §3.2).

Settled where the contract left it open: a hunter who vanishes makes the bounty stale, and the
poster chooses between refund and repost. An admin may set a status, with the money effects of the
step that leads there; not past an open dispute, not out of ``completed`` but to put it away, and
not into a status that needs the consent of others.
"""

from __future__ import annotations

from typing import Final

from bountyexpo.domain.machine import Outcome, Role, Rule
from bountyexpo.domain.market import bounty_guards as on
from bountyexpo.domain.market.bounty import Effect, Event, Status
from bountyexpo.domain.market.completion import State as Work

OPEN, IN_PROGRESS, COMPLETED = Status.OPEN, Status.IN_PROGRESS, Status.COMPLETED
ARCHIVED, CANCELLED, DELETED = Status.ARCHIVED, Status.CANCELLED, Status.DELETED
REQUESTED = Status.CANCELLATION_REQUESTED
UNDER_WAY: Final = (IN_PROGRESS, REQUESTED)
FUNDED: Final = (OPEN, IN_PROGRESS, REQUESTED)

POSTER, SIDES, ADMIN = (Role.POSTER,), (Role.POSTER, Role.HUNTER), (Role.ADMIN,)
SYSTEM, TIMER = (Role.SYSTEM,), (Role.TIMER,)

_OPENED: Final = (
    Effect.OPEN_DISPUTE,
    Effect.FREEZE_ESCROW,
    Effect.NOTIFY_OTHER_SIDE,
    Effect.NOTIFY_ADMINS,
)
_TELL_BOTH: Final = (Effect.AUDIT, Effect.NOTIFY_POSTER, Effect.NOTIFY_HUNTER)
_FOR_POSTER: Final = {"is_disputed": False, "is_stale": False, "work": Work.REJECTED}

DISPUTING: Final[tuple[Rule[Status, Event], ...]] = (
    Rule("T23", UNDER_WAY, Event.DISPUTE, SIDES, when=(on.IS_DISPUTED,), outcome=Outcome.REPEAT),
    Rule(
        "T23",
        (IN_PROGRESS,),
        Event.DISPUTE,
        SIDES,
        require=(on.STARTS_AT_WORK, on.HAS_TEXT),
        effects=_OPENED,
        sets={"is_disputed": True},
    ),
    Rule(
        "T23",
        (REQUESTED,),
        Event.DISPUTE,
        SIDES,
        require=(on.STARTS_AT_CANCELLATION, on.HAS_TEXT),
        effects=(Effect.DISPUTE_CANCELLATION, *_OPENED),
        sets={"is_disputed": True},
    ),
    Rule(
        "T24",
        UNDER_WAY,
        Event.RESOLVE_HUNTER,
        ADMIN,
        COMPLETED,
        require=(on.IS_DISPUTED, on.HAS_HUNTER),
        effects=(Effect.APPROVE_WORK, Effect.RELEASE_ESCROW, *_TELL_BOTH),
        sets={"is_disputed": False, "work": Work.APPROVED},
    ),
    Rule("T24", (COMPLETED,), Event.RESOLVE_HUNTER, ADMIN, outcome=Outcome.REPEAT),
    Rule(
        "T25",
        UNDER_WAY,
        Event.RESOLVE_POSTER,
        ADMIN,
        CANCELLED,
        require=(on.IS_DISPUTED,),
        effects=(Effect.REJECT_WORK, Effect.REFUND_ESCROW, *_TELL_BOTH),
        sets=_FOR_POSTER,
    ),
    Rule("T25", (CANCELLED,), Event.RESOLVE_POSTER, ADMIN, outcome=Outcome.REPEAT),
    Rule(
        "T25",
        UNDER_WAY,
        Event.RESOLVE_SPLIT,
        ADMIN,
        CANCELLED,
        require=(on.IS_DISPUTED,),
        effects=(Effect.REJECT_WORK, Effect.SPLIT_ESCROW, *_TELL_BOTH),
        sets=_FOR_POSTER,
    ),
    Rule("T25", (CANCELLED,), Event.RESOLVE_SPLIT, ADMIN, outcome=Outcome.REPEAT),
    # The dispute's own machine passes on that it was withdrawn or has run out.
    Rule(
        "T26",
        UNDER_WAY,
        Event.CLOSE_DISPUTE,
        (*ADMIN, *SYSTEM, *TIMER),
        when=(on.IS_DISPUTED,),
        effects=(Effect.THAW_ESCROW, Effect.REOPEN_CANCELLATION, *_TELL_BOTH),
        sets={"is_disputed": False},
    ),
    Rule(
        "T26",
        tuple(Status),
        Event.CLOSE_DISPUTE,
        (*ADMIN, *SYSTEM, *TIMER),
        outcome=Outcome.REPEAT,
    ),
)

_STALE: Final = (Effect.MARK_STALE, Effect.NOTIFY_POSTER)

VANISHING: Final[tuple[Rule[Status, Event], ...]] = (
    Rule(
        "T27",
        UNDER_WAY,
        Event.HUNTER_GONE,
        SYSTEM,
        when=(on.IS_STALE,),
        outcome=Outcome.REPEAT,
    ),
    Rule("T27", (IN_PROGRESS,), Event.HUNTER_GONE, SYSTEM, effects=_STALE, sets={"is_stale": True}),
    # A disputed bounty stays where it is: the admin decides, and the poster after that.
    Rule(
        "T27",
        (REQUESTED,),
        Event.HUNTER_GONE,
        SYSTEM,
        when=(on.IS_DISPUTED,),
        effects=_STALE,
        sets={"is_stale": True},
    ),
    # Nobody is left to agree, so the poster decides alone.
    Rule(
        "T27",
        (REQUESTED,),
        Event.HUNTER_GONE,
        SYSTEM,
        IN_PROGRESS,
        effects=(Effect.WITHDRAW_CANCELLATION, *_STALE),
        sets={"is_stale": True, "is_requester": False},
    ),
    Rule(
        "T27",
        (OPEN, COMPLETED, ARCHIVED, CANCELLED, DELETED),
        Event.HUNTER_GONE,
        SYSTEM,
        outcome=Outcome.IGNORE,
    ),
    Rule(
        "T28",
        UNDER_WAY,
        Event.STALE_CANCEL,
        POSTER,
        CANCELLED,
        require=(on.IS_STALE, on.NOT_DISPUTED),
        effects=(
            Effect.REFUND_ESCROW,
            Effect.REJECT_WORK,
            Effect.NOTIFY_POSTER,
            Effect.NOTIFY_HUNTER,
        ),
        sets={"is_stale": False},
    ),
    Rule("T28", (CANCELLED,), Event.STALE_CANCEL, POSTER, outcome=Outcome.REPEAT),
    Rule(
        "T29",
        UNDER_WAY,
        Event.STALE_REPOST,
        POSTER,
        OPEN,
        require=(on.IS_STALE, on.NOT_DISPUTED),
        effects=(Effect.NOTIFY_HUNTER, Effect.RELEASE_HUNTER, Effect.NOTIFY_POSTER),
        sets={"is_stale": False, "has_hunter": False, "work": Work.NONE},
    ),
    Rule(
        "T30",
        UNDER_WAY,
        Event.POSTER_GONE,
        SYSTEM,
        when=(on.IS_DISPUTED,),
        effects=(Effect.NOTIFY_ADMINS,),
    ),
    # Work that was handed in is judged by an admin before anything is given back.
    Rule(
        "T30",
        UNDER_WAY,
        Event.POSTER_GONE,
        SYSTEM,
        when=(on.WORK_WAITS,),
        effects=(Effect.OPEN_DISPUTE, Effect.FREEZE_ESCROW, Effect.NOTIFY_ADMINS),
        sets={"is_disputed": True},
    ),
    Rule(
        "T30",
        FUNDED,
        Event.POSTER_GONE,
        SYSTEM,
        ARCHIVED,
        effects=(Effect.REFUND_ESCROW, Effect.CLOSE_APPLICATIONS, Effect.NOTIFY_HUNTER),
        sets={"is_stale": False},
    ),
    Rule(
        "T30",
        (COMPLETED, ARCHIVED, CANCELLED, DELETED),
        Event.POSTER_GONE,
        SYSTEM,
        outcome=Outcome.IGNORE,
    ),
)

_REFUND: Final = (Effect.REFUND_ESCROW, Effect.CLOSE_APPLICATIONS)
_ENDED: Final[dict[str, object]] = {
    "has_waiting_applications": False,
    "is_stale": False,
    "is_requester": False,
}
# What an admin sets: from where, to where, with which effects and new facts. They are those of
# T9, T10, T11, T21, T24, T25, T29, T32 and T33.
_BY_ADMIN: Final[
    tuple[tuple[tuple[Status, ...], Status, tuple[Effect, ...], dict[str, object]], ...]
] = (
    (FUNDED, CANCELLED, _REFUND, _ENDED),
    (FUNDED, ARCHIVED, _REFUND, _ENDED),
    (FUNDED, DELETED, _REFUND, _ENDED),
    ((COMPLETED, CANCELLED), ARCHIVED, (), {}),
    ((COMPLETED, CANCELLED, ARCHIVED), DELETED, (), {}),
    ((REQUESTED,), IN_PROGRESS, (Effect.REJECT_CANCELLATION,), {"is_requester": False}),
    (
        UNDER_WAY,
        OPEN,
        (Effect.RELEASE_HUNTER,),
        {"is_stale": False, "is_requester": False, "has_hunter": False, "work": Work.NONE},
    ),
)

ADMINISTERING: Final[tuple[Rule[Status, Event], ...]] = (
    *(
        Rule(
            "T36",
            (status,),
            Event.ADMIN_SET_STATUS,
            ADMIN,
            when=(on.wants(status),),
            outcome=Outcome.REPEAT,
        )
        for status in Status
    ),
    *(
        Rule(
            "T36",
            sources,
            Event.ADMIN_SET_STATUS,
            ADMIN,
            target,
            when=(on.wants(target),),
            require=(on.HAS_TEXT, on.NOT_DISPUTED),
            effects=(*effects, *_TELL_BOTH),
            sets=sets,
        )
        for sources, target, effects, sets in _BY_ADMIN
    ),
    Rule(
        "T36",
        UNDER_WAY,
        Event.ADMIN_SET_STATUS,
        ADMIN,
        COMPLETED,
        when=(on.wants(COMPLETED),),
        require=(on.HAS_TEXT, on.NOT_DISPUTED, on.HAS_HUNTER),
        effects=(Effect.APPROVE_WORK, Effect.RELEASE_ESCROW, *_TELL_BOTH),
        sets={"work": Work.APPROVED, "is_requester": False, "is_stale": False},
    ),
    Rule(
        "T37",
        FUNDED,
        Event.ADMIN_REMOVE,
        ADMIN,
        ARCHIVED,
        require=(on.HAS_TEXT, on.NOT_DISPUTED),
        effects=(*_REFUND, Effect.WARN_POSTER, *_TELL_BOTH),
        sets=_ENDED,
    ),
    # The money of these has been settled.
    Rule(
        "T37",
        (COMPLETED, CANCELLED),
        Event.ADMIN_REMOVE,
        ADMIN,
        ARCHIVED,
        require=(on.HAS_TEXT, on.NOT_DISPUTED),
        effects=(Effect.WARN_POSTER, *_TELL_BOTH),
    ),
    Rule("T37", (ARCHIVED, DELETED), Event.ADMIN_REMOVE, ADMIN, outcome=Outcome.REPEAT),
)
