"""The machine of a withdrawal: the saga of contract money §3.5.

Each step is stored before its call and has one key. A definite refusal goes back, a definite
success goes on, and an unknown outcome stays and repeats the call with the same key, for ever:
money is never given back on a guess. A failed payout is credited only once it was reversed.
"""

from __future__ import annotations

from typing import Final

from bountyexpo.domain.machine import Guard, Machine, Outcome, Refusal, Role, Rule, Timer
from bountyexpo.domain.money.withdrawal import Effect, Event, Facts, Status
from bountyexpo.errors import InsufficientBalance, InvalidRequest, NotAllowed, NotFound

REQUESTED, TRANSFERRED = Status.REQUESTED, Status.TRANSFERRED
PENDING, REVERSING = Status.PAYOUT_PENDING, Status.REVERSING
PAID, VOID, REVERSED = Status.PAID, Status.VOID, Status.REVERSED
MANUAL: Final = Status.MANUALLY_PAID
ALL: Final = tuple(Status)
BACK: Final = (VOID, REVERSED)
OWNER, ADMIN = (Role.OWNER,), (Role.ADMIN,)
PROVIDER, TIMER = (Role.PROVIDER,), (Role.TIMER,)

REPLAY_S: Final = 60
# A bank takes days; its word may be lost.
LOOK_S: Final = 3_600

ONBOARD_FIRST: Final = Refusal(
    "Please finish setting up your payout account first.", "connect_not_onboarded", InvalidRequest
)
IS_ONBOARDED: Final = Guard("payouts are enabled", "is_onboarded", refusal=ONBOARD_FIRST)
NOT_BLOCKED: Final = Guard(
    "the account is in good standing",
    "is_blocked",
    (False,),
    Refusal("Withdrawals are blocked on this account.", "balance_frozen", NotAllowed),
)
NONE_IN_FLIGHT: Final = Guard(
    "no other withdrawal is on its way",
    "has_one_in_flight",
    (False,),
    Refusal("Another withdrawal is on its way.", "withdrawal_in_progress"),
)
HAS_FUNDS: Final = Guard(
    "the wallet covers it",
    "has_funds",
    refusal=Refusal("Insufficient balance.", error=InsufficientBalance),
)
HAS_RETRIES: Final = Guard(
    "it was tried again fewer than three times",
    "has_retries_left",
    refusal=Refusal("This withdrawal was tried too often.", "max_retries_reached"),
)
DEBITED_AGAIN: Final = Guard(
    "the wallet was debited again",
    "is_debited_again",
    refusal=Refusal("The money of this withdrawal is back in the wallet.", "already_credited"),
)
INSTANT: Final = Guard("it is an instant payout", "is_instant")
PART: Final = Guard("a part came back", "is_part")
KNOWN: Final = Guard("it was told before", "is_known")
WAS_PAID: Final = Guard("it had reached the bank", "was_paid")
STUCK: Final = Guard("the reversal was refused", "is_stuck")

_REVERSE_FIRST: Final = Refusal("The transfer must be reversed first.", "reverse_first")
_REPLAY: Final = (Timer(Event.REPLAY, after_s=REPLAY_S),)
_LOOK: Final = (Timer(Event.LOOK, after_s=LOOK_S),)
_BACK_TO_WALLET: Final = (Effect.POST_REVERSED, Effect.KEEP_FAILURE, Effect.NOTIFY_OWNER)
_GO_BACK: Final = (Effect.MAKE_REVERSAL, Effect.KEEP_FAILURE)

# What our own steps come to, and what the provider tells by itself.
_OUTCOMES: Final = (
    Event.TRANSFER_MADE,
    Event.TRANSFER_REFUSED,
    Event.TRANSFER_UNKNOWN,
    Event.PAYOUT_MADE,
    Event.PAYOUT_REFUSED,
    Event.PAYOUT_UNKNOWN,
    Event.REVERSAL_REFUSED,
    Event.REVERSAL_UNKNOWN,
)
_REPORTED: Final = (*_OUTCOMES, Event.REVERSED, Event.PAID, Event.PAYOUT_FAILED)

