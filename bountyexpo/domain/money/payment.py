"""The life of a deposit, and what the provider's word makes of it (contract money §3.4).

The provider speaks more than once, late, and out of order; the status moves forward only. Money
that has arrived is credited whatever was said before, once, because the ledger knows its intent.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from bountyexpo.domain.machine import Guard, Machine, Outcome, Refusal, Role, Rule, Timer
from bountyexpo.errors import NotFound, RequestInProgress

if TYPE_CHECKING:
    from collections.abc import Mapping

# An intent that nobody pays is canceled after a day.
GIVE_UP_S: Final = 86_400

# A request to the provider that was cut off is made again after this time, with the same key.
RESUME_S: Final = 30

# A bank debit takes days, and its webhook may be lost: the provider is asked after this time, then
# after twice as long each time, at most as long as the second figure.
POLL_FIRST_S: Final = 300
POLL_MAX_S: Final = 21_600


class Kind(StrEnum):
    """What the money of a payment is for."""

    DEPOSIT = "deposit"
    ESCROW = "escrow"


# What each kind is called in the metadata of its intents; one with another purpose is not ours.
PURPOSES: Final[Mapping[str, str]] = {
    Kind.DEPOSIT: "wallet_deposit",
    Kind.ESCROW: "bounty_escrow",
}


class PaymentStatus(StrEnum):
    """The states of a deposit; ``credited`` is the only one that moved money."""

    # The intention is stored and the provider is being asked; "new" in the contract.
    CREATING = "creating"
    INTENT = "intent"
    ACTION = "action"
    PROCESSING = "processing"
    CREDITED = "credited"
    CANCELED = "canceled"
    FAILED = "failed"


class Event(StrEnum):
    """What the payer asks, and what the provider says in its answers and webhooks."""

    CREATE = "create"
    CONFIRM = "confirm"
    CANCEL = "cancel"
    CREATED = "created"
    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    PAYMENT_FAILED = "payment_failed"
    CANCELED = "canceled"
    REFUNDED = "refunded"
    CHARGEBACK = "chargeback"
    RESUME = "resume"
    GIVE_UP = "give_up"
    POLL = "poll"


class Effect(StrEnum):
    """What follows from a step; the numbers are the posting rules of contract money §1.6."""

    MAKE_INTENT = "make_intent"
    KEEP_INTENT = "keep_intent"
    CONFIRM_INTENT = "confirm_intent"
    RETRIEVE_INTENT = "retrieve_intent"
    CANCEL_INTENT = "cancel_intent"
    KEEP_FAILURE = "keep_failure"
    POST_DEPOSIT = "post_deposit"  # 1
    POST_CARD_REFUND = "post_card_refund"  # 23
    POST_CHARGEBACK = "post_chargeback"  # 20
    NOTIFY_PAYER = "notify_payer"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the guards look at."""

    # We made the intent, for this deposit, and everything that it says of it is so.
    is_ours: bool = True
    # It is the present intent, and not one that a newer has replaced.
    is_current: bool = True
    # A bank debit, which is not tried again when it fails.
    is_bank: bool = False
    # This refund or chargeback is in the books.
    is_posted: bool = False


# What the provider calls the state of an intent, and what that says to us.
_WORDS: Final = {
    "requires_payment_method": Event.CREATED,
    "requires_confirmation": Event.CREATED,
    "requires_action": Event.REQUIRES_ACTION,
    "requires_capture": Event.PROCESSING,
    "processing": Event.PROCESSING,
    "succeeded": Event.SUCCEEDED,
    "canceled": Event.CANCELED,
}


def event_of(provider_status: str, *, has_error: bool) -> Event | None:
    """Return the event in an intent's status; an unknown word says nothing.

    An intent waits for a payment method in the beginning, and again when an attempt has failed.
    """
    if provider_status == "requires_payment_method" and has_error:
        return Event.PAYMENT_FAILED
    return _WORDS.get(provider_status)


NOT_OURS: Final = Guard("it is not ours", "is_ours", (False,))
REPLACED: Final = Guard("a newer intent has replaced it", "is_current", (False,))
BANK: Final = Guard("it is a bank debit", "is_bank")
IN_BOOKS: Final = Guard("it is in the books", "is_posted")

CREATING, INTENT, ACTION = PaymentStatus.CREATING, PaymentStatus.INTENT, PaymentStatus.ACTION
PROCESSING, CREDITED = PaymentStatus.PROCESSING, PaymentStatus.CREDITED
CANCELED, FAILED = PaymentStatus.CANCELED, PaymentStatus.FAILED
ALL: Final = tuple(PaymentStatus)
OPEN: Final = (INTENT, ACTION, PROCESSING)
ENDED: Final = (CANCELED, FAILED)
OWNER, PROVIDER, TIMER = (Role.OWNER,), (Role.PROVIDER,), (Role.TIMER,)

