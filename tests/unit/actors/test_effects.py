"""Every effect that a machine promises is carried out: each has one handler in a table."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.actors.money import escrow_effects

from tests.unit.domain.machines import MACHINES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.machine import Machine

TABLES: dict[str, Mapping[Any, Any]] = {"escrow": escrow_effects.HANDLERS}


def promised_by(machine: Machine[Any, Any, Any]) -> set[Any]:
    return {effect for rule in machine.rules for effect in rule.effects}


@pytest.mark.parametrize("name", TABLES)
def test_each_effect_has_a_handler_and_nothing_else_has(name: str) -> None:
    promised = promised_by(MACHINES[name])
    (effects,) = {type(effect) for effect in promised}

    assert set(TABLES[name]) == promised == set(effects)


@pytest.mark.parametrize("name", TABLES)
def test_a_handler_takes_the_transaction_and_the_step(name: str) -> None:
    for effect, handler in TABLES[name].items():
        assert inspect.iscoroutinefunction(handler), effect
        assert len(inspect.signature(handler).parameters) == 2, effect