_SENDING: Final[tuple[Rule[Status, Event], ...]] = (
    Rule(
        "requested",
        (None,),
        Event.REQUEST,
        OWNER,
        REQUESTED,
        require=(NOT_BLOCKED, IS_ONBOARDED, NONE_IN_FLIGHT, HAS_FUNDS),
        effects=(Effect.POST_REQUESTED, Effect.MAKE_TRANSFER),
        timers=_REPLAY,
    ),
    # The same key asks again, whatever has become of it.
    Rule("requested", ALL, Event.REQUEST, OWNER, outcome=Outcome.REPEAT),
    *(
        Rule("known", ALL, event, PROVIDER, when=(KNOWN,), outcome=Outcome.IGNORE)
        for event in _REPORTED
    ),
    Rule(
        "ok",
        (REQUESTED,),
        Event.TRANSFER_MADE,
        PROVIDER,
        TRANSFERRED,
        effects=(Effect.POST_TRANSFERRED, Effect.MAKE_PAYOUT),
        timers=_REPLAY,
    ),
    Rule(
        "refused",
        (REQUESTED,),
        Event.TRANSFER_REFUSED,
        PROVIDER,
        VOID,
        effects=(Effect.POST_VOID, Effect.KEEP_FAILURE, Effect.NOTIFY_OWNER),
    ),
    Rule("ok", (TRANSFERRED,), Event.PAYOUT_MADE, PROVIDER, PENDING, timers=_LOOK),
    Rule("ok", (REQUESTED,), Event.PAYOUT_MADE, PROVIDER, outcome=Outcome.POSTPONE),
    Rule(
        "refused",
        (TRANSFERRED,),
        Event.PAYOUT_REFUSED,
        PROVIDER,
        when=(INSTANT,),
        effects=(Effect.MAKE_STANDARD_PAYOUT, Effect.NOTIFY_OWNER),
        timers=_REPLAY,
        sets={"is_instant": False},
    ),
    Rule(
        "refused",
        (TRANSFERRED,),
        Event.PAYOUT_REFUSED,
        PROVIDER,
        REVERSING,
        effects=_GO_BACK,
        timers=_REPLAY,
    ),
    *(
        Rule("unknown", (state,), event, PROVIDER, timers=_REPLAY)
        for state, event in (
            (REQUESTED, Event.TRANSFER_UNKNOWN),
            (TRANSFERRED, Event.PAYOUT_UNKNOWN),
            (REVERSING, Event.REVERSAL_UNKNOWN),
        )
    ),
    Rule("unknown", (REVERSING,), Event.REPLAY, TIMER, when=(STUCK,), outcome=Outcome.IGNORE),
    Rule(
        "unknown",
        (REQUESTED, TRANSFERRED, REVERSING),
        Event.REPLAY,
        TIMER,
        effects=(Effect.REPLAY_STEP,),
        timers=_REPLAY,
    ),
    Rule(
        "unknown",
        (PENDING, PAID, *BACK, MANUAL),
        Event.REPLAY,
        TIMER,
        outcome=Outcome.IGNORE,
    ),
    Rule(
        "payout.paid", (PENDING,), Event.LOOK, TIMER, effects=(Effect.LOOK_AT_PAYOUT,), timers=_LOOK
    ),
    Rule(
        "payout.paid",
        (REQUESTED, TRANSFERRED, REVERSING, PAID, *BACK, MANUAL),
        Event.LOOK,
        TIMER,
        outcome=Outcome.IGNORE,
    ),
    # A transfer after a definite refusal, or after it was settled by hand, is money too many.
    Rule(
        "ok",
        (VOID, MANUAL),
        Event.TRANSFER_MADE,
        PROVIDER,
        effects=(Effect.RECORD_FINDING, Effect.MAKE_REVERSAL),
    ),
)

