"""Every effect that a machine promises is carried out: each has one handler in a table."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.actors.market.effects.tables import HANDLERS
from bountyexpo.actors.money import escrow_effects

from tests.unit.domain.machines import MACHINES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.machine import Machine


def promised_by(machine: Machine[Any, Any, Any]) -> set[Any]:
    return {effect for rule in machine.rules for effect in rule.effects}


def effects_of(machine: Machine[Any, Any, Any]) -> Any:
    (effects,) = {type(effect) for effect in promised_by(machine)}
    return effects


MARKET = ("bounty", "application", "completion", "cancellation", "dispute")

TABLES: dict[str, Mapping[Any, Any]] = {
    "escrow": escrow_effects.HANDLERS,
    **{name: HANDLERS[effects_of(MACHINES[name])] for name in MARKET},
}


@pytest.mark.parametrize("name", TABLES)
def test_each_effect_has_a_handler_and_nothing_else_has(name: str) -> None:
    machine = MACHINES[name]

    assert set(TABLES[name]) == promised_by(machine) == set(effects_of(machine))


@pytest.mark.parametrize("name", TABLES)
def test_a_handler_takes_the_transaction_and_the_step(name: str) -> None:
    for effect, handler in TABLES[name].items():
        assert inspect.iscoroutinefunction(handler), effect
        assert len(inspect.signature(handler).parameters) == 2, effect
