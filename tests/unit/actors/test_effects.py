"""Every effect that a machine promises is carried out: each has one handler in a table."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.actors.market.effects.tables import HANDLERS
from bountyexpo.actors.money.effects import (
    connect_account,
    escrow,
    payment,
    payment_calls,
    withdrawal,
)

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

# What is written inside the transaction; and what is asked outside, after the commit.
TABLES: dict[str, tuple[Mapping[Any, Any], ...]] = {
    "escrow": (escrow.HANDLERS,),
    "payment": (payment.HANDLERS, payment_calls.CALLS),
    "withdrawal": (withdrawal.HANDLERS,),
    "connect_account": (connect_account.HANDLERS,),
    **{name: (HANDLERS[effects_of(MACHINES[name])],) for name in MARKET},
}


def test_every_machine_has_its_tables() -> None:
    assert TABLES.keys() == MACHINES.keys()


@pytest.mark.parametrize("name", TABLES)
def test_each_effect_has_a_handler_and_nothing_else_has(name: str) -> None:
    machine = MACHINES[name]

    handled = [effect for table in TABLES[name] for effect in table]
    assert len(handled) == len(set(handled)), "an effect has two handlers"
    assert set(handled) == promised_by(machine) == set(effects_of(machine))


@pytest.mark.parametrize("name", TABLES)
def test_a_handler_takes_the_transaction_and_the_step(name: str) -> None:
    for effect, handler in (pair for table in TABLES[name] for pair in table.items()):
        assert inspect.iscoroutinefunction(handler), effect
        assert len(inspect.signature(handler).parameters) == 2, effect
