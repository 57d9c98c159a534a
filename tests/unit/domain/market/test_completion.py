"""The work: handed in, sent back, handed in again, approved."""

from __future__ import annotations

import pytest
from bountyexpo.domain.machine import Outcome, Role
from bountyexpo.domain.market.completion import MACHINE, Effect, Event, Facts, State
from bountyexpo.errors import Conflict, InvalidRequest


def test_work_goes_round_until_it_is_approved():
    state = State.NONE
    for event, role in (
        (Event.READY, Role.HUNTER),
        (Event.SUBMIT, Role.HUNTER),
        (Event.REQUEST_REVISION, Role.POSTER),
        (Event.SUBMIT, Role.HUNTER),
        (Event.APPROVE, Role.POSTER),
    ):
        decision = MACHINE.decide(state, event, role, Facts())
        assert decision.is_move
        state = decision.state

    assert state is State.APPROVED


def test_handing_in_twice_is_handing_in_once():
    decision = MACHINE.decide(State.PENDING, Event.SUBMIT, Role.HUNTER, Facts())

    assert (decision.outcome, decision.effects) == (Outcome.REPEAT, ())


def test_a_revision_needs_feedback_and_is_counted():
    decision = MACHINE.decide(State.PENDING, Event.REQUEST_REVISION, Role.POSTER, Facts())

    assert Effect.COUNT_REVISION in decision.effects
    with pytest.raises(InvalidRequest):
        MACHINE.decide(
            State.PENDING, Event.REQUEST_REVISION, Role.POSTER, Facts(has_feedback=False)
        )


def test_what_was_sent_back_cannot_be_approved_but_by_an_admin():
    with pytest.raises(Conflict):
        MACHINE.decide(State.REVISION_REQUESTED, Event.APPROVE, Role.POSTER, Facts())
    decision = MACHINE.decide(State.REVISION_REQUESTED, Event.APPROVE, Role.ADMIN, Facts())
    assert decision.row == "T24"
