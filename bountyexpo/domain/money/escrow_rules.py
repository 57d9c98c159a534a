"""The machine of an escrow: the table of contract money §3.3, column by column.

A release and a refund are entered as intents and exclude each other; each ends as done, or goes
back when the provider has definitely refused, never because an outcome is unknown. What is sent
into the past (a webhook twice, late, or of an earlier round) changes nothing that was settled.
"""

from __future__ import annotations

from typing import Final

from bountyexpo.domain.machine import Guard, Machine, Outcome, Refusal, Role, Rule, Timer
from bountyexpo.domain.money.escrow import Effect, Event, Facts, Intent, State, Verdict
from bountyexpo.domain.money.escrow_chargebacks import CHARGEBACKS
from bountyexpo.errors import InsufficientBalance, InvalidRequest, NotFound

NONE, FUNDING, HELD, FROZEN = State.NONE, State.FUNDING, State.HELD, State.FROZEN
RELEASING, REFUNDING = State.RELEASING, State.REFUNDING
RELEASED, REFUNDED, CHARGED_BACK = State.RELEASED, State.REFUNDED, State.CHARGED_BACK

PAYER, SYSTEM, PROVIDER = (Role.POSTER, Role.SYSTEM), (Role.SYSTEM,), (Role.PROVIDER,)
JUDGE: Final = (Role.SYSTEM, Role.ADMIN)
TOLD: Final = (Role.PROVIDER, Role.SYSTEM)

# An outcome that is not known is asked for again, with the same key, until it is.
REPLAY_S: Final = 60

HAS_FUNDS: Final = Guard(
    "the wallet covers the price",
    "has_funds",
    refusal=Refusal("Insufficient balance.", error=InsufficientBalance),
)
FOR_HONOR: Final = Guard("the bounty is for honor", "is_for_honor")
CURRENT: Final = Guard("it is the present intent", "intent", (Intent.CURRENT,))
STRAY: Final = Guard("it is an intent of an earlier round", "intent", (Intent.STRAY,))
POSTED: Final = Guard("its money is in the books", "intent", (Intent.POSTED,))
SHORT: Final = Guard("less arrived than the price", "is_short")
PART: Final = Guard("a part was agreed", "is_part")
CARD: Final = Guard("it was paid by card", "is_card")
DISPUTED: Final = Guard("a dispute is open", "has_dispute")
CHARGEBACK: Final = Guard("a chargeback is open", "has_chargeback")
LOST: Final = Guard("the chargeback is lost", "is_chargeback_lost")
REFUND_MADE: Final = Guard("money was given back", "has_refund")
KNOWN: Final = Guard("it was told before", "is_known")
NO_CHARGEBACK: Final = Guard(
    "no chargeback is open",
    "has_chargeback",
    (False,),
    Refusal("The card issuer must decide first.", "chargeback_open"),
)


def _verdict(verdict: Verdict) -> Guard:
    return Guard(f"the verdict is {verdict.value}", "verdict", (verdict,))


NO_MONEY: Final = Refusal("This bounty is for honor.", "is_for_honor", InvalidRequest)
NO_PAYMENT: Final = Refusal("This bounty has no escrow.", "no_payment", NotFound)
_NOT_FUNDED: Final = Refusal("The price of this bounty is not funded yet.", "not_funded")
NOT_CAPTURED: Final = Refusal("The price has not arrived yet.", "not_captured")
_DUPLICATE: Final = Refusal("This bounty is funded already.", "duplicate_transaction")
IN_DISPUTE: Final = Refusal("The escrow is frozen by a dispute.", "escrow_disputed")
# The old app takes a conflict for a payment when its text says "already released", "already
# refunded" or "duplicate" (contract money §2.2), so no text says that.
PAID_OUT: Final = Refusal("The escrow was released to the hunter.", "already_released")
GIVEN_BACK: Final = Refusal("The escrow was returned to the poster.", "already_refunded")

_MONEY_VERBS: Final = (Event.FUND_WALLET, Event.FUND_CARD, Event.RELEASE, Event.REFUND)

