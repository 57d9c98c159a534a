"""Every machine, and the facts that matter to one of its decisions."""

from __future__ import annotations

from enum import Enum
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import msgspec
from bountyexpo.domain.machine import Outcome
from bountyexpo.domain.market.application import MACHINE as APPLICATION
from bountyexpo.domain.market.bounty_rules import MACHINE as BOUNTY
from bountyexpo.domain.market.cancellation import MACHINE as CANCELLATION
from bountyexpo.domain.market.completion import MACHINE as COMPLETION
from bountyexpo.domain.market.dispute import MACHINE as DISPUTE
from bountyexpo.domain.money.connect_account import MACHINE as CONNECT_ACCOUNT
from bountyexpo.domain.money.escrow_rules import MACHINE as ESCROW
from bountyexpo.domain.money.payment import MACHINE as PAYMENT
from bountyexpo.domain.money.withdrawal_rules import MACHINE as WITHDRAWAL
from bountyexpo.errors import BountyExpoError, IllegalTransition, NotAllowed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bountyexpo.domain.machine import Machine

MACHINES: dict[str, Machine] = {
    machine.name: machine
    for machine in (
        BOUNTY,
        APPLICATION,
        COMPLETION,
        CANCELLATION,
        DISPUTE,
        ESCROW,
        PAYMENT,
        WITHDRAWAL,
        CONNECT_ACCOUNT,
    )
}


def states_of(machine: Machine) -> list[Any]:
    """Every state, and None where a thing can be absent."""
    return [*([None] if machine.start is None else []), *machine.states]


def values_of(machine: Machine, fact: str) -> tuple[Any, ...]:
    """Every value that a fact can have."""
    return _values(machine.facts, fact)


@cache
def _values(facts: type, fact: str) -> tuple[Any, ...]:
    hint = get_type_hints(facts)[fact]
    found: list[Any] = []
    for kind in get_args(hint) or (hint,):
        if kind is bool:
            found += [False, True]
        elif kind is type(None):
            found.append(None)
        elif kind is int:
            # What a refusal tells, and no guard looks at.
            found += [0, 60]
        else:
            assert issubclass(kind, Enum), (facts, fact)
            found += kind
    return tuple(found)


def relevant(machine: Machine, state: Any, event: Any, role: Any) -> set[str]:
    """Name the facts that this decision looks at."""
    rules = machine.rules_for(state, event, role)
    guards = {guard for rule in rules for guard in (*rule.when, *rule.require)}
    guards |= {
        machine.conditions[effect]
        for rule in rules
        for effect in rule.effects
        if effect in machine.conditions
    }
    return {guard.fact for guard in guards}


def facts_for(
    machine: Machine, state: Any, event: Any, role: Any, known: Any = None, free: Any = None
) -> Iterator[Any]:
    """Every combination of the facts that matter here; ``free`` names those that may vary."""
    names = sorted(
        relevant(machine, state, event, role)
        & (set(machine.facts.__struct_fields__) if free is None else free)
    )
    base = known or machine.facts()
    for values in product(*(values_of(machine, name) for name in names)):
        yield msgspec.structs.replace(base, **dict(zip(names, values, strict=True)))


def questions(machine: Machine) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Every state, event and role, with all the facts that matter to it."""
    for state, event, role in product(states_of(machine), machine.events, machine.roles):
        for facts in facts_for(machine, state, event, role):
            yield state, event, role, facts


def moves_of(machine: Machine, state: Any, event: Any, role: Any) -> set[tuple[str, str]]:
    """Return the row and the target of every move that some facts allow."""
    found = set()
    for facts in facts_for(machine, state, event, role):
        try:
            decision = machine.decide(state, event, role, facts)
        except BountyExpoError:
            continue
        if decision.is_move:
            found.add((decision.row, decision.state.value))
    return found


def answer(machine: Machine, state: Any, event: Any, role: Any, facts: Any = None) -> str:
    """Say in one word what a machine answers; without facts, to its usual ones."""
    try:
        decision = machine.decide(state, event, role, facts or machine.facts())
    except NotAllowed:
        return "403"
    except IllegalTransition:
        return "409"
    except BountyExpoError as refusal:
        return f"{refusal.status}:{refusal.error_code}"
    if decision.outcome is not Outcome.MOVE:
        return decision.outcome.value
    return "stay" if decision.state == state else decision.state.value
