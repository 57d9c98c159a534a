"""A withdrawal: a saga that never gives money back on a guess."""

from __future__ import annotations

import pytest
from bountyexpo.domain.machine import Outcome, Role
from bountyexpo.domain.money.withdrawal import Effect, Event, Facts, Status
from bountyexpo.domain.money.withdrawal_rules import MACHINE
from bountyexpo.errors import BountyExpoError, Conflict

STRIPE, OWNER, ADMIN, TIMER = Role.PROVIDER, Role.OWNER, Role.ADMIN, Role.TIMER
SENT = (Event.TRANSFER_MADE, Event.PAYOUT_MADE)


def follow(*events, facts=None):
    """Request a withdrawal, then let the provider say these."""
    decision = MACHINE.decide(None, Event.REQUEST, OWNER, facts or Facts())
    effects = [*decision.effects]
    for event in events:
        decision = MACHINE.decide(decision.state, event, STRIPE, decision.facts)
        effects += decision.effects
    return decision, effects


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"is_blocked": True}, "balance_frozen"),
        ({"is_onboarded": False}, "connect_not_onboarded"),
        ({"has_one_in_flight": True}, "withdrawal_in_progress"),
        ({"has_funds": False}, "insufficient_balance"),
    ],
)
def test_a_request_is_refused_with_its_code(facts, code):
    with pytest.raises(BountyExpoError) as refused:
        MACHINE.decide(None, Event.REQUEST, OWNER, Facts(**facts))

    assert refused.value.error_code == code


def test_the_way_to_the_bank():
    decision, effects = follow(*SENT, Event.PAID)

    assert decision.state is Status.PAID
    assert [effect for effect in effects if effect.value.startswith("post")] == [
        Effect.POST_REQUESTED,
        Effect.POST_TRANSFERRED,
        Effect.POST_PAID,
    ]


def test_an_unknown_transfer_credits_nothing_and_is_asked_for_again():
    decision, effects = follow(*[Event.TRANSFER_UNKNOWN] * 10)
    replayed = MACHINE.decide(decision.state, Event.REPLAY, TIMER, decision.facts)

    assert decision.state is Status.REQUESTED
    assert Effect.POST_VOID not in effects
    assert replayed.effects == (Effect.REPLAY_STEP,)


def test_an_instant_payout_that_is_refused_falls_back():
    decision, effects = follow(
        Event.TRANSFER_MADE, Event.PAYOUT_REFUSED, facts=Facts(is_instant=True)
    )

    assert decision.state is Status.TRANSFERRED
    assert Effect.MAKE_STANDARD_PAYOUT in effects
    assert not decision.facts.is_instant


def test_a_failed_payout_is_credited_only_once_it_was_reversed():
    failed, before = follow(*SENT, Event.PAYOUT_FAILED)
    reversed_, after = follow(*SENT, Event.PAYOUT_FAILED, Event.REVERSED)

    assert (failed.state, reversed_.state) == (Status.REVERSING, Status.REVERSED)
    assert Effect.POST_REVERSED not in before
    assert after.count(Effect.POST_REVERSED) == 1


def test_a_late_answer_to_the_payout_is_not_taken_for_the_reversal():
    decision, effects = follow(Event.TRANSFER_MADE, Event.PAYOUT_FAILED, Event.PAYOUT_MADE)

    assert decision.state is Status.REVERSING
    assert Effect.POST_REVERSED not in effects


def test_a_reversal_that_is_refused_waits_for_people():
    stuck, effects = follow(*SENT, Event.PAYOUT_FAILED, Event.REVERSAL_REFUSED)
    replay = MACHINE.decide(stuck.state, Event.REPLAY, TIMER, stuck.facts)
    settled = MACHINE.decide(stuck.state, Event.ADMIN_SETTLE, ADMIN, stuck.facts)

    assert stuck.facts.is_stuck
    assert Effect.RECORD_FINDING in effects
    assert replay.outcome is Outcome.IGNORE
    assert settled.state is Status.MANUALLY_PAID


def test_money_that_the_bank_returns_goes_back_through_the_reversal():
    returned, effects = follow(*SENT, Event.PAID, Event.PAYOUT_FAILED)
    old_word = MACHINE.decide(returned.state, Event.PAID, STRIPE, returned.facts)

    assert returned.state is Status.REVERSING
    assert Effect.POST_RETURNED in effects
    assert old_word.outcome is Outcome.IGNORE


def test_a_transfer_after_a_refusal_is_money_too_many():
    _, effects = follow(Event.TRANSFER_REFUSED, Event.TRANSFER_MADE)

    assert effects[-2:] == [Effect.RECORD_FINDING, Effect.MAKE_REVERSAL]


def test_what_was_told_before_changes_nothing():
    decision, _ = follow(*SENT)

    again = MACHINE.decide(decision.state, Event.PAID, STRIPE, Facts(is_known=True))

    assert again.outcome is Outcome.IGNORE


def test_only_what_came_back_can_be_tried_again():
    with pytest.raises(Conflict):
        MACHINE.decide(Status.PAID, Event.RETRY, OWNER, Facts())
    retried = MACHINE.decide(Status.VOID, Event.RETRY, OWNER, Facts())
    assert (retried.state, retried.effects) == (Status.VOID, (Effect.START_RETRY,))