_NEW_ROUND: Final = {
    "intent": Intent.CURRENT,
    "has_chargeback": False,
    "is_chargeback_lost": False,
    "has_refund": False,
}

_GIVE_BACK: Final = (Effect.POST_REFUND, Effect.MAKE_REFUND)

_FUNDING: Final[tuple[Rule[State, Event], ...]] = (
    *(
        Rule("honor", (NONE,), event, (*PAYER, Role.ADMIN), when=(FOR_HONOR,), refusal=NO_MONEY)
        for event in _MONEY_VERBS
    ),
    Rule(
        "fund_wallet",
        (NONE, REFUNDED),
        Event.FUND_WALLET,
        PAYER,
        HELD,
        require=(HAS_FUNDS,),
        effects=(Effect.POST_HOLD,),
        sets={"is_card": False, **_NEW_ROUND},
    ),
    Rule("fund_wallet", (HELD,), Event.FUND_WALLET, PAYER, refusal=_DUPLICATE),
    Rule(
        "fund_card",
        (NONE, REFUNDED),
        Event.FUND_CARD,
        PAYER,
        FUNDING,
        effects=(Effect.MAKE_INTENT,),
        sets={"is_card": True, **_NEW_ROUND},
    ),
    Rule("fund_card", (FUNDING, HELD), Event.FUND_CARD, PAYER, outcome=Outcome.REPEAT),
    Rule(
        "pi_succeeded",
        tuple(State),
        Event.PI_SUCCEEDED,
        PROVIDER,
        when=(POSTED,),
        outcome=Outcome.IGNORE,
    ),
    Rule(
        "pi_succeeded",
        tuple(State),
        Event.PI_SUCCEEDED,
        PROVIDER,
        when=(STRAY,),
        effects=(Effect.REFUND_STRAY_INTENT,),
    ),
    Rule("pi_succeeded", (NONE,), Event.PI_SUCCEEDED, PROVIDER, outcome=Outcome.POSTPONE),
    Rule(
        "pi_succeeded",
        (FUNDING,),
        Event.PI_SUCCEEDED,
        PROVIDER,
        REFUNDING,
        when=(SHORT,),
        effects=(Effect.POST_FUNDED, *_GIVE_BACK, Effect.NOTIFY_POSTER),
        sets={"intent": Intent.POSTED, "has_refund": True},
    ),
    Rule(
        "pi_succeeded",
        (FUNDING,),
        Event.PI_SUCCEEDED,
        PROVIDER,
        HELD,
        effects=(Effect.POST_FUNDED,),
        sets={"intent": Intent.POSTED},
    ),
    # It was canceled while the money was on its way: what came is given back by itself.
    Rule(
        "pi_succeeded",
        (REFUNDED,),
        Event.PI_SUCCEEDED,
        PROVIDER,
        REFUNDING,
        effects=(Effect.POST_FUNDED, *_GIVE_BACK),
        sets={"intent": Intent.POSTED, "has_refund": True},
    ),
    Rule(
        "pi_succeeded",
        (HELD, FROZEN, RELEASING, REFUNDING, RELEASED, CHARGED_BACK),
        Event.PI_SUCCEEDED,
        PROVIDER,
        outcome=Outcome.IGNORE,
    ),
    *(
        rule
        for event in (Event.PI_FAILED, Event.PI_CANCELED)
        for rule in (
            Rule(
                "pi_failed",
                (FUNDING,),
                event,
                PROVIDER,
                NONE,
                when=(CURRENT,),
                effects=(Effect.NOTIFY_POSTER,),
            ),
            Rule("pi_failed", tuple(State), event, PROVIDER, outcome=Outcome.IGNORE),
        )
    ),
    Rule("accept", (HELD,), Event.ACCEPT, SYSTEM, effects=(Effect.BIND_HUNTER,)),
    Rule("accept", (NONE, FUNDING), Event.ACCEPT, SYSTEM, refusal=_NOT_FUNDED),
)

