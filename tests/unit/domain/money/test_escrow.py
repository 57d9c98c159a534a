"""An escrow: released or given back, once; what races and what comes late."""

from __future__ import annotations

import re

import msgspec
import pytest
from bountyexpo.domain.machine import Outcome, Role, Timer
from bountyexpo.domain.money.escrow import Effect, Event, Facts, Intent, State, Verdict
from bountyexpo.domain.money.escrow_rules import MACHINE
from bountyexpo.errors import BountyExpoError, Conflict, InvalidRequest

from tests.unit.domain.machines import questions

BOUNTY, STRIPE, POSTER = Role.SYSTEM, Role.PROVIDER, Role.POSTER


def follow(*steps, state=State.NONE, facts=None):
    """Take the steps one after the other; return where they lead."""
    facts, effects = facts or Facts(), []
    for event, role in steps:
        decision = MACHINE.decide(state, event, role, facts)
        state, facts = decision.state, decision.facts
        effects += decision.effects
    return state, facts, effects


FUNDED_BY_WALLET = ((Event.FUND_WALLET, POSTER),)
FUNDED_BY_CARD = ((Event.FUND_CARD, POSTER), (Event.PI_SUCCEEDED, STRIPE))


@pytest.mark.parametrize("funding", [FUNDED_BY_WALLET, FUNDED_BY_CARD])
def test_a_release_pays_once_however_often_it_is_asked_for(funding):
    state, _, effects = follow(
        *funding,
        (Event.RELEASE, BOUNTY),
        (Event.RELEASE, BOUNTY),
        (Event.SETTLED, STRIPE),
        (Event.SETTLED, STRIPE),
        (Event.RELEASE, BOUNTY),
    )

    assert state is State.RELEASED
    assert effects.count(Effect.POST_RELEASE) == 1
    assert effects.count(Effect.MAKE_TRANSFER) == (funding is FUNDED_BY_CARD)


def test_release_and_refund_exclude_each_other():
    releasing, facts, _ = follow(*FUNDED_BY_WALLET, (Event.RELEASE, BOUNTY))
    with pytest.raises(Conflict):
        MACHINE.decide(releasing, Event.REFUND, BOUNTY, facts)

    refunding, facts, _ = follow(*FUNDED_BY_WALLET, (Event.REFUND, BOUNTY))
    with pytest.raises(Conflict):
        MACHINE.decide(refunding, Event.RELEASE, BOUNTY, facts)


def test_an_unknown_outcome_stays_and_is_asked_for_again():
    state, facts, _ = follow(*FUNDED_BY_CARD, (Event.RELEASE, BOUNTY))

    decision = MACHINE.decide(state, Event.UNKNOWN, STRIPE, facts)

    assert decision.state is State.RELEASING
    assert decision.effects == (Effect.REPLAY_STEP,)
    assert [timer.event for timer in decision.timers] == [Event.UNKNOWN]


@pytest.mark.parametrize("role", [STRIPE, BOUNTY, Role.TIMER])
def test_an_unknown_outcome_is_asked_for_again_every_minute(role):
    decision = MACHINE.decide(State.RELEASING, Event.UNKNOWN, role, Facts())

    assert decision.timers == (Timer(Event.UNKNOWN, after_s=60),)


def test_an_escrow_is_paid_from_the_wallet_unless_it_is_said():
    decision = MACHINE.decide(State.HELD, Event.RELEASE, BOUNTY, Facts())

    assert decision.effects == (Effect.POST_RELEASE,)


def test_a_definite_refusal_gives_the_money_back_to_the_escrow():
    state, _, effects = follow(*FUNDED_BY_CARD, (Event.RELEASE, BOUNTY), (Event.REFUSED, STRIPE))

    assert state is State.HELD
    assert Effect.REVERSE_POSTING in effects


def test_a_cancel_that_races_the_capture_gives_the_money_back_by_itself():
    canceled, facts, _ = follow((Event.FUND_CARD, POSTER), (Event.REFUND, BOUNTY))
    state, facts, effects = follow(
        (Event.PI_SUCCEEDED, STRIPE),
        (Event.PI_SUCCEEDED, STRIPE),
        (Event.SETTLED, STRIPE),
        (Event.PI_SUCCEEDED, STRIPE),
        state=canceled,
        facts=facts,
    )

    assert canceled is state is State.REFUNDED
    assert effects.count(Effect.POST_FUNDED) == effects.count(Effect.MAKE_REFUND) == 1


