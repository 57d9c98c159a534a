"""The engine, and what is true of every table that it runs."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from enum import StrEnum
from itertools import product

import msgspec
import pytest
from bountyexpo.domain.machine import Decision, Guard, Machine, Outcome, Refusal, Role, Rule
from bountyexpo.errors import (
    BountyExpoError,
    Conflict,
    IllegalTransition,
    NotAllowed,
    NotFound,
    RateLimited,
)

from tests.unit.domain.machines import MACHINES, facts_for, questions


class Gate(StrEnum):
    OPEN = "open"
    SHUT = "shut"


class Push(StrEnum):
    BUILD = "build"
    CLOSE = "close"
    RING = "ring"


class Bell(StrEnum):
    SOUND = "sound"
    LIGHT = "light"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    is_clear: bool = True
    is_dark: bool = False
    bells: int = 0


IS_CLEAR = Guard("nobody stands in it", "is_clear", refusal=Refusal("Mind the gap.", "BLOCKED"))
IS_DARK = Guard("it is dark", "is_dark")

GATE = Machine(
    name="gate",
    noun="gate",
    states=Gate,
    events=Push,
    roles=(Role.OWNER, Role.OTHER, Role.ADMIN),
    facts=Facts,
    rules=(
        Rule("D1", (None,), Push.BUILD, (Role.OWNER,), Gate.OPEN),
        Rule(
            "D2",
            (Gate.OPEN,),
            Push.CLOSE,
            (Role.OWNER,),
            Gate.SHUT,
            require=(IS_CLEAR,),
            effects=(Bell.SOUND, Bell.LIGHT),
            sets={"bells": 1},
        ),
        Rule("D3", (Gate.SHUT,), Push.CLOSE, (Role.OWNER,), outcome=Outcome.REPEAT),
        Rule(
            "D4",
            (Gate.SHUT,),
            Push.RING,
            (Role.OTHER,),
            when=(IS_DARK,),
            refusal=Refusal("Not now.", error=RateLimited, retry_after=60),
        ),
        Rule("D4", (Gate.SHUT,), Push.RING, (Role.OTHER,), effects=(Bell.SOUND,)),
    ),
    terminal=frozenset({Gate.SHUT}),
    sentences=dict.fromkeys(Push, "Only the owner can do this."),
    conditions={Bell.LIGHT: IS_DARK},
)


def test_a_decision_says_state_facts_and_effects():
    decision = GATE.decide(Gate.OPEN, Push.CLOSE, Role.OWNER, Facts())

    assert decision == Decision(
        row="D2",
        source=Gate.OPEN,
        state=Gate.SHUT,
        facts=Facts(bells=1),
        outcome=Outcome.MOVE,
        effects=(Bell.SOUND,),
    )
    assert decision.is_move


def test_a_conditional_effect_happens_only_where_its_guard_holds():
    decision = GATE.decide(Gate.OPEN, Push.CLOSE, Role.OWNER, Facts(is_dark=True))

    assert decision.effects == (Bell.SOUND, Bell.LIGHT)


def test_a_repeat_changes_nothing():
    decision = GATE.decide(Gate.SHUT, Push.CLOSE, Role.OWNER, Facts())

    assert decision.outcome is Outcome.REPEAT
    assert not decision.is_move
    assert (decision.state, decision.effects) == (Gate.SHUT, ())


def test_an_unmet_requirement_is_told_with_its_code_and_the_present_state():
    with pytest.raises(Conflict, match="Mind the gap") as refused:
        GATE.decide(Gate.OPEN, Push.CLOSE, Role.OWNER, Facts(is_clear=False))

    assert refused.value.error_code == "BLOCKED"
    assert refused.value.fields == {"currentStatus": "open"}


def test_a_rule_may_refuse_in_its_own_words():
    with pytest.raises(RateLimited) as refused:
        GATE.decide(Gate.SHUT, Push.RING, Role.OTHER, Facts(is_dark=True))

    assert refused.value.retry_after_s == 60
    assert refused.value.fields == {}


def test_a_step_of_others_is_not_allowed():
    with pytest.raises(NotAllowed, match="Only the owner"):
        GATE.decide(Gate.OPEN, Push.CLOSE, Role.OTHER, Facts())


def test_what_does_not_exist_is_not_found():
    with pytest.raises(NotFound):
        GATE.decide(None, Push.CLOSE, Role.OWNER, Facts())


def test_a_step_that_the_state_does_not_know_says_what_is_possible():
    with pytest.raises(IllegalTransition, match="while the gate is open") as refused:
        GATE.decide(Gate.OPEN, Push.RING, Role.OTHER, Facts())
    with pytest.raises(IllegalTransition) as to_owner:
        GATE.decide(Gate.OPEN, Push.BUILD, Role.OWNER, Facts())

    assert refused.value.fields == {"currentStatus": "open", "allowed": []}
    assert to_owner.value.fields == {"currentStatus": "open", "allowed": ["close"]}


def test_what_a_guard_forbids_is_not_offered():
    assert GATE.allowed(Gate.OPEN, Role.OWNER, Facts(is_clear=False)) == []


@pytest.mark.parametrize(
    "rule",
    [
        Rule("unknown fact", (Gate.OPEN,), Push.RING, (Role.OWNER,), when=(Guard("x", "x"),)),
        Rule(
            "unknown demand",
            (Gate.OPEN,),
            Push.RING,
            (Role.OWNER,),
            require=(Guard("x", "x", refusal=Refusal("No.")),),
        ),
        Rule(
            "one unknown among known",
            (Gate.OPEN,),
            Push.RING,
            (Role.OWNER,),
            sets={"bells": 1, "is_dark": True, "is_clear": True, "x": 1},
        ),
        Rule(
            "no refusal for one of two",
            (Gate.OPEN,),
            Push.RING,
            (Role.OWNER,),
            require=(IS_CLEAR, IS_DARK),
        ),
        Rule("nothing stays, nor comes", (Gate.OPEN, None), Push.RING, (Role.OWNER,)),
        Rule("unknown change", (Gate.OPEN,), Push.RING, (Role.OWNER,), sets={"x": 1}),
        Rule("no refusal", (Gate.OPEN,), Push.RING, (Role.OWNER,), require=(IS_DARK,)),
        Rule("nothing stays", (None,), Push.RING, (Role.OWNER,)),
    ],
    ids=lambda rule: rule.row,
)
def test_a_table_that_says_nonsense_is_refused(rule):
    with pytest.raises(AssertionError):
        gate_with(rule)


def gate_with(*rules, sentences=None):
    return Machine(
        name="gate",
        noun="gate",
        states=Gate,
        events=Push,
        roles=(Role.OWNER,),
        facts=Facts,
        rules=rules,
        terminal=frozenset(),
        sentences=dict.fromkeys(Push, "") if sentences is None else sentences,
    )


@pytest.mark.parametrize(
    "sentences",
    [dict.fromkeys((Push.BUILD, Push.CLOSE), ""), dict.fromkeys((*Push, Gate.OPEN), ""), {}],
)
def test_a_table_that_does_not_say_who_may_do_what_is_refused(sentences):
    with pytest.raises(AssertionError):
        gate_with(sentences=sentences)


def test_a_rule_may_look_at_every_fact_and_change_every_one():
    guards = tuple(Guard(name, name, (True, False, 0)) for name in Facts.__struct_fields__)
    changes = {"is_clear": False, "is_dark": True, "bells": 9}
    rule = Rule("all", (Gate.OPEN,), Push.RING, (Role.OWNER,), when=guards, sets=changes)

    decision = gate_with(rule).decide(Gate.OPEN, Push.RING, Role.OWNER, Facts())

    assert decision.facts == Facts(**changes)


def test_what_is_refused_where_there_is_nothing_needs_no_target():
    rule = Rule("no", (None,), Push.RING, (Role.OWNER,), refusal=Refusal("There is no gate."))

    with pytest.raises(Conflict, match="There is no gate"):
        gate_with(rule).decide(None, Push.RING, Role.OWNER, Facts())


def test_a_table_says_who_waits_for_an_event_and_whom_it_is_for():
    assert GATE.moved_by(Push.CLOSE) == (Gate.OPEN,)
    assert GATE.moved_by(Push.RING) == (Gate.SHUT,)
    assert GATE.moved_by(Push.BUILD) == ()
    assert GATE.is_for(Push.BUILD, Role.OWNER)
    assert not GATE.is_for(Push.BUILD, Role.OTHER)
    assert not GATE.is_for(Push.CLOSE, Role.OTHER)


every_machine = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)


@every_machine
def test_every_state_event_and_role_gives_a_decision_or_a_named_refusal(machine):
    for question in questions(machine):
        _check_answer(machine, *question)


def _check_answer(machine, state, event, role, facts):
    is_offered = event.value in machine.allowed(state, role, facts)
    try:
        decision = machine.decide(state, event, role, facts)
    except BountyExpoError as error:
        refusal = error
    else:
        assert decision.state in machine.states
        assert decision.is_move == is_offered
        assert decision.is_move or (decision.state, decision.facts) == (state, facts)
        assert not (decision.outcome in {Outcome.REPEAT, Outcome.IGNORE} and decision.effects)
        return
    assert refusal.status < 500
    assert not is_offered
    _check_text(refusal)
    if isinstance(refusal, IllegalTransition):
        assert refusal.fields["currentStatus"] == state
        possible = machine.allowed(state, role, machine.well_said(facts))
        assert refusal.fields["allowed"] == possible


def _check_text(refusal):
    """The app masks texts with these words (rest-core §4.2)."""
    assert refusal.message.endswith(".")
    assert not {"network", "timeout", "payment", "jwt"} & set(refusal.message.lower().split())


@every_machine
def test_every_rule_answers_something(machine):
    used = set()
    for state, event, role, facts in questions(machine):
        rules = machine.rules_for(state, event, role)
        used.add(id(next((rule for rule in rules if rule.applies(facts)), None)))

    shadowed = [rule for rule in machine.rules if id(rule) not in used]

    assert shadowed == []


@every_machine
def test_no_step_of_a_user_leaves_a_terminal_state_but_by_a_named_row(machine):
    left = {
        (source.value, rule.event.value)
        for rule in machine.rules
        for source in rule.sources
        if source in machine.terminal
        and rule.target not in {None, *machine.terminal}
        and rule.refusal is None
    }

    assert left <= LEAVING_THE_END.get(machine.name, set())


# Where an end is left for a state that is not one: applying again, a bounty posted anew, and
# money that comes or goes after all.
LEAVING_THE_END = {
    "application": {("rejected", "apply"), ("withdrawn", "apply")},
    "cancellation": {("rejected", "request"), ("withdrawn", "request")},
    "escrow": {
        ("refunded", "fund_wallet"),
        ("refunded", "fund_card"),
        ("refunded", "pi_succeeded"),
        ("refunded", "refund_failed"),
    },
    "payment": {("canceled", "create"), ("failed", "create")},
    "withdrawal": {("paid", "payout_failed")},
    "connect_account": {("payouts_enabled", "told"), ("payouts_enabled", "deauthorized")},
}


@every_machine
def test_from_every_reachable_state_an_end_can_be_reached(machine):
    arrows = _explore(machine)
    ends = {node for node in arrows if node[0] in machine.terminal}
    backwards = defaultdict(set)
    for node, targets in arrows.items():
        for target in targets:
            backwards[target].add(node)

    alive, todo = set(ends), list(ends)
    while todo:
        for source in backwards[todo.pop()] - alive:
            alive.add(source)
            todo.append(source)

    assert {state for state, _ in arrows} == {*machine.states, machine.start}
    assert set(arrows) - alive == set()


# Facts that a rule sets, but that depend on who asks, or that lead nowhere.
FREE = {"is_requester", "is_hidden", "has_rated", "has_appealed", "is_expiry_noticed", "is_idle"}


def _explore(machine):
    """Return every reachable pair of state and overlays, and where each can go."""
    overlays = {name for rule in machine.rules for name in rule.sets} - FREE
    inputs = set(machine.facts.__struct_fields__) - overlays
    start = (machine.start, machine.facts())
    arrows, todo = {}, [start]
    while todo:
        node = todo.pop()
        if node not in arrows:
            arrows[node] = _targets(machine, node, inputs)
            todo += arrows[node]
    return arrows


def _targets(machine, node, inputs):
    state, known = node
    steps = (
        (event, role, facts)
        for event, role in product(machine.events, machine.roles)
        for facts in facts_for(machine, state, event, role, known, inputs)
    )
    # What was said about one step is forgotten after it.
    forgotten = {name: getattr(known, name) for name in inputs}
    found = set()
    for step in steps:
        with suppress(BountyExpoError):
            decision = machine.decide(state, *step)
            found.add((decision.state, msgspec.structs.replace(decision.facts, **forgotten)))
    return found
