"""How an appeal that succeeds is put right: the money was settled, so each side is adjusted.

Nobody is settled twice. Who got too much gives back as much as they have, and the platform bears
the rest; the history of the dispute says how much that was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.actors.money import postings
from bountyexpo.domain.market.dispute import Event
from bountyexpo.domain.money import fees
from bountyexpo.domain.money.ledger.wallets import balance_adjusted
from bountyexpo.persistence.market import dispute_records
from bountyexpo.persistence.market.dispute_records import Resolution
from bountyexpo.persistence.money import ledger

if TYPE_CHECKING:
    from bountyexpo.actors.market.step import Step
    from bountyexpo.persistence.transaction import Transaction


async def correct(tx: Transaction, step: Step) -> None:
    """Give each side what it would have got, had the dispute been decided so at first."""
    dispute, poster_id = step.after.dispute, step.bounty.poster_id
    assert dispute is not None
    given = await dispute_records.resolution_of(tx, dispute.id)
    assert given is not None, "only what was decided can be appealed"
    for_hunter = step.event is Event.UPHOLD_FOR_HUNTER
    cents = dispute.frozen_cents
    due = fees.release(cents, step.fee_bps) if for_hunter else fees.refund(cents)
    short_cents = 0
    for user_id in step.sides:
        is_poster = user_id == poster_id
        had = given.poster_cents if is_poster else given.hunter_cents
        has = due.refund_cents if is_poster else due.hunter_cents
        short_cents += await _adjust(tx, step, user_id, has - had)
    resolution = Resolution(
        dispute_id=dispute.id,
        admin_id=step.actor_id,
        outcome="release" if for_hunter else "refund",
        hunter_cents=due.hunter_cents,
        poster_cents=due.refund_cents,
        fee_cents=due.fee_cents,
        rationale=step.command.text or given.rationale,
    )
    await dispute_records.correct(tx, resolution)
    await dispute_records.record(
        tx, dispute.id, "correct", step.actor_id, step.role.value, shortCents=short_cents
    )


async def _adjust(tx: Transaction, step: Step, user_id: str, amount_cents: int) -> int:
    """Give to a wallet, or take what is there; return what was missing."""
    dispute = step.after.dispute
    assert dispute is not None
    available = (await ledger.wallet(tx, user_id)).available_cents
    moved = max(amount_cents, -available)
    if moved:
        # The version tells this appeal from one that may follow it.
        key = f"appeal:{dispute.id}:{dispute.version}:{user_id}"
        transfer = balance_adjusted(request_id=key, user_id=user_id, amount_cents=moved)
        await postings.post(tx, transfer, actor_id=step.actor_id, reason=step.command.reason)
    return moved - amount_cents