def test_money_of_an_earlier_round_goes_back_without_touching_this_one():
    state, facts, _ = follow(
        (Event.FUND_CARD, POSTER), (Event.REFUND, BOUNTY), (Event.FUND_WALLET, POSTER)
    )

    late = MACHINE.decide(
        state, Event.PI_SUCCEEDED, STRIPE, Facts(intent=Intent.STRAY, is_card=facts.is_card)
    )

    assert late.state is State.HELD
    assert late.effects == (Effect.REFUND_STRAY_INTENT,)


def test_a_payment_that_failed_can_be_made_again():
    state, _, _ = follow(
        (Event.FUND_CARD, POSTER), (Event.PI_FAILED, STRIPE), (Event.FUND_CARD, POSTER)
    )

    assert state is State.FUNDING


@pytest.mark.parametrize("late", [Event.PI_FAILED, Event.PI_CANCELED])
def test_a_late_failure_never_touches_money_that_is_held(late):
    state, _, _ = follow(*FUNDED_BY_CARD, (late, STRIPE))

    assert state is State.HELD


def test_frozen_money_moves_only_by_a_verdict():
    state, facts, _ = follow(*FUNDED_BY_WALLET, (Event.DISPUTE_OPEN, BOUNTY))

    for event in (Event.RELEASE, Event.REFUND):
        with pytest.raises(Conflict) as refused:
            MACHINE.decide(state, event, BOUNTY, facts)
        assert refused.value.error_code == "escrow_disputed"
    released = MACHINE.decide(state, Event.DISPUTE_DECIDED, Role.ADMIN, facts)
    assert released.effects[:2] == (Effect.POST_THAW, Effect.POST_RELEASE)


def test_a_split_names_both_parts_in_one_posting():
    _, _, effects = follow(
        *FUNDED_BY_WALLET,
        (Event.DISPUTE_OPEN, BOUNTY),
        (Event.DISPUTE_DECIDED, Role.ADMIN),
        facts=Facts(verdict=Verdict.SPLIT),
    )

    assert effects[-2:] == [Effect.POST_THAW, Effect.POST_SPLIT]


def test_money_frozen_for_two_reasons_thaws_when_both_are_gone():
    both = (
        *FUNDED_BY_CARD,
        (Event.DISPUTE_OPEN, BOUNTY),
        (Event.CHARGEBACK_OPEN, STRIPE),
    )
    closed, facts, _ = follow(*both, (Event.DISPUTE_CLOSED, BOUNTY))
    thawed, _, _ = follow((Event.CHARGEBACK_WON, STRIPE), state=closed, facts=facts)
    won, _, _ = follow(*both, (Event.CHARGEBACK_WON, STRIPE))
    state, facts, _ = follow(*both)

    assert (closed, thawed, won) == (State.FROZEN, State.HELD, State.FROZEN)
    with pytest.raises(Conflict) as refused:
        MACHINE.decide(state, Event.DISPUTE_DECIDED, Role.ADMIN, facts)
    assert refused.value.error_code == "chargeback_open"


def test_a_chargeback_lost_while_releasing_leaves_a_debt_or_takes_the_escrow():
    lost = (*FUNDED_BY_CARD, (Event.RELEASE, BOUNTY), (Event.CHARGEBACK_LOST, STRIPE))
    paid, _, effects = follow(*lost, (Event.SETTLED, STRIPE))
    refused, _, more = follow(*lost, (Event.REFUSED, STRIPE))

    assert (paid, refused) == (State.RELEASED, State.CHARGED_BACK)
    assert effects.count(Effect.POST_DEBT) == 1
    assert more[-2:] == [Effect.REVERSE_POSTING, Effect.RECOVER_FROM_ESCROW]


def test_a_late_word_that_a_chargeback_began_changes_nothing_after_it_was_lost():
    state, facts, _ = follow(
        *FUNDED_BY_CARD,
        (Event.RELEASE, BOUNTY),
        (Event.SETTLED, STRIPE),
        (Event.CHARGEBACK_LOST, STRIPE),
    )

    late = MACHINE.decide(state, Event.CHARGEBACK_OPEN, STRIPE, facts)

    assert late.outcome is Outcome.IGNORE


