"""What time does to a bounty (T31 of rest-core §3.2, and operations §5).

Settled where the contract left it open: when the end date passes, the poster is told, and a while
after that what is still open and waits for no answer of theirs is archived. What nobody moves is
told of first, too: an open bounty that nobody applies to is archived later, and one in progress
without a word or a step of either side becomes stale, so that its poster may decide alone.
"""

from __future__ import annotations

from typing import Final

from bountyexpo.domain.machine import Outcome, Role, Rule
from bountyexpo.domain.market import bounty_guards as on
from bountyexpo.domain.market.bounty import Effect, Event, Status

OPEN, IN_PROGRESS, ARCHIVED = Status.OPEN, Status.IN_PROGRESS, Status.ARCHIVED
TIMER: Final = (Role.TIMER,)

# Steps that are no sign of life: they come by themselves, or concern the lists of one person.
IDLE: Final = frozenset({Event.EXPIRY_TICK, Event.QUIET_TICK, Event.HIDE, Event.UNHIDE})

_PUT_AWAY: Final = (Effect.REFUND_ESCROW, Effect.CLOSE_APPLICATIONS, Effect.NOTIFY_POSTER)

PASSING: Final[tuple[Rule[Status, Event], ...]] = (
    Rule(
        "T31",
        (OPEN,),
        Event.EXPIRY_TICK,
        TIMER,
        ARCHIVED,
        when=(on.EXPIRY_IS_OLD, on.NONE_WAITS),
        effects=_PUT_AWAY,
    ),
    Rule(
        "T31",
        (OPEN, IN_PROGRESS),
        Event.EXPIRY_TICK,
        TIMER,
        when=(on.EXPIRY_IS_NEWS, on.EXPIRY_NOT_TOLD),
        effects=(Effect.STAMP_EXPIRY, Effect.NOTIFY_POSTER),
        sets={"is_expiry_noticed": True},
    ),
    Rule("T31", tuple(Status), Event.EXPIRY_TICK, TIMER, outcome=Outcome.IGNORE),
    Rule(
        "§5",
        (OPEN,),
        Event.QUIET_TICK,
        TIMER,
        ARCHIVED,
        when=(on.IS_ABANDONED, on.NONE_WAITS),
        effects=_PUT_AWAY,
    ),
    Rule(
        "§5",
        (OPEN,),
        Event.QUIET_TICK,
        TIMER,
        when=(on.IS_QUIET, on.QUIET_NOT_TOLD, on.NONE_WAITS),
        effects=(Effect.STAMP_QUIET, Effect.NOTIFY_POSTER),
        sets={"is_quiet_noticed": True},
    ),
    Rule(
        "§5",
        (IN_PROGRESS,),
        Event.QUIET_TICK,
        TIMER,
        when=(on.IS_ABANDONED, on.IS_NOT_STALE, on.NO_DISPUTE),
        effects=(Effect.MARK_STALE, Effect.NOTIFY_POSTER),
        sets={"is_stale": True},
    ),
    Rule(
        "§5",
        (IN_PROGRESS,),
        Event.QUIET_TICK,
        TIMER,
        when=(on.IS_QUIET, on.QUIET_NOT_TOLD, on.IS_NOT_STALE, on.NO_DISPUTE),
        effects=(Effect.STAMP_QUIET, Effect.NOTIFY_POSTER, Effect.NOTIFY_HUNTER),
        sets={"is_quiet_noticed": True},
    ),
    Rule("§5", tuple(Status), Event.QUIET_TICK, TIMER, outcome=Outcome.IGNORE),
)
