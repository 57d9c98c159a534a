"""What a chargeback does to the books of an escrow (contract money §1.6, rules 20 to 22).

Money that is still here is frozen and taken from here. Money that was paid out already is held in
the poster's wallet, as far as there is any, and owed as far as there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.actors.money import postings
from bountyexpo.domain.money.escrow import State
from bountyexpo.domain.money.ledger import chargebacks, wallets
from bountyexpo.domain.money.ledger.holds import HoldKind, HoldStatus
from bountyexpo.persistence.money import ledger, ledger_accounts

if TYPE_CHECKING:
    from bountyexpo.actors.money.effects.escrow_step import Step
    from bountyexpo.persistence.transaction import Transaction


async def freeze(tx: Transaction, step: Step) -> None:
    """Let nobody settle the escrow while the card network decides."""
    await step.move(
        tx,
        chargebacks.chargeback_opened_on_escrow(
            chargeback_id=step.chargeback_id,
            bounty_id=step.escrow.bounty_id,
            escrow_cents=step.escrow.amount_cents,
        ),
    )


async def thaw(tx: Transaction, step: Step) -> None:
    """Let the escrow be settled again."""
    await step.move(
        tx,
        chargebacks.chargeback_won_on_escrow(
            chargeback_id=step.chargeback_id,
            bounty_id=step.escrow.bounty_id,
            escrow_cents=step.escrow.amount_cents,
        ),
    )


async def opened(tx: Transaction, step: Step) -> None:
    """Hold what the poster has: the disputed price was paid out already."""
    poster_id = step.escrow.poster_id
    wallet = await ledger.wallet(tx, poster_id)
    await step.move(
        tx,
        chargebacks.chargeback_opened(
            chargeback_id=step.chargeback_id,
            user_id=poster_id,
            amount_cents=step.disputed_cents,
            available_cents=wallet.free_cents,
        ),
    )
    await ledger_accounts.freeze(tx, poster_id)


async def won(tx: Transaction, step: Step) -> None:
    """Free what was held in the poster's wallet."""
    hold = await ledger.hold(tx, HoldKind.CHARGEBACK, step.chargeback_id)
    if hold is None:
        # The money was still on its way out when the chargeback began, so nothing was held.
        return
    await step.move(tx, chargebacks.chargeback_won(hold=hold))
    if await ledger.is_clear(tx, hold.user_id):
        await ledger_accounts.freeze(tx, hold.user_id, frozen=False)


async def consume(tx: Transaction, step: Step) -> None:
    """Let the network have the money; what it did not ask for goes back to the poster."""
    if step.decision.source is not State.FROZEN:
        await freeze(tx, step)
    escrow = step.escrow
    await _lose(tx, step, frozen_cents=escrow.amount_cents)
    rest_cents = escrow.amount_cents - step.disputed_cents
    if rest_cents > 0:
        rest = chargebacks.chargeback_rest_returned(
            chargeback_id=step.chargeback_id,
            bounty_id=escrow.bounty_id,
            poster_id=escrow.poster_id,
            rest_cents=rest_cents,
        )
        await step.move(tx, rest)


async def owe(tx: Transaction, step: Step) -> None:
    """Let the poster owe what the network has taken, as far as it was not held."""
    hold = await ledger.hold(tx, HoldKind.CHARGEBACK, step.chargeback_id)
    if hold is not None and hold.status is HoldStatus.ACTIVE:
        await _withdraw(tx, step)
        await step.move(tx, chargebacks.chargeback_lost(hold=hold))
    else:
        await _lose(tx, step, frozen_cents=0)


async def recover(tx: Transaction, step: Step) -> None:
    """Pay a lost chargeback with a price that came back: the network, or what is owed for it."""
    if await ledger.find(tx, f"chargeback:{step.chargeback_id}:lost") is None:
        await consume(tx, step)
        return
    # The poster has owed it since then, and income of any kind pays debts.
    escrow = step.escrow
    await step.move(
        tx,
        wallets.escrow_refunded(
            bounty_id=escrow.bounty_id,
            poster_id=escrow.poster_id,
            amount_cents=escrow.amount_cents,
            funding_round=escrow.settlement_round,
        ),
    )


async def _lose(tx: Transaction, step: Step, *, frozen_cents: int) -> None:
    """Let the frozen money be gone, and the poster owe what that does not cover."""
    await _withdraw(tx, step)
    await step.move(
        tx,
        chargebacks.chargeback_lost_on_escrow(
            chargeback_id=step.chargeback_id,
            bounty_id=step.escrow.bounty_id,
            poster_id=step.escrow.poster_id,
            amount_cents=step.disputed_cents,
            frozen_cents=frozen_cents,
        ),
    )


async def _withdraw(tx: Transaction, step: Step) -> None:
    """Book that the network has taken the money, if that word has not come before this one."""
    withdrawn = chargebacks.chargeback_funds_withdrawn(
        chargeback_id=step.chargeback_id, amount_cents=step.disputed_cents
    )
    await postings.post(tx, withdrawn)