def test_a_refund_that_fails_puts_the_money_back_once():
    state, facts, _ = follow(*FUNDED_BY_CARD, (Event.REFUND, BOUNTY), (Event.SETTLED, STRIPE))
    failed, facts, _ = follow((Event.REFUND_FAILED, STRIPE), state=state, facts=facts)
    again = MACHINE.decide(failed, Event.REFUND_FAILED, STRIPE, facts)

    assert failed is again.state is State.HELD
    assert again.effects == (Effect.RECORD_FINDING,)


def test_a_failed_refund_that_was_never_made_creates_no_money():
    state, _, effects = follow(
        (Event.FUND_CARD, POSTER), (Event.REFUND, BOUNTY), (Event.REFUND_FAILED, STRIPE)
    )

    assert state is State.REFUNDED
    assert Effect.REVERSE_POSTING not in effects


@pytest.mark.parametrize(
    ("event", "role"),
    [
        (Event.FUND_WALLET, POSTER),
        (Event.FUND_CARD, POSTER),
        (Event.RELEASE, BOUNTY),
        (Event.REFUND, BOUNTY),
    ],
)
def test_honor_has_no_escrow(event, role):
    with pytest.raises(InvalidRequest) as refused:
        MACHINE.decide(State.NONE, event, role, Facts(is_for_honor=True))

    assert refused.value.error_code == "is_for_honor"


@pytest.mark.parametrize(
    ("event", "is_card"), [(Event.FUND_WALLET, False), (Event.FUND_CARD, True)]
)
def test_a_new_round_remembers_nothing_of_the_last(event, is_card):
    last = Facts(
        is_card=not is_card,
        intent=Intent.POSTED,
        has_chargeback=True,
        is_chargeback_lost=True,
        has_refund=True,
    )

    decision = MACHINE.decide(State.REFUNDED, event, POSTER, last)

    assert decision.facts == Facts(is_card=is_card)


# What each step does with money, in the order in which it is done (money §1.6, §3.3).
STEPS = """
none fund_wallet poster - post_hold
refunded fund_wallet poster - post_hold
none fund_card poster - make_intent
refunded fund_card poster - make_intent
funding pi_succeeded provider - post_funded
funding pi_succeeded provider short post_funded,post_refund,make_refund,notify_poster
funding pi_failed provider - notify_poster
funding pi_canceled provider - notify_poster
funding refund system - cancel_intent,cancel_bounty
refunded pi_succeeded provider - post_funded,post_refund,make_refund
held accept system - bind_hunter
held dispute_open system - post_freeze
frozen dispute_decided system disputed post_thaw,post_release,make_transfer
frozen dispute_decided admin disputed,poster post_thaw,post_refund,make_refund
frozen dispute_decided admin disputed,split post_thaw,post_split,make_transfer,make_refund
frozen dispute_closed system disputed post_thaw
frozen chargeback_won provider chargeback post_thaw
held release system - post_release,make_transfer
held refund system - post_refund,make_refund
held refund system part post_split,make_transfer,make_refund
releasing settled provider - complete_bounty
refunding settled provider - cancel_bounty
releasing refused provider - reverse_posting,record_finding
refunding refused provider chargeback reverse_posting,post_freeze
refunding refused provider lost reverse_posting,recover_from_escrow
refunded refund_failed provider refunded reverse_posting,notify_poster
refunding refund_failed provider refunded,chargeback reverse_posting,post_freeze
refunding refund_failed provider refunded,lost reverse_posting,recover_from_escrow
held chargeback_open provider - post_freeze,record_finding
releasing chargeback_open provider - record_finding
refunding chargeback_open provider - stop_refund,record_finding
released chargeback_open provider - post_chargeback_opened
refunded chargeback_open provider - send_evidence
held chargeback_lost provider - consume_escrow,cancel_bounty
frozen chargeback_lost provider chargeback consume_escrow,cancel_bounty
released chargeback_lost provider - post_debt,record_finding
refunding chargeback_lost provider - record_finding
released chargeback_won provider chargeback post_chargeback_won
held chargeback_lost provider stray record_finding
"""
ABOUT = {
    "-": {},
    "short": {"is_short": True},
    "part": {"is_part": True},
    "disputed": {"has_dispute": True},
    "chargeback": {"has_chargeback": True},
    "lost": {"is_chargeback_lost": True},
    "refunded": {"has_refund": True},
    "poster": {"verdict": Verdict.POSTER},
    "split": {"verdict": Verdict.SPLIT},
    "stray": {"intent": Intent.STRAY},
}


