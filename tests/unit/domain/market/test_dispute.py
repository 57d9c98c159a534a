"""Disputes: their timers, their decisions, and appeals that never settle twice."""

from __future__ import annotations

import pytest
from bountyexpo.domain.machine import Outcome, Role
from bountyexpo.domain.market.bounty import Parties
from bountyexpo.domain.market.dispute import (
    AUTO_CLOSE_S,
    DECIDED,
    ESCALATE_S,
    MACHINE,
    Effect,
    Event,
    Facts,
    Status,
    role_of,
)
from bountyexpo.errors import BountyExpoError, Conflict, InvalidRequest

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


def test_an_old_dispute_is_escalated_once_and_an_admin_may_do_so_at_any_time():
    for state in (Status.OPEN, Status.UNDER_REVIEW):
        old = decide(state, Event.ESCALATE, TIMER, is_overdue=True)
        by_hand = decide(state, Event.ESCALATE, ADMIN)
        again = decide(state, Event.ESCALATE, TIMER, is_overdue=True, is_escalated=True)

        assert old.state is by_hand.state is Status.UNDER_REVIEW
        assert (old.facts.is_escalated, again.outcome) == (True, Outcome.IGNORE)


def test_what_was_said_is_kept_once_and_room_has_an_end():
    known = decide(Status.CLOSED, Event.ANSWER, SIDE, is_known=True)

    assert known.outcome is Outcome.REPEAT
    with pytest.raises(Conflict, match="cannot add more"):
        decide(Status.OPEN, Event.ANSWER, SIDE, has_room=False)


@pytest.mark.parametrize(
    ("user", "role"),
    [
        ("poster", Role.REQUESTER),
        ("hunter", Role.RESPONDER),
        ("judge", Role.OTHER),
        (None, Role.OTHER),
    ],
)
def test_the_sides_are_who_opened_it_and_the_other(user, role):
    parties = Parties(poster_id="poster", hunter_id="hunter")

    assert role_of(user, ("poster", "hunter"), parties) is role
    # Who was let go stays a side, and nobody of the two has opened one of the service's.
    assert role_of("hunter", ("poster", "hunter"), Parties(poster_id="poster")) is Role.RESPONDER
    assert role_of("poster", (None, None), parties) is Role.RESPONDER


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
    waiting = decide(
        Status.RESOLVED, Event.APPEAL_WINDOW_OVER, TIMER, has_open_appeal=True, is_final=True
    )
    early = decide(Status.RESOLVED, Event.APPEAL_WINDOW_OVER, TIMER)
    over = decide(Status.RESOLVED, Event.APPEAL_WINDOW_OVER, TIMER, is_final=True)

    assert waiting.outcome is early.outcome is Outcome.IGNORE
    assert over.state is Status.CLOSED


def test_a_side_appeals_once():
    assert decide(Status.RESOLVED, Event.APPEAL, SIDE, has_appealed=True).outcome is Outcome.REPEAT


def test_a_chargeback_that_is_over_is_not_opened_by_a_late_word():
    won = decide(None, Event.CHARGEBACK_WON, STRIPE)
    late = MACHINE.decide(won.state, Event.CHARGEBACK_OPENED, STRIPE, won.facts)

    assert (won.state, late.outcome) == (Status.RESOLVED_WON, Outcome.IGNORE)
