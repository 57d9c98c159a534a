"""What a chargeback does to an escrow: the last two columns of contract money §3.3.

An escrow that still has the money gives it up; one that has paid it out leaves a debt with the
poster. The same money is never lost twice: where a refund is under way, the refund wins.
"""

from __future__ import annotations

from typing import Final

from bountyexpo.domain.machine import Guard, Outcome, Role, Rule
from bountyexpo.domain.money.escrow import Effect, Event, Intent, State

NONE, FUNDING, HELD, FROZEN = State.NONE, State.FUNDING, State.HELD, State.FROZEN
RELEASING, REFUNDING = State.RELEASING, State.REFUNDING
RELEASED, REFUNDED, CHARGED_BACK = State.RELEASED, State.REFUNDED, State.CHARGED_BACK
PROVIDER = (Role.PROVIDER,)

STRAY: Final = Guard("it is about an earlier round", "intent", (Intent.STRAY,))
DISPUTED: Final = Guard("a dispute is open", "has_dispute")
OPENED: Final = Guard("the chargeback is known", "has_chargeback")
LOST: Final = Guard("the chargeback is lost", "is_chargeback_lost")

_OPEN: Final = {"has_chargeback": True}
_LOST: Final = {"has_chargeback": False, "is_chargeback_lost": True}
_WON: Final = {"has_chargeback": False}

CHARGEBACKS: Final[tuple[Rule[State, Event], ...]] = (
    # A round that is over has nothing left to freeze; people must look at it.
    *(
        Rule(
            event.value,
            tuple(State),
            event,
            PROVIDER,
            when=(STRAY,),
            effects=(Effect.RECORD_FINDING,),
        )
        for event in (Event.CHARGEBACK_OPEN, Event.CHARGEBACK_LOST, Event.CHARGEBACK_WON)
    ),
    Rule("chargeback_open", (NONE,), Event.CHARGEBACK_OPEN, PROVIDER, outcome=Outcome.IGNORE),
    Rule("chargeback_open", (FUNDING,), Event.CHARGEBACK_OPEN, PROVIDER, outcome=Outcome.POSTPONE),
    # It was decided before this late word that it began.
    Rule(
        "chargeback_open",
        (RELEASING, REFUNDING, RELEASED, REFUNDED),
        Event.CHARGEBACK_OPEN,
        PROVIDER,
        when=(LOST,),
        outcome=Outcome.IGNORE,
    ),
    Rule(
        "chargeback_open",
        (HELD, FROZEN, RELEASING, REFUNDING, RELEASED, REFUNDED),
        Event.CHARGEBACK_OPEN,
        PROVIDER,
        when=(OPENED,),
        outcome=Outcome.IGNORE,
    ),
    Rule(
        "chargeback_open",
        (HELD,),
        Event.CHARGEBACK_OPEN,
        PROVIDER,
        FROZEN,
        effects=(Effect.POST_FREEZE, Effect.RECORD_FINDING),
        sets=_OPEN,
    ),
    # Frozen it is; now for two reasons, and it thaws when both are gone.
    Rule("chargeback_open", (FROZEN,), Event.CHARGEBACK_OPEN, PROVIDER, sets=_OPEN),
    Rule(
        "chargeback_open",
        (RELEASING,),
        Event.CHARGEBACK_OPEN,
        PROVIDER,
        effects=(Effect.RECORD_FINDING,),
        sets=_OPEN,
    ),
    Rule(
        "chargeback_open",
        (REFUNDING,),
        Event.CHARGEBACK_OPEN,
        PROVIDER,
        effects=(Effect.STOP_REFUND, Effect.RECORD_FINDING),
        sets=_OPEN,
    ),
    Rule(
        "chargeback_open",
        (RELEASED,),
        Event.CHARGEBACK_OPEN,
        PROVIDER,
        effects=(Effect.POST_CHARGEBACK_OPENED,),
        sets=_OPEN,
    ),
    Rule(
        "chargeback_open",
        (REFUNDED,),
        Event.CHARGEBACK_OPEN,
        PROVIDER,
        effects=(Effect.SEND_EVIDENCE,),
        sets=_OPEN,
    ),
    Rule(
        "chargeback_open", (CHARGED_BACK,), Event.CHARGEBACK_OPEN, PROVIDER, outcome=Outcome.IGNORE
    ),
    Rule("chargeback_lost", (NONE,), Event.CHARGEBACK_LOST, PROVIDER, outcome=Outcome.IGNORE),
    Rule("chargeback_lost", (FUNDING,), Event.CHARGEBACK_LOST, PROVIDER, outcome=Outcome.POSTPONE),
    Rule(
        "chargeback_lost",
        (RELEASING, REFUNDING, RELEASED, REFUNDED),
        Event.CHARGEBACK_LOST,
        PROVIDER,
        when=(LOST,),
        outcome=Outcome.IGNORE,
    ),
    Rule(
        "chargeback_lost",
        (HELD, FROZEN),
        Event.CHARGEBACK_LOST,
        PROVIDER,
        CHARGED_BACK,
        effects=(Effect.CONSUME_ESCROW, Effect.CANCEL_BOUNTY),
        sets=_LOST,
    ),
    Rule(
        "chargeback_lost",
        (RELEASING, RELEASED),
        Event.CHARGEBACK_LOST,
        PROVIDER,
        effects=(Effect.POST_DEBT, Effect.RECORD_FINDING),
        sets=_LOST,
    ),
    Rule(
        "chargeback_lost",
        (REFUNDING, REFUNDED),
        Event.CHARGEBACK_LOST,
        PROVIDER,
        effects=(Effect.RECORD_FINDING,),
        sets=_LOST,
    ),
    Rule(
        "chargeback_lost", (CHARGED_BACK,), Event.CHARGEBACK_LOST, PROVIDER, outcome=Outcome.IGNORE
    ),
    Rule(
        "chargeback_won",
        (FROZEN,),
        Event.CHARGEBACK_WON,
        PROVIDER,
        when=(DISPUTED, OPENED),
        sets=_WON,
    ),
    Rule(
        "chargeback_won",
        (FROZEN,),
        Event.CHARGEBACK_WON,
        PROVIDER,
        HELD,
        when=(OPENED,),
        effects=(Effect.POST_THAW,),
        sets=_WON,
    ),
    Rule(
        "chargeback_won",
        (RELEASED,),
        Event.CHARGEBACK_WON,
        PROVIDER,
        when=(OPENED,),
        effects=(Effect.POST_CHARGEBACK_WON,),
        sets=_WON,
    ),
    Rule(
        "chargeback_won",
        (RELEASING, REFUNDING, REFUNDED),
        Event.CHARGEBACK_WON,
        PROVIDER,
        when=(OPENED,),
        sets=_WON,
    ),
    Rule("chargeback_won", tuple(State), Event.CHARGEBACK_WON, PROVIDER, outcome=Outcome.IGNORE),
)