@pytest.mark.parametrize("step", STEPS.strip().splitlines())
def test_each_step_moves_the_money_of_its_rule(step):
    state, event, role, about, effects = step.split()
    facts = Facts(is_card=True)
    for word in about.split(","):
        facts = msgspec.structs.replace(facts, **ABOUT[word])

    decision = MACHINE.decide(State(state), Event(event), Role(role), facts)

    assert [effect.value for effect in decision.effects] == effects.split(",")


@pytest.mark.parametrize("is_short", [False, True])
def test_money_that_is_in_the_books_is_not_taken_for_new(is_short):
    decision = MACHINE.decide(
        State.FUNDING, Event.PI_SUCCEEDED, STRIPE, Facts(is_card=True, is_short=is_short)
    )

    assert decision.facts.intent is Intent.POSTED
    assert decision.facts.has_refund == is_short


@pytest.mark.parametrize("verdict", Verdict)
def test_a_verdict_ends_the_dispute_and_needs_one(verdict):
    facts = Facts(verdict=verdict, has_dispute=True)
    decision = MACHINE.decide(State.FROZEN, Event.DISPUTE_DECIDED, Role.ADMIN, facts)

    assert not decision.facts.has_dispute
    assert decision.facts.has_refund == (verdict is not Verdict.HUNTER)
    for missing, code in (
        (Facts(verdict=verdict), "INVALID_TRANSITION"),
        (Facts(verdict=verdict, has_dispute=True, has_chargeback=True), "chargeback_open"),
    ):
        with pytest.raises(Conflict) as refused:
            MACHINE.decide(State.FROZEN, Event.DISPUTE_DECIDED, Role.ADMIN, missing)
        assert refused.value.error_code == code


def test_a_dispute_about_money_that_is_frozen_already_is_remembered():
    charged = Facts(has_chargeback=True)
    first = MACHINE.decide(State.FROZEN, Event.DISPUTE_OPEN, BOUNTY, charged)
    second = MACHINE.decide(State.FROZEN, Event.DISPUTE_OPEN, BOUNTY, first.facts)

    assert (first.outcome, second.outcome) == (Outcome.MOVE, Outcome.REPEAT)
    assert first.facts == Facts(has_chargeback=True, has_dispute=True)


def test_closing_a_dispute_twice_is_closing_it_once():
    first = MACHINE.decide(State.FROZEN, Event.DISPUTE_CLOSED, BOUNTY, Facts(has_dispute=True))
    second = MACHINE.decide(first.state, Event.DISPUTE_CLOSED, BOUNTY, first.facts)

    assert (first.state, first.facts) == (State.HELD, Facts())
    assert second.outcome is Outcome.REPEAT


@pytest.mark.parametrize("event", [Event.PI_FAILED, Event.PI_CANCELED])
def test_the_failure_of_an_earlier_intent_does_not_end_this_round(event):
    decision = MACHINE.decide(State.FUNDING, event, STRIPE, Facts(intent=Intent.STRAY))

    assert (decision.state, decision.outcome) == (State.FUNDING, Outcome.IGNORE)


@pytest.mark.parametrize("is_part", [False, True])
def test_what_was_given_back_can_fail_to_arrive(is_part):
    given = MACHINE.decide(State.HELD, Event.REFUND, BOUNTY, Facts(is_part=is_part))
    by_itself = MACHINE.decide(State.REFUNDED, Event.PI_SUCCEEDED, STRIPE, Facts())

    assert given.facts.has_refund
    assert by_itself.facts.has_refund


# The old app takes a refused release for a payment when its text matches this (money §2.2).
TAKEN_FOR_PAID = re.compile(r"already (released|refunded)|duplicate", re.IGNORECASE)


def test_no_refusal_is_taken_for_a_payment():
    texts = {rule.refusal.message for rule in MACHINE.rules if rule.refusal is not None}
    for state, event, role, facts in questions(MACHINE):
        try:
            MACHINE.decide(state, event, role, facts)
        except BountyExpoError as refusal:
            texts.add(refusal.message)

    assert "The escrow was returned to the poster." in texts
    assert not [text for text in texts if TAKEN_FOR_PAID.search(text)]
