"""An application: one row for each hunter, which may wait again."""

from __future__ import annotations

import pytest
from bountyexpo.domain.machine import Outcome, Role
from bountyexpo.domain.market.application import MACHINE, Event, Facts, Status
from bountyexpo.errors import Conflict, NotFound


def test_a_second_application_is_refused_while_the_first_lives():
    for status in (Status.PENDING, Status.ACCEPTED):
        with pytest.raises(Conflict) as refused:
            MACHINE.decide(status, Event.APPLY, Role.APPLICANT, Facts())
        assert refused.value.error_code == "ALREADY_APPLIED"


def test_what_waits_is_rejected_when_another_is_accepted():
    decision = MACHINE.decide(Status.PENDING, Event.CLOSE, Role.SYSTEM, Facts())

    assert decision.state is Status.REJECTED


@pytest.mark.parametrize("status", [Status.WITHDRAWN, Status.REJECTED])
def test_what_was_decided_stays_when_another_is_accepted(status):
    decision = MACHINE.decide(status, Event.CLOSE, Role.SYSTEM, Facts())

    assert (decision.state, decision.outcome) == (status, Outcome.IGNORE)


def test_a_repost_lets_the_vanished_hunter_go():
    decision = MACHINE.decide(Status.ACCEPTED, Event.RELEASE, Role.SYSTEM, Facts())

    assert decision.state is Status.WITHDRAWN


def test_an_unknown_application_is_not_found():
    with pytest.raises(NotFound):
        MACHINE.decide(None, Event.ACCEPT, Role.POSTER, Facts())