_MISMATCH: Final = Refusal("This event does not match the deposit it names.", "invalid_status")
_ENDED: Final = Refusal("This deposit has ended. Please start a new one.", "payment_ended")
_TOO_LATE: Final = Refusal("This deposit cannot be cancelled any more.", "invalid_status")
_WAIT: Final = Refusal(
    "This request is still being worked on.", "request_in_progress", error=RequestInProgress
)
_GIVE_UP: Final = (Timer(Event.GIVE_UP, after_s=GIVE_UP_S),)
_RESUME: Final = (Timer(Event.RESUME, after_s=RESUME_S),)
_POLL: Final = (Timer(Event.POLL, after_s=POLL_FIRST_S),)

ABOUT_ATTEMPT: Final[tuple[Event, ...]] = (
    Event.CREATED,
    Event.PROCESSING,
    Event.REQUIRES_ACTION,
    Event.PAYMENT_FAILED,
    Event.CANCELED,
)
ABOUT_MONEY: Final = (Event.SUCCEEDED, Event.REFUNDED, Event.CHARGEBACK)

_ASKED: Final[tuple[Rule[PaymentStatus, Event], ...]] = (
    Rule(
        "create",
        (None,),
        Event.CREATE,
        OWNER,
        CREATING,
        effects=(Effect.MAKE_INTENT,),
        timers=_RESUME,
    ),
    # The same key asks again: what was cut off goes on with the same call.
    Rule("create", (CREATING,), Event.CREATE, OWNER, effects=(Effect.MAKE_INTENT,)),
    Rule("create", (*OPEN, CREDITED), Event.CREATE, OWNER, outcome=Outcome.REPEAT),
    Rule(
        "create",
        ENDED,
        Event.CREATE,
        OWNER,
        CREATING,
        effects=(Effect.MAKE_INTENT,),
        timers=_RESUME,
        sets={"is_current": True},
    ),
    Rule("resume", (CREATING,), Event.RESUME, TIMER, effects=(Effect.MAKE_INTENT,)),
    Rule("resume", (*OPEN, CREDITED, *ENDED), Event.RESUME, TIMER, outcome=Outcome.IGNORE),
    Rule("confirm", (CREATING,), Event.CONFIRM, OWNER, refusal=_WAIT),
    Rule("confirm", (INTENT,), Event.CONFIRM, OWNER, effects=(Effect.CONFIRM_INTENT,)),
    Rule("confirm", (ACTION,), Event.CONFIRM, OWNER, effects=(Effect.RETRIEVE_INTENT,)),
    Rule("confirm", (PROCESSING, CREDITED), Event.CONFIRM, OWNER, outcome=Outcome.REPEAT),
    Rule("confirm", ENDED, Event.CONFIRM, OWNER, refusal=_ENDED),
    Rule("cancel", (CREATING,), Event.CANCEL, OWNER, refusal=_WAIT),
    # The provider may have been paid at this very moment; its answer decides.
    Rule("cancel", (INTENT, ACTION), Event.CANCEL, OWNER, effects=(Effect.CANCEL_INTENT,)),
    Rule("cancel", (CANCELED,), Event.CANCEL, OWNER, outcome=Outcome.REPEAT),
    Rule("cancel", (PROCESSING, CREDITED, FAILED), Event.CANCEL, OWNER, refusal=_TOO_LATE),
    Rule("give up", (INTENT, ACTION), Event.GIVE_UP, TIMER, effects=(Effect.CANCEL_INTENT,)),
    Rule(
        "give up",
        (CREATING, PROCESSING, CREDITED, *ENDED),
        Event.GIVE_UP,
        TIMER,
        outcome=Outcome.IGNORE,
    ),
    Rule("poll", (PROCESSING,), Event.POLL, TIMER, effects=(Effect.RETRIEVE_INTENT,)),
    Rule(
        "poll",
        (CREATING, INTENT, ACTION, CREDITED, *ENDED),
        Event.POLL,
        TIMER,
        outcome=Outcome.IGNORE,
    ),
)

