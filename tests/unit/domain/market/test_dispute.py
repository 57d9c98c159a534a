"""Disputes: their timers, their decisions, and appeals that never settle twice."""

from __future__ import annotations

import pytest
from bountyexpo.domain.machine import Outcome, Role
from bountyexpo.domain.market.dispute import (
    AUTO_CLOSE_S,
    DECIDED,
    ESCALATE_S,
    MACHINE,
    Effect,
    Event,
    Facts,
    Status,
)
from bountyexpo.errors import BountyExpoError, InvalidRequest

SIDE, ADMIN, TIMER, STRIPE = Role.REQUESTER, Role.ADMIN, Role.TIMER, Role.PROVIDER
SETTLING = {Effect.DECIDE_HUNTER, Effect.DECIDE_POSTER, Effect.DECIDE_SPLIT}


def decide(state, event, role, **facts):
    return MACHINE.decide(state, event, role, Facts(**facts))


def test_opening_freezes_and_starts_both_timers():
    decision = decide(None, Event.OPEN, SIDE)

    assert Effect.FREEZE_ESCROW in decision.effects
    assert {timer.event: timer.after_s for timer in decision.timers} == {
        Event.AUTO_CLOSE: AUTO_CLOSE_S,
        Event.ESCALATE: ESCALATE_S,
    }
    assert (AUTO_CLOSE_S, ESCALATE_S) == (7 * 86_400, 14 * 86_400)


def test_a_dispute_closes_itself_only_when_nobody_has_answered():
    idle = decide(Status.OPEN, Event.AUTO_CLOSE, TIMER, is_idle=True)
    answered = decide(Status.OPEN, Event.AUTO_CLOSE, TIMER)
    reviewed = decide(Status.UNDER_REVIEW, Event.AUTO_CLOSE, TIMER, is_idle=True)

    assert idle.state is Status.CLOSED
    assert Effect.CLOSE_DISPUTE in idle.effects
    assert answered.outcome is reviewed.outcome is Outcome.IGNORE


def test_an_answer_starts_the_week_anew():
    decision = decide(Status.OPEN, Event.ANSWER, Role.RESPONDER, is_idle=True)

    assert not decision.facts.is_idle
    assert [timer.event for timer in decision.timers] == [Event.AUTO_CLOSE]


def test_a_decision_must_name_parts_that_sum_to_the_escrow():
    with pytest.raises(InvalidRequest):
        decide(Status.UNDER_REVIEW, Event.RESOLVE_SPLIT, ADMIN, is_whole=False)


@pytest.mark.parametrize("state", DECIDED)
def test_nothing_after_a_decision_settles_again(state):
    for event in MACHINE.events:
        for role in MACHINE.roles:
            for has_open_appeal in (False, True):
                effects = _effects(state, event, role, has_open_appeal)
                assert not SETTLING & effects


def _effects(state, event, role, has_open_appeal):
    try:
        return set(decide(state, event, role, has_open_appeal=has_open_appeal).effects)
    except BountyExpoError:
        return set()


def test_an_appeal_that_succeeds_is_put_right_by_an_adjustment():
    appealed = decide(Status.RESOLVED_HUNTER_WINS, Event.APPEAL, SIDE)
    upheld = MACHINE.decide(appealed.state, Event.UPHOLD_FOR_POSTER, ADMIN, appealed.facts)

    assert upheld.state is Status.RESOLVED_POSTER_WINS
    assert Effect.CORRECT_BY_ADJUSTMENT in upheld.effects
    assert not upheld.facts.has_open_appeal


def test_an_open_appeal_keeps_the_window_open():
    waiting = decide(Status.RESOLVED, Event.APPEAL_WINDOW_OVER, TIMER, has_open_appeal=True)
    over = decide(Status.RESOLVED, Event.APPEAL_WINDOW_OVER, TIMER)

    assert (waiting.outcome, over.state) == (Outcome.IGNORE, Status.CLOSED)


def test_a_side_appeals_once():
    assert decide(Status.RESOLVED, Event.APPEAL, SIDE, has_appealed=True).outcome is Outcome.REPEAT


def test_a_chargeback_that_is_over_is_not_opened_by_a_late_word():
    won = decide(None, Event.CHARGEBACK_WON, STRIPE)
    late = MACHINE.decide(won.state, Event.CHARGEBACK_OPENED, STRIPE, won.facts)

    assert (won.state, late.outcome) == (Status.RESOLVED_WON, Outcome.IGNORE)
