"""Reservations and reversals on a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from bountyexpo.domain.money.ledger import payouts
from bountyexpo.domain.money.ledger import wallets as events
from bountyexpo.domain.money.ledger.accounts import (
    available,
    escrow,
)
from bountyexpo.domain.money.ledger.transfers import post, reversal, void
from bountyexpo.errors import (
    Conflict,
    NotFound,
)
from bountyexpo.persistence.money import ledger

if TYPE_CHECKING:
    from tests.integration.persistence.money.ledger_books import Books


async def test_a_pending_refund_reserves_the_escrow_until_it_is_posted(books: Books) -> None:
    await books.post(events.escrow_funded_by_card(bounty_id=books.bounty, amount_cents=10_000))
    intention = events.escrow_refund_requested(bounty_id=books.bounty, amount_cents=10_000)
    await books.post(intention)
    assert (await books.balances())[escrow(books.bounty)] == 10_000
    assert await books.reserved_cents(escrow(books.bounty)) == 10_000
    with pytest.raises(Conflict):
        await books.post(
            events.dispute_opened(dispute_id="1", bounty_id=books.bounty, amount_cents=1)
        )

    found = await ledger.find(books.db, intention.business_key)
    assert found == intention
    assert await books.post(post(intention), post(intention)) == [True, False]

    assert await books.balances() == {}
    assert await books.reserved_cents(escrow(books.bounty)) == 0
    with pytest.raises(Conflict, match="ended"):
        await books.post(void(intention))


async def test_a_voided_refund_leaves_the_escrow_to_the_next_round(books: Books) -> None:
    await books.post(events.escrow_funded_by_card(bounty_id=books.bounty, amount_cents=10_000))
    intention = events.escrow_refund_requested(bounty_id=books.bounty, amount_cents=10_000)
    await books.post(intention)
    await books.post(void(intention))

    await books.post(
        events.escrow_released(
            bounty_id=books.bounty,
            hunter_id=books.hunter,
            amount_cents=10_000,
            fee_bps=500,
            funding_round=2,
        )
    )

    assert (await books.balances())[available(books.hunter)] == 9_500
    with pytest.raises(Conflict):
        await books.post(post(intention))


async def test_a_part_of_a_reservation_frees_the_rest(books: Books) -> None:
    await books.post(events.escrow_funded_by_card(bounty_id=books.bounty, amount_cents=10_000))
    intention = events.escrow_refund_requested(bounty_id=books.bounty, amount_cents=10_000)
    await books.post(intention, post(intention, 4_000))

    assert (await books.balances())[escrow(books.bounty)] == 6_000
    assert await books.reserved_cents(escrow(books.bounty)) == 0


async def test_an_end_without_a_beginning_is_not_kept(books: Books) -> None:
    await books.post(events.escrow_funded_by_card(bounty_id=books.bounty, amount_cents=10_000))
    intention = events.escrow_refund_requested(bounty_id=books.bounty, amount_cents=10_000)

    with pytest.raises(NotFound):
        await books.post(post(intention))
    with pytest.raises(Conflict):
        # Something else has this key.
        await books.post(reversal(books.hold()))
    with pytest.raises(NotFound):
        await books.post(
            reversal(events.processing_fee_known(balance_transaction_id="txn_1", fee_cents=59))
        )

    assert await ledger.find(books.db, post(intention).business_key) is None


async def test_a_transfer_is_taken_back_once(books: Books) -> None:
    await books.deposit(10_000)
    fee = payouts.instant_fee_charged(
        withdrawal_id=books.withdrawal, user_id=books.poster, fee_cents=50
    )
    await books.post(fee, reversal(fee))

    assert (await books.balances())[available(books.poster)] == 10_000
    assert await books.post(reversal(fee)) == [False]
    found = await ledger.find(books.db, reversal(fee).business_key)
    assert found is not None
    assert found.reverses_key == fee.business_key


async def test_a_reservation_with_a_time_limit_is_stored_with_it(books: Books) -> None:
    ends = datetime(2026, 1, 1, tzinfo=UTC)
    await books.post(events.escrow_funded_by_card(bounty_id=books.bounty, amount_cents=10_000))
    intention = events.escrow_refund_requested(
        bounty_id=books.bounty, amount_cents=10_000, expires_at=ends
    )
    await books.post(intention)

    assert await ledger.find(books.db, intention.business_key) == intention
