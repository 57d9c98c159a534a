"""What becomes of the price: the market asks, and the escrow's own machine decides.

The escrow answers a repeated wish without doing anything, so a cancellation and its bounty may both
ask for the same split. Receipts and payments are told by the money area.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.actors.money import escrow
from bountyexpo.actors.money.escrow import Funding
from bountyexpo.domain.amounts import BASIS_POINTS
from bountyexpo.domain.market.bounty import Event
from bountyexpo.domain.money import fees
from bountyexpo.domain.money.escrow import State

if TYPE_CHECKING:
    from bountyexpo.actors.market.step import Step
    from bountyexpo.domain.money.fees import Settlement
    from bountyexpo.persistence.transaction import Transaction

# A verdict about a dispute is what settles money that is frozen.
VERDICTS: Final = frozenset({Event.RESOLVE_HUNTER, Event.RESOLVE_POSTER, Event.RESOLVE_SPLIT})

# Nothing is here to be given back: it was never paid, or the card network has taken it.
EMPTY: Final = frozenset({State.NONE, State.CHARGED_BACK})


async def hold(tx: Transaction, step: Step) -> None:
    """Lock the price."""
    step.after.escrow = await escrow.hold(tx, _funding(step))


async def bind(tx: Transaction, step: Step, hunter_id: str) -> None:
    """Let the price be for this hunter, and nobody else."""
    held, actor_id = step.after.escrow, step.actor_id
    assert actor_id is not None
    if held is not None:
        step.after.escrow = await escrow.bind(tx, held, hunter_id, actor_id=actor_id)


async def adjust(tx: Transaction, step: Step) -> None:
    """Lock another price in the place of the old one; what is for honor has none."""
    held, is_paid = step.after.escrow, step.after.bounty.amount_cents > 0
    if not is_paid:
        await refund(tx, step)
    elif held is None:
        await hold(tx, step)
    elif held.state is State.REFUNDED:
        step.after.escrow = await escrow.hold(tx, _funding(step), after=held)
    else:
        step.after.escrow = await escrow.adjust(tx, held, _funding(step))


async def release(tx: Transaction, step: Step) -> None:
    """Pay the hunter, less the fee."""
    held = step.after.escrow
    assert held is not None, "a paid bounty has an escrow"
    step.after.escrow = await escrow.release(
        tx, held, actor_id=step.actor_id, is_verdict=_is_verdict(step)
    )


async def refund(tx: Transaction, step: Step) -> None:
    """Give the poster everything back."""
    held = step.after.escrow
    if held is not None and held.state not in EMPTY:
        step.after.escrow = await escrow.refund(
            tx, held, actor_id=step.actor_id, is_verdict=_is_verdict(step)
        )


async def split(tx: Transaction, step: Step) -> None:
    """Give each side its part: as an admin has decided, or as the two have agreed."""
    held = step.after.escrow
    if held is None or held.state in EMPTY:
        return
    parts = _parts(step, held.platform_fee_bps)
    if parts.refund_cents == held.amount_cents:
        await refund(tx, step)
        return
    step.after.escrow = await escrow.split(
        tx, held, parts, actor_id=step.actor_id, is_verdict=_is_verdict(step)
    )


async def freeze(tx: Transaction, step: Step) -> None:
    """Let nobody settle the price while the dispute is open."""
    held, dispute = step.after.escrow, step.after.dispute
    assert dispute is not None
    if held is not None and held.state not in EMPTY:
        step.after.escrow = await escrow.freeze(tx, held, dispute.id, actor_id=step.actor_id)


async def thaw(tx: Transaction, step: Step) -> None:
    """Let the price be settled again."""
    held = step.after.escrow
    if held is not None and held.state is State.FROZEN:
        step.after.escrow = await escrow.thaw(tx, held, actor_id=step.actor_id)


def _funding(step: Step) -> Funding:
    bounty = step.after.bounty
    return Funding(
        bounty_id=bounty.id,
        poster_id=bounty.poster_id,
        amount_cents=bounty.amount_cents,
        terms=step.command.policy.terms(),
    )


def _is_verdict(step: Step) -> bool:
    held = step.after.escrow
    return step.event in VERDICTS and held is not None and held.state is State.FROZEN


def _parts(step: Step, fee_bps: int) -> Settlement:
    if step.event in VERDICTS:
        assert step.command.parts is not None
        return step.command.parts
    cancellation, amount_cents = step.after.cancellation, step.bounty.amount_cents
    assert cancellation is not None
    if cancellation.refund_bps == BASIS_POINTS:
        return fees.refund(amount_cents)
    return fees.partial(amount_cents, refund_cents=cancellation.refund_cents, fee_bps=fee_bps)
