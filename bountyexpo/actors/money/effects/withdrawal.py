"""What each effect of a withdrawal's machine does: one handler for every one of them.

A handler writes inside the transaction of the decision and never speaks to the provider; what that
is asked is left in the outbox by ``withdrawal_calls``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bountyexpo.actors.money.effects import withdrawal_calls as calls
from bountyexpo.actors.money.effects import withdrawal_news as news
from bountyexpo.actors.money.effects.withdrawal_step import About, Step
from bountyexpo.domain.machine import Role
from bountyexpo.domain.money.ledger import payouts
from bountyexpo.domain.money.ledger.transfers import reversal
from bountyexpo.domain.money.withdrawal import Effect, Event, Source, Status
from bountyexpo.domain.money.withdrawal_rules import MACHINE
from bountyexpo.persistence.money import ledger, withdrawals
from bountyexpo.persistence.money.withdrawals import Withdrawal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bountyexpo.domain.machine import Decision
    from bountyexpo.domain.money.withdrawal import Facts
    from bountyexpo.persistence.transaction import Transaction

# What came back to the wallet; paid by hand, it is taken from there once more.
BACK: Final = frozenset({Status.VOID, Status.REVERSED})

# What is kept of the provider's words about a failure.
FAILURE_CHARS_MAX: Final = 500


async def carry_out(
    tx: Transaction,
    withdrawal: Withdrawal,
    event: Event,
    decision: Decision[Status, Facts],
    about: About,
) -> Withdrawal:
    """Do what was decided of a withdrawal, write it, and return it as it is now.

    Raises:
        Conflict: a new one meets another that is on its way.
        StaleVersion: the row is not at the version that was decided on.
    """
    step = Step(withdrawal, event, decision, about)
    for effect in decision.effects:
        await HANDLERS[effect](tx, step)
    due_after_s = next((timer.after_s for timer in decision.timers), None)
    write = withdrawals.save if withdrawal.version else withdrawals.insert
    await write(tx, step.withdrawal, due_after_s=due_after_s)
    return step.withdrawal


async def take_over(
    tx: Transaction,
    *,
    withdrawal_id: str,
    user_id: str,
    amount_cents: int,
    transfer_id: str,
    stripe_account_id: str,
) -> Withdrawal:
    """Take on what a bounty that was paid by card has earned, whose transfer was made just now."""
    earned = Withdrawal(
        id=withdrawal_id,
        user_id=user_id,
        source=Source.ESCROW,
        amount_cents=amount_cents,
        stripe_account_id=stripe_account_id,
    )
    event = Event.TRANSFER_MADE
    decision = MACHINE.decide(earned.status, event, Role.PROVIDER, earned.facts)
    return await carry_out(tx, earned, event, decision, About(transfer_id=transfer_id))


async def _post_requested(tx: Transaction, step: Step) -> None:
    """Take the money from the wallet, and the fee of an instant payout on top of it."""
    withdrawal = step.withdrawal
    await step.move(
        tx,
        payouts.withdrawal_requested(
            withdrawal_id=withdrawal.id,
            user_id=withdrawal.user_id,
            amount_cents=withdrawal.amount_cents,
        ),
    )
    if withdrawal.fee_cents:
        fee = payouts.instant_fee_charged(
            withdrawal_id=withdrawal.id,
            user_id=withdrawal.user_id,
            fee_cents=withdrawal.fee_cents,
        )
        await step.move(tx, fee)


async def _post_transferred(tx: Transaction, step: Step) -> None:
    withdrawal = step.withdrawal
    assert withdrawal.transfer_id is not None
    await step.move(
        tx,
        payouts.transfer_created(
            transfer_id=withdrawal.transfer_id,
            withdrawal_id=withdrawal.id,
            stripe_account_id=withdrawal.stripe_account_id,
            amount_cents=withdrawal.amount_cents,
        ),
    )


async def _post_paid(tx: Transaction, step: Step) -> None:
    withdrawal = step.withdrawal
    assert withdrawal.payout_id is not None
    await step.move(
        tx,
        payouts.payout_paid(
            payout_id=withdrawal.payout_id,
            withdrawal_id=withdrawal.id,
            stripe_account_id=withdrawal.stripe_account_id,
            amount_cents=withdrawal.rest_cents,
        ),
    )


async def _post_returned(tx: Transaction, step: Step) -> None:
    """The bank has sent it back, all that it had or a part: that is on its way again."""
    before, about = step.before, step.about
    assert before.payout_id is not None
    paid = await ledger.find(tx, f"payout:{before.payout_id}:paid")
    assert paid is not None
    is_part = step.decision.state is Status.PAID and about.amount_cents is not None
    cents = about.amount_cents if is_part and about.amount_cents else before.rest_cents
    if cents == paid.amount_cents:
        await step.move(tx, payouts.payout_returned(paid))
        return
    await step.move(
        tx,
        payouts.payout_returned_in_part(
            payout_id=before.payout_id,
            reversal_id=about.reversal_id or "rest",
            withdrawal_id=before.id,
            stripe_account_id=before.stripe_account_id,
            cents=cents,
        ),
    )


async def _post_void(tx: Transaction, step: Step) -> None:
    withdrawal = step.withdrawal
    await step.move(
        tx,
        payouts.withdrawal_voided(
            withdrawal_id=withdrawal.id,
            user_id=withdrawal.user_id,
            amount_cents=withdrawal.rest_cents,
        ),
    )
    await _give_fee_back(tx, step)


async def _post_reversed(tx: Transaction, step: Step) -> None:
    """Put into the wallet what has come back: all that is on its way, or a part of it."""
    withdrawal, about = step.withdrawal, step.about
    assert about.reversal_id is not None
    is_all = withdrawal.status is Status.REVERSED
    cents = withdrawal.rest_cents if is_all or about.amount_cents is None else about.amount_cents
    await step.move(
        tx,
        payouts.transfer_reversed(
            reversal_id=about.reversal_id,
            withdrawal_id=withdrawal.id,
            user_id=withdrawal.user_id,
            stripe_account_id=withdrawal.stripe_account_id,
            amount_cents=cents,
        ),
    )
    step.change(returned_cents=withdrawal.returned_cents + cents)
    if is_all and not withdrawal.was_paid:
        await _give_fee_back(tx, step)


async def _post_manual(tx: Transaction, step: Step) -> None:
    """Book that people have paid it; what is in the wallet again is taken from there first."""
    withdrawal, source = step.withdrawal, step.decision.source
    cents = withdrawal.rest_cents
    if source in BACK:
        cents = withdrawal.amount_cents
        again = payouts.withdrawal_debited_again(
            withdrawal_id=withdrawal.id, user_id=withdrawal.user_id, amount_cents=cents
        )
        await step.move(tx, again)
        step.change(returned_cents=0)
    # A transfer that could not be taken back was taken back by hand, too.
    was_sent = source is Status.REVERSING
    await step.move(
        tx,
        payouts.settled_by_hand(
            withdrawal_id=withdrawal.id,
            amount_cents=cents,
            stripe_account_id=withdrawal.stripe_account_id if was_sent else None,
        ),
    )


async def _make_standard_payout(tx: Transaction, step: Step) -> None:
    """Go on without haste: what haste has cost is given back."""
    await _give_fee_back(tx, step)
    await calls.make_standard_payout(tx, step)


async def _start_retry(tx: Transaction, step: Step) -> None:
    step.change(retries=step.withdrawal.retries + 1)
    await calls.start_retry(tx, step)


async def _keep_failure(_tx: Transaction, step: Step) -> None:
    about = step.about
    # That it has come back says nothing of why it had to.
    if about.failure_code is None:
        return
    text = about.failure_message
    step.change(
        failure_code=about.failure_code,
        failure_message=text[:FAILURE_CHARS_MAX] if text else None,
    )


async def _audit(tx: Transaction, step: Step) -> None:
    withdrawal, about = step.withdrawal, step.about
    tx.audit(
        category="payment",
        action=f"withdrawal_{step.event.value}",
        actor_id=about.actor_id,
        target=("withdrawal", withdrawal.id),
        amount_cents=withdrawal.rest_cents,
        reason=about.reason,
    )


async def _give_fee_back(tx: Transaction, step: Step) -> None:
    if step.withdrawal.fee_cents:
        charged = await ledger.find(tx, f"withdrawal:{step.withdrawal.id}:fee")
        assert charged is not None
        await step.move(tx, reversal(charged))
        step.change(fee_cents=0)


HANDLERS: Final[Mapping[Any, Callable[[Transaction, Step], Awaitable[None]]]] = {
    Effect.POST_REQUESTED: _post_requested,
    Effect.POST_TRANSFERRED: _post_transferred,
    Effect.POST_PAID: _post_paid,
    Effect.POST_VOID: _post_void,
    Effect.POST_REVERSED: _post_reversed,
    Effect.POST_MANUAL: _post_manual,
    Effect.POST_RETURNED: _post_returned,
    Effect.MAKE_TRANSFER: calls.make_transfer,
    Effect.MAKE_PAYOUT: calls.make_payout,
    Effect.MAKE_STANDARD_PAYOUT: _make_standard_payout,
    Effect.MAKE_REVERSAL: calls.make_reversal,
    Effect.REPLAY_STEP: calls.replay,
    Effect.LOOK_AT_PAYOUT: calls.look,
    Effect.START_RETRY: _start_retry,
    Effect.KEEP_FAILURE: _keep_failure,
    Effect.RECORD_FINDING: news.record_finding,
    Effect.NOTIFY_OWNER: news.notify_owner,
    Effect.AUDIT: _audit,
}