_ATTEMPTED: Final[tuple[Rule[PaymentStatus, Event], ...]] = (
    *(
        Rule("§3.4", ALL, event, PROVIDER, when=(NOT_OURS,), refusal=_MISMATCH)
        for event in (*ABOUT_ATTEMPT, *ABOUT_MONEY)
    ),
    # What is said of a replaced intent counts only when it brings or takes money.
    *(
        Rule("§3.4", ALL, event, PROVIDER, when=(REPLACED,), outcome=Outcome.IGNORE)
        for event in ABOUT_ATTEMPT
    ),
    Rule(
        "pi.succeeded",
        ALL,
        Event.SUCCEEDED,
        PROVIDER,
        when=(REPLACED,),
        effects=(Effect.POST_DEPOSIT, Effect.NOTIFY_PAYER),
    ),
    Rule(
        "created",
        (CREATING,),
        Event.CREATED,
        PROVIDER,
        INTENT,
        effects=(Effect.KEEP_INTENT,),
        timers=_GIVE_UP,
    ),
    Rule(
        "created",
        (*OPEN, CREDITED, *ENDED),
        Event.CREATED,
        PROVIDER,
        outcome=Outcome.IGNORE,
    ),
    Rule("pi.processing", (CREATING,), Event.PROCESSING, PROVIDER, outcome=Outcome.POSTPONE),
    Rule("pi.processing", (INTENT, ACTION), Event.PROCESSING, PROVIDER, PROCESSING, timers=_POLL),
    Rule(
        "pi.processing",
        (PROCESSING, CREDITED, *ENDED),
        Event.PROCESSING,
        PROVIDER,
        outcome=Outcome.IGNORE,
    ),
    Rule(
        "pi.requires_action", (CREATING,), Event.REQUIRES_ACTION, PROVIDER, outcome=Outcome.POSTPONE
    ),
    Rule(
        "pi.requires_action",
        (INTENT,),
        Event.REQUIRES_ACTION,
        PROVIDER,
        ACTION,
        effects=(Effect.NOTIFY_PAYER,),
    ),
    Rule(
        "pi.requires_action",
        (ACTION, PROCESSING, CREDITED, *ENDED),
        Event.REQUIRES_ACTION,
        PROVIDER,
        outcome=Outcome.IGNORE,
    ),
    Rule(
        "pi.payment_failed", (CREATING,), Event.PAYMENT_FAILED, PROVIDER, outcome=Outcome.POSTPONE
    ),
    Rule(
        "pi.payment_failed",
        (INTENT,),
        Event.PAYMENT_FAILED,
        PROVIDER,
        effects=(Effect.KEEP_FAILURE,),
    ),
    Rule(
        "pi.payment_failed",
        (PROCESSING,),
        Event.PAYMENT_FAILED,
        PROVIDER,
        FAILED,
        when=(BANK,),
        effects=(Effect.KEEP_FAILURE, Effect.NOTIFY_PAYER),
    ),
    Rule(
        "pi.payment_failed",
        (ACTION, PROCESSING),
        Event.PAYMENT_FAILED,
        PROVIDER,
        INTENT,
        effects=(Effect.KEEP_FAILURE,),
        timers=_GIVE_UP,
    ),
    Rule(
        "pi.payment_failed",
        (CREDITED, *ENDED),
        Event.PAYMENT_FAILED,
        PROVIDER,
        outcome=Outcome.IGNORE,
    ),
    Rule("pi.canceled", (CREATING,), Event.CANCELED, PROVIDER, outcome=Outcome.POSTPONE),
    Rule("pi.canceled", OPEN, Event.CANCELED, PROVIDER, CANCELED),
    Rule("pi.canceled", (CREDITED, *ENDED), Event.CANCELED, PROVIDER, outcome=Outcome.IGNORE),
)

_ARRIVED: Final[tuple[Rule[PaymentStatus, Event], ...]] = (
    # Postpone and ask: the answer to our own call, or to a second look, says the same and more.
    Rule(
        "pi.succeeded",
        (CREATING,),
        Event.SUCCEEDED,
        PROVIDER,
        effects=(Effect.RETRIEVE_INTENT,),
        outcome=Outcome.POSTPONE,
    ),
    Rule("pi.succeeded", (CREDITED,), Event.SUCCEEDED, PROVIDER, outcome=Outcome.IGNORE),
    Rule(
        "pi.succeeded",
        (*OPEN, *ENDED),
        Event.SUCCEEDED,
        PROVIDER,
        CREDITED,
        effects=(Effect.POST_DEPOSIT, Effect.NOTIFY_PAYER),
    ),
    *(
        rule
        for row, event, effect in (
            ("charge.refunded", Event.REFUNDED, Effect.POST_CARD_REFUND),
            ("chargeback", Event.CHARGEBACK, Effect.POST_CHARGEBACK),
        )
        for rule in (
            Rule(row, ALL, event, PROVIDER, when=(IN_BOOKS,), outcome=Outcome.IGNORE),
            # It speaks of money that we do not know yet.
            Rule(row, (CREATING, *OPEN), event, PROVIDER, outcome=Outcome.POSTPONE),
            Rule(
                row,
                (CREDITED, *ENDED),
                event,
                PROVIDER,
                effects=(effect, Effect.NOTIFY_PAYER),
                sets={"is_posted": True},
            ),
        )
    ),
)

_THEIRS: Final = "This deposit belongs to somebody else."

MACHINE: Final = Machine(
    name="payment",
    noun="deposit",
    states=PaymentStatus,
    events=Event,
    roles=(*OWNER, Role.OTHER, *PROVIDER, *TIMER),
    facts=Facts,
    rules=(*_ASKED, *_ATTEMPTED, *_ARRIVED),
    terminal=frozenset({CREDITED, *ENDED}),
    sentences=dict.fromkeys(Event, _THEIRS),
    absent=Refusal("This deposit does not exist.", error=NotFound),
)
