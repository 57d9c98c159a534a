"""What each effect of the escrow's machine does: one handler for every one of them.

A handler writes inside the transaction of the decision and never speaks to the provider. Here is
what moves money between a wallet or a card and the escrow; chargebacks, calls to the provider, and
what people are told have files of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.actors.money.effects import escrow_calls as calls
from bountyexpo.actors.money.effects import escrow_chargebacks as disputed
from bountyexpo.actors.money.effects import escrow_news as news
from bountyexpo.actors.money.effects import withdrawal
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.money.escrow import Effect, Event, State
from bountyexpo.domain.money.ledger import wallets
from bountyexpo.domain.money.ledger.transfers import Phase, post, reversal, void
from bountyexpo.errors import InvalidRequest
from bountyexpo.persistence.money import ledger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from enum import StrEnum

    from bountyexpo.actors.money.effects.escrow_step import Step
    from bountyexpo.domain.money.ledger.transfers import Transfer
    from bountyexpo.persistence.transaction import Transaction


async def _post_hold(tx: Transaction, step: Step) -> None:
    escrow = step.escrow
    await step.move(
        tx,
        wallets.escrow_held(
            bounty_id=escrow.bounty_id,
            poster_id=escrow.poster_id,
            amount_cents=escrow.amount_cents,
            funding_round=escrow.round,
        ),
    )
    news.held(tx, step)


async def _post_funded(tx: Transaction, step: Step) -> None:
    """Lock what has arrived, which may be less than the price and is then given back."""
    about = step.about
    step.change(intent_id=about.intent_id or step.escrow.intent_id)
    if about.received_cents is not None:
        step.change(amount_cents=about.received_cents)
    escrow = step.escrow
    await step.move(
        tx,
        wallets.escrow_funded_by_card(
            bounty_id=escrow.bounty_id,
            amount_cents=escrow.amount_cents,
            funding_round=escrow.round,
        ),
    )
    if escrow.state is State.HELD:
        news.held(tx, step)


async def _post_freeze(tx: Transaction, step: Step) -> None:
    escrow = step.escrow
    if step.event is not Event.DISPUTE_OPEN:
        await disputed.freeze(tx, step)
        return
    assert escrow.dispute_id is not None
    await step.move(
        tx,
        wallets.dispute_opened(
            dispute_id=escrow.dispute_id,
            bounty_id=escrow.bounty_id,
            amount_cents=escrow.amount_cents,
        ),
    )


async def _post_thaw(tx: Transaction, step: Step) -> None:
    escrow = step.escrow
    if step.event is Event.CHARGEBACK_WON:
        await disputed.thaw(tx, step)
        return
    assert escrow.dispute_id is not None
    await step.move(
        tx,
        wallets.dispute_closed(
            dispute_id=escrow.dispute_id,
            bounty_id=escrow.bounty_id,
            amount_cents=escrow.amount_cents,
        ),
    )


async def _post_release(tx: Transaction, step: Step) -> None:
    """Pay the hunter: into the wallet, or by a withdrawal that takes the money of a card on."""
    escrow = step.escrow
    if escrow.hunter_id is None:
        raise InvalidRequest("There is no hunter to pay.", code="no_hunter")
    if escrow.is_card:
        withdrawal_id = new_id()
        step.change(withdrawal_id=withdrawal_id)
        released = wallets.escrow_released_to_connect(
            bounty_id=escrow.bounty_id,
            withdrawal_id=withdrawal_id,
            amount_cents=escrow.amount_cents,
            fee_bps=step.fee_bps,
            funding_round=escrow.settlement_round,
        )
    else:
        released = wallets.escrow_released(
            bounty_id=escrow.bounty_id,
            hunter_id=escrow.hunter_id,
            amount_cents=escrow.amount_cents,
            fee_bps=step.fee_bps,
            funding_round=escrow.settlement_round,
        )
    await step.move(tx, released)


async def _post_refund(tx: Transaction, step: Step) -> None:
    """Give everything back: to the wallet at once, to a card when the provider has done it."""
    escrow = step.escrow
    if escrow.is_card:
        await step.move(tx, _refund_to_card(step))
        return
    await step.move(
        tx,
        wallets.escrow_refunded(
            bounty_id=escrow.bounty_id,
            poster_id=escrow.poster_id,
            amount_cents=escrow.amount_cents,
            funding_round=escrow.settlement_round,
        ),
    )


async def _post_split(tx: Transaction, step: Step) -> None:
    """Divide the price between two wallets, also where it was paid by card."""
    escrow, parts = step.escrow, step.about.parts
    assert parts is not None
    await step.move(
        tx,
        wallets.escrow_settled(
            bounty_id=escrow.bounty_id,
            poster_id=escrow.poster_id,
            hunter_id=escrow.hunter_id,
            parts=parts,
            funding_round=escrow.settlement_round,
        ),
    )


async def _reverse_posting(tx: Transaction, step: Step) -> None:
    """Take a settlement back that did not happen; the next one has another key."""
    escrow, failed = step.escrow, step.about.refund_id
    key = wallets.settlement_key(escrow.bounty_id, escrow.settlement_round)
    settled = await ledger.find(tx, f"{key}:post") or await ledger.find(tx, key)
    assert settled is not None
    await step.move(tx, void(settled) if settled.phase is Phase.PENDING else reversal(settled))
    step.change(settlement_round=escrow.settlement_round + 1, refund_id=None, withdrawal_id=None)
    if failed is not None:
        step.change(failed_refund_ids=[*escrow.failed_refund_ids, failed])


async def _bind_hunter(_tx: Transaction, step: Step) -> None:
    assert step.about.hunter_id is not None
    step.change(hunter_id=step.about.hunter_id)


async def _complete_bounty(tx: Transaction, step: Step) -> None:
    """Let a withdrawal go on with the money of a card, and everybody know."""
    escrow, about = step.escrow, step.about
    if escrow.is_card:
        assert escrow.call is not None
        assert escrow.hunter_id is not None
        assert escrow.withdrawal_id is not None
        assert about.transfer_id is not None
        assert about.stripe_account_id is not None
        await withdrawal.take_over(
            tx,
            withdrawal_id=escrow.withdrawal_id,
            user_id=escrow.hunter_id,
            amount_cents=escrow.call.amount_cents,
            transfer_id=about.transfer_id,
            stripe_account_id=about.stripe_account_id,
        )
    news.released(tx, step)


async def _cancel_bounty(tx: Transaction, step: Step) -> None:
    """Book what has arrived on a card, and let everybody know."""
    if step.event is Event.SETTLED and step.escrow.is_card and step.about.parts is None:
        await step.move(tx, post(_refund_to_card(step)))
        step.change(refund_id=step.about.refund_id)
    news.given_back(tx, step)


def _refund_to_card(step: Step) -> Transfer:
    escrow = step.escrow
    return wallets.escrow_refund_requested(
        bounty_id=escrow.bounty_id,
        amount_cents=escrow.amount_cents,
        funding_round=escrow.settlement_round,
    )


HANDLERS: Final[Mapping[StrEnum, Callable[[Transaction, Step], Awaitable[None]]]] = {
    Effect.POST_HOLD: _post_hold,
    Effect.POST_FUNDED: _post_funded,
    Effect.POST_FREEZE: _post_freeze,
    Effect.POST_THAW: _post_thaw,
    Effect.POST_RELEASE: _post_release,
    Effect.POST_REFUND: _post_refund,
    Effect.POST_SPLIT: _post_split,
    Effect.REVERSE_POSTING: _reverse_posting,
    Effect.POST_CHARGEBACK_OPENED: disputed.opened,
    Effect.POST_CHARGEBACK_WON: disputed.won,
    Effect.CONSUME_ESCROW: disputed.consume,
    Effect.POST_DEBT: disputed.owe,
    Effect.RECOVER_FROM_ESCROW: disputed.recover,
    Effect.MAKE_INTENT: calls.make_intent,
    Effect.CANCEL_INTENT: calls.cancel_intent,
    Effect.REFUND_STRAY_INTENT: calls.refund_stray_intent,
    Effect.MAKE_TRANSFER: calls.make_transfer,
    Effect.MAKE_REFUND: calls.make_refund,
    Effect.STOP_REFUND: calls.stop_refund,
    Effect.REPLAY_STEP: calls.replay,
    Effect.SEND_EVIDENCE: calls.send_evidence,
    Effect.BIND_HUNTER: _bind_hunter,
    Effect.RECORD_FINDING: news.record_finding,
    Effect.NOTIFY_POSTER: news.notify_poster,
    Effect.COMPLETE_BOUNTY: _complete_bounty,
    Effect.CANCEL_BOUNTY: _cancel_bounty,
}
