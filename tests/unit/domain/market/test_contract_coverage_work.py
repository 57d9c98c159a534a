"""Every step of an application, of work and of a cancellation in the contract has its rule.

The contract tells these beside the bounty's rows (rest-core §2.4 to §2.6, §3.2) and gives their
statuses (data-model B.13). A line that no rule follows, or that leads elsewhere there, fails here.
"""

from __future__ import annotations

import pytest
from bountyexpo.domain.machine import Role

from tests.unit.domain.machines import (
    APPLICATION,
    CANCELLATION,
    COMPLETION,
    MACHINES,
    moves_of,
    questions,
    states_of,
)

STATUSES = {
    "application": "pending accepted rejected withdrawn",
    # What is stored of a submission, and what is true before there is one.
    "completion": "pending revision_requested approved rejected none ready",
    "cancellation": "pending accepted rejected withdrawn disputed",
}

# Row, from ("-" is not yet), event, who, to.
APPLICATION_STEPS = """
T4 - apply applicant pending
T4 rejected,withdrawn apply applicant pending
T5 pending withdraw applicant withdrawn
T6 pending reject poster rejected
T7 pending accept poster accepted
T7 pending close system rejected
T29 accepted release system withdrawn
"""
COMPLETION_STEPS = """
T12 none ready hunter ready
T13 none,ready submit hunter pending
T14 pending request_revision poster revision_requested
T15 revision_requested submit hunter pending
T16 pending approve poster approved
T24 none,ready,revision_requested approve admin approved
T25 none,ready,pending,revision_requested reject admin rejected
T29 none,ready,pending,revision_requested reset system none
"""
CANCELLATION_STEPS = """
T18 - request requester pending
T18 rejected,withdrawn request requester pending
T20 pending accept responder accepted
T21 pending reject responder rejected
T22 pending withdraw requester withdrawn
T23 pending dispute requester,responder disputed
T24 disputed resolve_completed admin rejected
T25 disputed resolve_cancelled admin accepted
T26 disputed reopen system pending
"""
STEPS = [
    (machine, *line.split())
    for machine, lines in (
        (APPLICATION, APPLICATION_STEPS),
        (COMPLETION, COMPLETION_STEPS),
        (CANCELLATION, CANCELLATION_STEPS),
    )
    for line in lines.strip().splitlines()
]


@pytest.mark.parametrize(
    ("machine", "row", "sources", "event", "roles", "target"),
    STEPS,
    ids=lambda part: getattr(part, "name", part),
)
def test_each_step_of_the_contract_has_its_rule(machine, row, sources, event, roles, target):
    for source in sources.split(","):
        state = None if source == "-" and machine.start is None else machine.states(source)
        for role in roles.split(","):
            moves = moves_of(machine, state, machine.events(event), Role(role))
            stays = state is not None and state.value == target
            assert (row, target) in moves or (stays and moves), (source, role)


@pytest.mark.parametrize("name", STATUSES)
def test_the_statuses_are_those_of_the_contract(name):
    assert {state.value for state in MACHINES[name].states} == set(STATUSES[name].split())


@pytest.mark.parametrize("row", ["T9 T19"])
def test_a_cancellation_that_nobody_must_agree_to_is_accepted_at_once(row):
    moves = moves_of(CANCELLATION, None, CANCELLATION.events.REQUEST, Role.REQUESTER)

    assert (row, "accepted") in moves


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_every_event_of_every_machine_can_bring_something_about(machine):
    moving = {rule.event for rule in machine.rules if rule.brings_about}

    assert moving == set(machine.events)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_the_questions_of_the_other_tests_are_all_there_are(machine):
    asked = {(state, event, role) for state, event, role, _ in questions(machine)}
    every = {
        (state, event, role)
        for state in states_of(machine)
        for event in machine.events
        for role in machine.roles
    }

    assert asked == every
