"""A hunter's account at Stripe, to which earnings are paid out (contract money §3.6).

Stripe is the source of truth: what it tells replaces what is known, and a withdrawal asks it
again. The owner is the profile that stored the account, never what the account's metadata says.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from bountyexpo.domain.machine import Guard, Machine, Outcome, Refusal, Role, Rule
from bountyexpo.errors import NotAllowed


class State(StrEnum):
    """Where the onboarding stands."""

    NONE = "none"
    CREATED = "created"
    DETAILS_SUBMITTED = "details_submitted"
    PAYOUTS_ENABLED = "payouts_enabled"
    RESTRICTED = "restricted"


class Event(StrEnum):
    """What can happen to the account."""

    CREATE = "create"
    # What the account is like now, retrieved or by webhook; the newer fetch wins.
    TOLD = "told"
    DEAUTHORIZED = "deauthorized"
    WITHDRAW = "withdraw"


class Effect(StrEnum):
    """What follows from a step."""

    CREATE_ACCOUNT = "create_account"
    STAMP_ONBOARDED = "stamp_onboarded"
    CLEAR_LINK = "clear_link"
    NOTIFY_OWNER = "notify_owner"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the guards look at: what Stripe says, then what we know."""

    are_details_submitted: bool = False
    are_payouts_enabled: bool = False
    # It says this of the account that we stored, and nothing newer is known.
    is_ours: bool = True
    is_newest: bool = True
    was_onboarded: bool = False


IS_OURS: Final = Guard("it is the stored account", "is_ours")
NOT_OURS: Final = Guard("it is another account", "is_ours", (False,))
OUTDATED: Final = Guard("something newer is known", "is_newest", (False,))
ENABLED: Final = Guard("payouts are enabled", "are_payouts_enabled")
NOT_ENABLED: Final = Guard("payouts are not enabled", "are_payouts_enabled", (False,))
SUBMITTED: Final = Guard("the details are given", "are_details_submitted")
FIRST_TIME: Final = Guard("it is the first time", "was_onboarded", (False,))

NONE, CREATED, SUBMITTED_STATE = State.NONE, State.CREATED, State.DETAILS_SUBMITTED
ENABLED_STATE, RESTRICTED = State.PAYOUTS_ENABLED, State.RESTRICTED
LINKED: Final = (CREATED, SUBMITTED_STATE, ENABLED_STATE, RESTRICTED)
OWNER, PROVIDER = (Role.OWNER,), (Role.PROVIDER,)

_ONBOARD_FIRST: Final = Refusal(
    "Please finish setting up your payout account first.", "connect_not_onboarded"
)

_TABLE: Final[tuple[Rule[State, Event], ...]] = (
    # The key of the call is made of the user, so that two calls at once make one account.
    Rule("§3.6", (NONE,), Event.CREATE, OWNER, CREATED, effects=(Effect.CREATE_ACCOUNT,)),
    Rule("§3.6", LINKED, Event.CREATE, OWNER, outcome=Outcome.REPEAT),
    Rule("§3.6", (NONE,), Event.TOLD, PROVIDER, outcome=Outcome.POSTPONE),
    Rule("§3.6", LINKED, Event.TOLD, PROVIDER, when=(NOT_OURS,), outcome=Outcome.IGNORE),
    Rule("§3.6", LINKED, Event.TOLD, PROVIDER, when=(OUTDATED,), outcome=Outcome.IGNORE),
    Rule("§3.6", (ENABLED_STATE,), Event.TOLD, PROVIDER, when=(ENABLED,), outcome=Outcome.IGNORE),
    Rule(
        "§3.6",
        LINKED,
        Event.TOLD,
        PROVIDER,
        ENABLED_STATE,
        when=(ENABLED,),
        effects=(Effect.STAMP_ONBOARDED, Effect.NOTIFY_OWNER),
        sets={"was_onboarded": True},
    ),
    Rule(
        "§3.6",
        (ENABLED_STATE,),
        Event.TOLD,
        PROVIDER,
        RESTRICTED,
        when=(NOT_ENABLED,),
        effects=(Effect.NOTIFY_OWNER,),
    ),
    Rule("§3.6", (CREATED,), Event.TOLD, PROVIDER, SUBMITTED_STATE, when=(SUBMITTED,)),
    Rule("§3.6", LINKED, Event.TOLD, PROVIDER, outcome=Outcome.IGNORE),
    Rule("§3.6", LINKED, Event.DEAUTHORIZED, PROVIDER, when=(NOT_OURS,), outcome=Outcome.IGNORE),
    # Withdrawals under way stay open; new ones are refused.
    Rule(
        "§3.6",
        LINKED,
        Event.DEAUTHORIZED,
        PROVIDER,
        NONE,
        effects=(Effect.CLEAR_LINK, Effect.NOTIFY_OWNER),
    ),
    Rule("§3.6", (NONE,), Event.DEAUTHORIZED, PROVIDER, outcome=Outcome.IGNORE),
    Rule("§3.6", (ENABLED_STATE,), Event.WITHDRAW, OWNER),
    Rule(
        "§3.6",
        (NONE, CREATED, SUBMITTED_STATE, RESTRICTED),
        Event.WITHDRAW,
        OWNER,
        refusal=_ONBOARD_FIRST,
    ),
)

MACHINE: Final = Machine(
    name="connect_account",
    noun="payout account",
    states=State,
    events=Event,
    roles=(*OWNER, Role.OTHER, *PROVIDER),
    facts=Facts,
    rules=_TABLE,
    terminal=frozenset({ENABLED_STATE}),
    sentences=dict.fromkeys(Event, "This payout account belongs to somebody else."),
    start=NONE,
    absent=Refusal("This payout account belongs to somebody else.", error=NotAllowed),
    conditions={Effect.STAMP_ONBOARDED: FIRST_TIME},
)