_PAY_OUT: Final = (Effect.POST_RELEASE, Effect.MAKE_TRANSFER)
_DIVIDE: Final = (Effect.POST_SPLIT, Effect.MAKE_TRANSFER, Effect.MAKE_REFUND)
_JUDGED: Final = {"has_dispute": False}
_PAID_BACK: Final = {"has_refund": True}
_TAKEN_BACK: Final = {"has_refund": False}

_DISPUTING: Final[tuple[Rule[State, Event], ...]] = (
    Rule(
        "dispute_open",
        (HELD,),
        Event.DISPUTE_OPEN,
        SYSTEM,
        FROZEN,
        effects=(Effect.POST_FREEZE,),
        sets={"has_dispute": True},
    ),
    Rule(
        "dispute_open",
        (FROZEN,),
        Event.DISPUTE_OPEN,
        SYSTEM,
        when=(DISPUTED,),
        outcome=Outcome.REPEAT,
    ),
    Rule("dispute_open", (FROZEN,), Event.DISPUTE_OPEN, SYSTEM, sets={"has_dispute": True}),
    *(
        Rule(
            "dispute_decided",
            (FROZEN,),
            Event.DISPUTE_DECIDED,
            JUDGE,
            target,
            when=(DISPUTED, _verdict(verdict)),
            require=(NO_CHARGEBACK,),
            effects=(Effect.POST_THAW, *effects),
            sets=_JUDGED | {"has_refund": target is REFUNDING},
        )
        for verdict, target, effects in (
            (Verdict.HUNTER, RELEASING, _PAY_OUT),
            (Verdict.POSTER, REFUNDING, _GIVE_BACK),
            (Verdict.SPLIT, REFUNDING, _DIVIDE),
        )
    ),
    # While the card network decides, the money stays frozen.
    Rule(
        "dispute_closed",
        (FROZEN,),
        Event.DISPUTE_CLOSED,
        JUDGE,
        when=(CHARGEBACK,),
        sets=_JUDGED,
    ),
    Rule(
        "dispute_closed",
        (FROZEN,),
        Event.DISPUTE_CLOSED,
        JUDGE,
        HELD,
        effects=(Effect.POST_THAW,),
        sets=_JUDGED,
    ),
    Rule("dispute_closed", (HELD,), Event.DISPUTE_CLOSED, JUDGE, outcome=Outcome.REPEAT),
)