_RETURNING: Final[tuple[Rule[Status, Event], ...]] = (
    Rule("reversed", (REQUESTED,), Event.REVERSED, PROVIDER, outcome=Outcome.POSTPONE),
    Rule(
        "reversed",
        (TRANSFERRED, PENDING, REVERSING),
        Event.REVERSED,
        PROVIDER,
        when=(PART,),
        effects=(Effect.POST_REVERSED, Effect.RECORD_FINDING),
    ),
    Rule(
        "reversed",
        (TRANSFERRED, PENDING, REVERSING),
        Event.REVERSED,
        PROVIDER,
        REVERSED,
        effects=_BACK_TO_WALLET,
        sets={"is_stuck": False},
    ),
    Rule(
        "reversed",
        (PAID,),
        Event.REVERSED,
        PROVIDER,
        when=(PART,),
        effects=(Effect.POST_RETURNED, Effect.POST_REVERSED, Effect.RECORD_FINDING),
    ),
    Rule(
        "reversed",
        (PAID,),
        Event.REVERSED,
        PROVIDER,
        REVERSED,
        effects=(Effect.POST_RETURNED, *_BACK_TO_WALLET, Effect.RECORD_FINDING),
    ),
    Rule("reversed", (*BACK, MANUAL), Event.REVERSED, PROVIDER, outcome=Outcome.IGNORE),
    Rule(
        "refused",
        (REVERSING,),
        Event.REVERSAL_REFUSED,
        PROVIDER,
        effects=(Effect.RECORD_FINDING,),
        sets={"is_stuck": True},
    ),
    Rule("payout.paid", (REQUESTED,), Event.PAID, PROVIDER, outcome=Outcome.POSTPONE),
    Rule(
        "payout.paid",
        (TRANSFERRED, PENDING),
        Event.PAID,
        PROVIDER,
        PAID,
        effects=(Effect.POST_PAID, Effect.NOTIFY_OWNER),
        sets={"was_paid": True},
    ),
    # The bank has returned it: an old word that it was paid does not count any more.
    Rule(
        "payout.paid",
        (REVERSING,),
        Event.PAID,
        PROVIDER,
        when=(WAS_PAID,),
        outcome=Outcome.IGNORE,
    ),
    Rule(
        "payout.paid",
        (REVERSING,),
        Event.PAID,
        PROVIDER,
        PAID,
        effects=(Effect.POST_PAID, Effect.NOTIFY_OWNER),
        sets={"was_paid": True, "is_stuck": False},
    ),
    Rule("payout.paid", (PAID,), Event.PAID, PROVIDER, outcome=Outcome.IGNORE),
    Rule(
        "payout.paid", (REVERSED,), Event.PAID, PROVIDER, when=(WAS_PAID,), outcome=Outcome.IGNORE
    ),
    Rule(
        "payout.paid",
        (*BACK, MANUAL),
        Event.PAID,
        PROVIDER,
        effects=(Effect.RECORD_FINDING,),
    ),
    Rule("payout.failed", (REQUESTED,), Event.PAYOUT_FAILED, PROVIDER, outcome=Outcome.POSTPONE),
    Rule(
        "payout.failed",
        (TRANSFERRED, PENDING),
        Event.PAYOUT_FAILED,
        PROVIDER,
        REVERSING,
        effects=_GO_BACK,
        timers=_REPLAY,
    ),
    Rule(
        "payout.failed",
        (PAID,),
        Event.PAYOUT_FAILED,
        PROVIDER,
        REVERSING,
        effects=(Effect.POST_RETURNED, *_GO_BACK),
        timers=_REPLAY,
    ),
    Rule(
        "payout.failed",
        (REVERSING, *BACK, MANUAL),
        Event.PAYOUT_FAILED,
        PROVIDER,
        outcome=Outcome.IGNORE,
    ),
)

_BY_HAND: Final[tuple[Rule[Status, Event], ...]] = (
    Rule(
        "admin settle",
        (REQUESTED, REVERSING),
        Event.ADMIN_SETTLE,
        ADMIN,
        MANUAL,
        effects=(Effect.POST_MANUAL, Effect.AUDIT, Effect.NOTIFY_OWNER),
    ),
    Rule(
        "admin settle",
        (TRANSFERRED, PENDING, PAID),
        Event.ADMIN_SETTLE,
        ADMIN,
        refusal=_REVERSE_FIRST,
    ),
    Rule(
        "admin settle",
        BACK,
        Event.ADMIN_SETTLE,
        ADMIN,
        MANUAL,
        require=(DEBITED_AGAIN,),
        effects=(Effect.POST_MANUAL, Effect.AUDIT, Effect.NOTIFY_OWNER),
    ),
    Rule("admin settle", (MANUAL,), Event.ADMIN_SETTLE, ADMIN, outcome=Outcome.REPEAT),
    # Trying again is a new withdrawal that names this one.
    Rule(
        "retry",
        BACK,
        Event.RETRY,
        (*OWNER, *ADMIN),
        require=(HAS_RETRIES,),
        effects=(Effect.START_RETRY,),
    ),
    # What is left over is an answer to a step that was taken long ago.
    *(Rule("late", ALL, event, PROVIDER, outcome=Outcome.IGNORE) for event in _OUTCOMES),
)

_STRIPE: Final = "Only the payout provider says this."

MACHINE: Final = Machine(
    name="withdrawal",
    noun="withdrawal",
    states=Status,
    events=Event,
    roles=(*OWNER, Role.OTHER, *ADMIN, *PROVIDER, *TIMER),
    facts=Facts,
    rules=(*_SENDING, *_RETURNING, *_BY_HAND),
    terminal=frozenset({PAID, *BACK, MANUAL}),
    sentences=dict.fromkeys(Event, _STRIPE)
    | dict.fromkeys((Event.REQUEST, Event.RETRY), "This withdrawal belongs to somebody else.")
    | {Event.ADMIN_SETTLE: "Only an admin can settle a withdrawal by hand."},
    absent=Refusal("This withdrawal does not exist.", error=NotFound),
)
