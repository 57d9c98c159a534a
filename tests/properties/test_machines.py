"""Random lives on the pure machines, with repeats, late words and every order."""

from __future__ import annotations

from contextlib import suppress
from functools import cache

import msgspec
import pytest
from bountyexpo.domain.machine import Outcome, Role
from bountyexpo.domain.market import bounty
from bountyexpo.domain.money import escrow, payment, withdrawal
from bountyexpo.errors import BountyExpoError, Conflict, NotAllowed, NotFound
from hypothesis import given
from hypothesis import strategies as st

from tests.repetition import tried
from tests.unit.domain.machines import BOUNTY, ESCROW, MACHINES, PAYMENT, WITHDRAWAL, values_of

WORDS = 60


def numbers(data):
    return [int.from_bytes(data[at : at + 8], "big") for at in range(0, len(data), 8)]


# Each number picks a step that the present state has rules for, and the facts it is about. Short
# lives find what is near the beginning, long ones what comes of hundreds of steps.
CHANCES = (
    st.sampled_from((10, 60, 400))
    .flatmap(lambda steps: st.binary(min_size=8 * steps, max_size=8 * steps))
    .map(numbers)
)


@cache
def steps_at(name, state):
    """Every event with every role for which this state has a rule."""
    machine = MACHINES[name]
    pairs = [(event, role) for event in machine.events for role in machine.roles]
    return [pair for pair in pairs if machine.rules_for(state, *pair)]


