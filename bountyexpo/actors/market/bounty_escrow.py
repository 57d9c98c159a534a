"""The escrow of a bounty: its own machine decides, and the ledger is written as its table says.

A bounty paid from the wallet needs nobody outside. What its escrow has begun, a release or a
refund, is settled in the same step, and in the same transaction as the bounty's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from bountyexpo.actors.money import postings
from bountyexpo.domain.machine import Role
from bountyexpo.domain.money.escrow import Effect, Event, Facts, State
from bountyexpo.domain.money.escrow_rules import MACHINE
from bountyexpo.domain.money.ledger.wallets import escrow_held, escrow_released

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bountyexpo.domain.money.ledger.transfers import Transfer
    from bountyexpo.persistence.transaction import Transaction


class Escrow(msgspec.Struct, frozen=True, kw_only=True):
    """What the postings of one escrow are made from."""

    bounty_id: str
    poster_id: str
    amount_cents: int
    fee_bps: int
    hunter_id: str | None = None


def _held(about: Escrow) -> Transfer:
    return escrow_held(
        bounty_id=about.bounty_id, poster_id=about.poster_id, amount_cents=about.amount_cents
    )


def _released(about: Escrow) -> Transfer:
    assert about.hunter_id is not None
    return escrow_released(
        bounty_id=about.bounty_id,
        hunter_id=about.hunter_id,
        amount_cents=about.amount_cents,
        fee_bps=about.fee_bps,
    )


POSTINGS: Final[Mapping[StrEnum, Callable[[Escrow], Transfer]]] = {
    Effect.POST_HOLD: _held,
    Effect.POST_RELEASE: _released,
}
BEGUN: Final = frozenset({State.RELEASING, State.REFUNDING})


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What an event makes of an escrow."""

    state: State
    effects: tuple[StrEnum, ...]


def decide(state: State, event: Event) -> Step:
    """Return the next state, and what is to be posted on the way there.

    Raises:
        Conflict: the escrow is not where this could happen.
    """
    decision = MACHINE.decide(state, event, Role.SYSTEM, Facts())
    effects = decision.effects
    if decision.state in BEGUN:
        decision = MACHINE.decide(decision.state, Event.SETTLED, Role.SYSTEM, decision.facts)
    return Step(state=decision.state, effects=effects)


async def carry_out(tx: Transaction, step: Step, about: Escrow, *, actor_id: str) -> None:
    """Write the ledger as the step says.

    Raises:
        InsufficientBalance: the wallet does not cover the price.
    """
    for effect in step.effects:
        await postings.post(tx, POSTINGS[effect](about), actor_id=actor_id)