_SETTLING: Final[tuple[Rule[State, Event], ...]] = (
    Rule("release", (NONE,), Event.RELEASE, JUDGE, refusal=NO_PAYMENT),
    Rule("release", (FUNDING,), Event.RELEASE, JUDGE, refusal=NOT_CAPTURED),
    Rule("release", (HELD,), Event.RELEASE, JUDGE, RELEASING, effects=_PAY_OUT),
    Rule("release", (FROZEN,), Event.RELEASE, JUDGE, refusal=IN_DISPUTE),
    Rule("release", (RELEASING, RELEASED), Event.RELEASE, JUDGE, outcome=Outcome.REPEAT),
    Rule("release", (REFUNDED,), Event.RELEASE, JUDGE, refusal=GIVEN_BACK),
    Rule("refund", (NONE,), Event.REFUND, JUDGE, refusal=NO_PAYMENT),
    Rule(
        "refund",
        (FUNDING,),
        Event.REFUND,
        JUDGE,
        REFUNDED,
        effects=(Effect.CANCEL_INTENT, Effect.CANCEL_BOUNTY),
    ),
    Rule(
        "refund",
        (HELD,),
        Event.REFUND,
        JUDGE,
        REFUNDING,
        when=(PART,),
        effects=_DIVIDE,
        sets=_PAID_BACK,
    ),
    Rule("refund", (HELD,), Event.REFUND, JUDGE, REFUNDING, effects=_GIVE_BACK, sets=_PAID_BACK),
    Rule("refund", (FROZEN,), Event.REFUND, JUDGE, refusal=IN_DISPUTE),
    Rule("refund", (REFUNDING, REFUNDED), Event.REFUND, JUDGE, outcome=Outcome.REPEAT),
    Rule("refund", (RELEASED,), Event.REFUND, JUDGE, refusal=PAID_OUT),
    Rule(
        "settled",
        (RELEASING,),
        Event.SETTLED,
        TOLD,
        RELEASED,
        effects=(Effect.COMPLETE_BOUNTY,),
    ),
    Rule("settled", (REFUNDING,), Event.SETTLED, TOLD, REFUNDED, effects=(Effect.CANCEL_BOUNTY,)),
    Rule("settled", tuple(State), Event.SETTLED, TOLD, outcome=Outcome.IGNORE),
    *(
        Rule(
            "refused",
            (RELEASING, REFUNDING),
            Event.REFUSED,
            TOLD,
            target,
            when=why,
            effects=(Effect.REVERSE_POSTING, effect),
            sets=_TAKEN_BACK,
        )
        for target, why, effect in (
            (CHARGED_BACK, (LOST,), Effect.RECOVER_FROM_ESCROW),
            (FROZEN, (CHARGEBACK,), Effect.POST_FREEZE),
            (HELD, (), Effect.RECORD_FINDING),
        )
    ),
    Rule("refused", tuple(State), Event.REFUSED, TOLD, outcome=Outcome.IGNORE),
    Rule(
        "unknown",
        (RELEASING, REFUNDING),
        Event.UNKNOWN,
        (*TOLD, Role.TIMER),
        effects=(Effect.REPLAY_STEP,),
        timers=(Timer(Event.UNKNOWN, after_s=REPLAY_S),),
    ),
    Rule("unknown", tuple(State), Event.UNKNOWN, (*TOLD, Role.TIMER), outcome=Outcome.IGNORE),
    Rule(
        "refund_failed",
        tuple(State),
        Event.REFUND_FAILED,
        PROVIDER,
        when=(KNOWN,),
        outcome=Outcome.IGNORE,
    ),
    *(
        Rule(
            "refund_failed",
            (REFUNDING, REFUNDED),
            Event.REFUND_FAILED,
            PROVIDER,
            target,
            when=(REFUND_MADE, *why),
            effects=(Effect.REVERSE_POSTING, effect),
            sets=_TAKEN_BACK,
        )
        for target, why, effect in (
            (CHARGED_BACK, (LOST,), Effect.RECOVER_FROM_ESCROW),
            (FROZEN, (CHARGEBACK,), Effect.POST_FREEZE),
            (HELD, (), Effect.NOTIFY_POSTER),
        )
    ),
    # There is nothing to take back: people must look at it.
    Rule(
        "refund_failed",
        tuple(State),
        Event.REFUND_FAILED,
        PROVIDER,
        effects=(Effect.RECORD_FINDING,),
    ),
)

_NETWORK: Final = "Only the card issuer says this."
_BOUNTY: Final = "The escrow follows what happens to its bounty."

MACHINE: Final = Machine(
    name="escrow",
    noun="escrow",
    states=State,
    events=Event,
    roles=(*PAYER, Role.HUNTER, Role.OTHER, Role.ADMIN, *PROVIDER, Role.TIMER),
    facts=Facts,
    rules=(*_FUNDING, *_DISPUTING, *_SETTLING, *CHARGEBACKS),
    terminal=frozenset({RELEASED, REFUNDED, CHARGED_BACK}),
    sentences=dict.fromkeys(Event, _NETWORK)
    | dict.fromkeys((Event.FUND_WALLET, Event.FUND_CARD), "Only the poster can fund this bounty.")
    | dict.fromkeys(
        (Event.ACCEPT, Event.DISPUTE_OPEN, Event.DISPUTE_DECIDED, Event.DISPUTE_CLOSED), _BOUNTY
    )
    | dict.fromkeys((Event.RELEASE, Event.REFUND), _BOUNTY),
    start=NONE,
    conditions={Effect.MAKE_TRANSFER: CARD, Effect.MAKE_REFUND: CARD},
)