def walk(machine, state, chances):
    """Return the next step, and the chances that are left for its facts."""
    found = steps_at(machine.name, state)
    return (*found[chances % len(found)], chances // len(found))


def chosen(machine, known, names, chances):
    """Return ``known`` with these facts chosen by chance."""
    values = {}
    for name in names:
        found = values_of(machine, name)
        values[name] = found[chances % len(found)]
        chances //= len(found)
    return msgspec.structs.replace(known, **values)


@pytest.mark.parametrize("name", MACHINES)
@given(life=CHANCES)
@tried(40)
def test_no_life_leaves_the_table_and_the_same_question_has_one_answer(name, life):
    machine = MACHINES[name]
    arrows = {(source, rule.target or source) for rule in machine.rules for source in rule.sources}
    kept = {fact for rule in machine.rules for fact in rule.sets}
    free = sorted(set(machine.facts.__struct_fields__) - kept)
    state, facts = machine.start, machine.facts()

    for chances in life:
        event, role, rest = walk(machine, state, chances)
        facts = chosen(machine, facts, free, rest)
        try:
            decision = machine.decide(state, event, role, facts)
        except BountyExpoError:
            continue
        assert (state, decision.state) in arrows
        assert decision == machine.decide(state, event, role, facts)
        assert decision.outcome is Outcome.MOVE or decision.facts == facts
        state, facts = decision.state, decision.facts


@given(
    words=st.lists(
        st.sampled_from([*payment.ABOUT_ATTEMPT, payment.Event.SUCCEEDED]), max_size=WORDS
    ),
    answer_at=st.integers(0, WORDS),
    data=st.data(),
)
@tried(100)
def test_a_deposit_is_credited_once_if_money_came_and_never_else(words, answer_at, data):
    has_money = payment.Event.SUCCEEDED in words
    told = [*words, *data.draw(st.permutations(words))]
    told.insert(min(answer_at, len(told)), payment.Event.CREATED)
    state, credits_posted, postponed = payment.PaymentStatus.CREATING, 0, []

    while told:
        word = told.pop(0)
        decision = PAYMENT.decide(state, word, Role.PROVIDER, payment.Facts())
        if decision.outcome is Outcome.POSTPONE:
            postponed.append(word)
        credits_posted += decision.effects.count(payment.Effect.POST_DEPOSIT)
        state = decision.state
        if not told and state is not payment.PaymentStatus.CREATING:
            told, postponed = postponed, []

    assert credits_posted == has_money
    assert (state is payment.PaymentStatus.CREDITED) == has_money


# What each effect does to the one price that an escrow can hold.
INTO_ESCROW = {
    escrow.Effect.POST_HOLD: 1,
    escrow.Effect.POST_FUNDED: 1,
    escrow.Effect.REVERSE_POSTING: 1,
    escrow.Effect.POST_RELEASE: -1,
    escrow.Effect.POST_REFUND: -1,
    escrow.Effect.POST_SPLIT: -1,
    escrow.Effect.CONSUME_ESCROW: -1,
    escrow.Effect.RECOVER_FROM_ESCROW: -1,
}
HOLDING = {escrow.State.HELD, escrow.State.FROZEN}


@given(life=CHANCES)
@tried(100)
def test_an_escrow_holds_one_price_or_nothing(life):
    state, facts, balance = escrow.State.NONE, escrow.Facts(), 0

    for chances in life:
        event, role, rest = walk(ESCROW, state, chances)
        facts = chosen(ESCROW, facts, ("verdict", "is_part", "is_known", "is_short"), rest)
        try:
            decision = ESCROW.decide(state, event, role, facts)
        except BountyExpoError:
            continue
        effects = decision.effects
        balance += sum(INTO_ESCROW.get(effect, 0) for effect in effects)
        state, facts = decision.state, decision.facts
        assert balance == (state in HOLDING), (state, effects)


# What each effect moves, from where to where.
FLOWS = {
    withdrawal.Effect.POST_REQUESTED: ("wallet", "flight"),
    withdrawal.Effect.POST_VOID: ("flight", "wallet"),
    withdrawal.Effect.POST_REVERSED: ("flight", "wallet"),
    withdrawal.Effect.POST_PAID: ("flight", "bank"),
    withdrawal.Effect.POST_RETURNED: ("bank", "flight"),
}
IN_FLIGHT = {
    withdrawal.Status.REQUESTED,
    withdrawal.Status.TRANSFERRED,
    withdrawal.Status.PAYOUT_PENDING,
    withdrawal.Status.REVERSING,
}
PLACES = {
    withdrawal.Status.PAID: "bank",
    withdrawal.Status.VOID: "wallet",
    withdrawal.Status.REVERSED: "wallet",
    withdrawal.Status.MANUALLY_PAID: "hand",
}


@given(life=CHANCES)
@tried(100)
def test_the_money_of_a_withdrawal_is_in_exactly_one_place(life):
    state, facts = None, withdrawal.Facts()
    money = {"wallet": 1, "flight": 0, "bank": 0, "hand": 0}

    for chances in life:
        event, role, rest = walk(WITHDRAWAL, state, chances)
        facts = chosen(WITHDRAWAL, facts, ("is_instant", "is_known", "is_debited_again"), rest)
        try:
            decision = WITHDRAWAL.decide(state, event, role, facts)
        except BountyExpoError:
            continue
        for effect in decision.effects:
            source, target = FLOWS.get(effect, ("wallet", "wallet"))
            if effect is withdrawal.Effect.POST_MANUAL:
                source, target = "flight" if state in IN_FLIGHT else "wallet", "hand"
            money[source] -= 1
            money[target] += 1
        state, facts = decision.state, decision.facts
        place = "flight" if state in IN_FLIGHT else PLACES[state]
        assert money == dict.fromkeys(money, 0) | {place: 1}


# How the bounty's decisions reach its escrow; a split is a refund of a part.
TOLD_TO_ESCROW = {
    bounty.Effect.HOLD_ESCROW: (escrow.Event.FUND_WALLET, {}),
    bounty.Effect.RELEASE_ESCROW: (escrow.Event.RELEASE, {"verdict": escrow.Verdict.HUNTER}),
    bounty.Effect.REFUND_ESCROW: (escrow.Event.REFUND, {"verdict": escrow.Verdict.POSTER}),
    bounty.Effect.SPLIT_ESCROW: (
        escrow.Event.REFUND,
        {"verdict": escrow.Verdict.SPLIT, "is_part": True},
    ),
    bounty.Effect.FREEZE_ESCROW: (escrow.Event.DISPUTE_OPEN, {}),
    bounty.Effect.THAW_ESCROW: (escrow.Event.DISPUTE_CLOSED, {}),
}
FINISHED = {
    bounty.Status.COMPLETED,
    bounty.Status.CANCELLED,
    bounty.Status.ARCHIVED,
    bounty.Status.DELETED,
}
PER_CALL = ("application", "is_requester", "stage", "wanted", "is_expired")


class Life:
    """A bounty with its escrow, each following the other."""

    def __init__(self, *, is_paid: bool) -> None:
        self.state = None
        self.facts = bounty.Facts(is_paid=is_paid)
        self.escrow = escrow.State.NONE
        self.escrow_facts = escrow.Facts(is_for_honor=not is_paid)
        self.ends: list[escrow.State] = []

    def step(self, event, role, chances):
        facts = chosen(BOUNTY, self.facts, PER_CALL, chances)
        decision = BOUNTY.decide(self.state, event, role, facts)
        for effect in decision.effects:
            if effect in TOLD_TO_ESCROW:
                self._tell(effect)
        self.state, self.facts = decision.state, decision.facts

    def _tell(self, effect):
        """Carry out an effect on the escrow; a wallet's escrow settles in the same step."""
        event, about = TOLD_TO_ESCROW[effect]
        facts = msgspec.structs.replace(self.escrow_facts, is_part=False)
        facts = msgspec.structs.replace(facts, **about)
        if self.escrow is escrow.State.FROZEN and event in {
            escrow.Event.RELEASE,
            escrow.Event.REFUND,
        }:
            event = escrow.Event.DISPUTE_DECIDED
        self._follow(event, facts)
        if self.escrow in {escrow.State.RELEASING, escrow.State.REFUNDING}:
            self._follow(escrow.Event.SETTLED, self.escrow_facts)
            self.ends.append(self.escrow)

    def _follow(self, event, facts):
        decision = ESCROW.decide(self.escrow, event, Role.SYSTEM, facts)
        assert decision.is_move, (self.escrow, event)
        self.escrow, self.escrow_facts = decision.state, decision.facts


@given(life=CHANCES, is_paid=st.booleans())
@tried(100)
def test_the_escrow_of_a_finished_bounty_is_settled_exactly_once(life, is_paid):
    lived = Life(is_paid=is_paid)
    lived.step(bounty.Event.CREATE, Role.POSTER, 0)

    for chances in life:
        event, role, rest = walk(BOUNTY, lived.state, chances)
        for _ in range(1 + chances % 2):
            with suppress(NotAllowed, NotFound, Conflict):
                lived.step(event, role, rest)
        assert (lived.escrow in HOLDING) == (is_paid and lived.state not in FINISHED)
        assert (lived.escrow is escrow.State.FROZEN) == (is_paid and lived.facts.is_disputed)
        assert len(lived.ends) == (is_paid and lived.state in FINISHED)
        assert lived.facts.has_hunter or lived.state is not bounty.Status.IN_PROGRESS
