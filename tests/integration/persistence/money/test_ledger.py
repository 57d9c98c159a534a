"""The ledger on a real PostgreSQL: what the book decides is what is stored, and only once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import psycopg
import pytest
import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.money.fees import Settlement
from bountyexpo.domain.money.ledger import chargebacks, payouts
from bountyexpo.domain.money.ledger import wallets as events
from bountyexpo.domain.money.ledger.accounts import (
    STRIPE,
    Account,
    AccountKind,
    available,
    connect,
    debt,
    escrow,
    held,
    in_flight,
)
from bountyexpo.domain.money.ledger.holds import HoldKind, HoldStatus
from bountyexpo.errors import (
    Conflict,
    Duplicate,
    IdempotencyConflict,
    InsufficientBalance,
    NotAllowed,
    NotStorable,
)
from bountyexpo.persistence.money import ledger, ledger_accounts

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.domain.money.ledger.transfers import Transfer

    from tests.integration.persistence.money.ledger_books import Books


async def test_the_worked_check_of_the_contract_holds(books: Books) -> None:
    await books.deposit(15_000)
    await books.post(books.hold())
    await books.post(
        events.escrow_released(
            bounty_id=books.bounty, hunter_id=books.hunter, amount_cents=10_000, fee_bps=500
        )
    )
    assert (await books.balances())[available(books.hunter)] == 9_500

    await books.post(
        payouts.withdrawal_requested(
            withdrawal_id=books.withdrawal, user_id=books.hunter, amount_cents=9_500
        )
    )
    assert (await books.balances())[in_flight(books.withdrawal)] == 9_500
    transfer = payouts.transfer_created(
        transfer_id="tr_1",
        withdrawal_id=books.withdrawal,
        stripe_account_id="acct_1",
        amount_cents=9_500,
    )
    await books.post(transfer)
    assert (await books.balances())[connect("acct_1")] == -9_500
    await books.post(
        payouts.payout_paid(
            payout_id="po_1",
            withdrawal_id=books.withdrawal,
            stripe_account_id="acct_1",
            amount_cents=9_500,
        )
    )

    assert await books.balances() == {
        STRIPE: -5_500,
        available(books.poster): 5_000,
        Account(AccountKind.PLATFORM_FEES): 500,
    }


async def test_a_repeated_event_moves_nothing(books: Books) -> None:
    assert await books.deposit(15_000) == [True]
    assert await books.deposit(15_000) == [False]

    assert (await books.balances())[available(books.poster)] == 15_000


async def test_another_event_with_a_used_key_is_refused(books: Books) -> None:
    await books.deposit(15_000)

    with pytest.raises(IdempotencyConflict):
        await books.deposit(15_001)


async def test_one_of_many_parallel_settlements_wins(books: Books) -> None:
    await books.deposit(10_000)
    await books.post(books.hold())
    release = events.escrow_released(
        bounty_id=books.bounty, hunter_id=books.hunter, amount_cents=10_000, fee_bps=500
    )
    refund = events.escrow_refunded(
        bounty_id=books.bounty, poster_id=books.poster, amount_cents=10_000
    )
    outcomes: Counter[str] = Counter()

    async def settle(transfer: Transfer) -> None:
        try:
            [is_new] = await books.post(transfer)
            outcomes["won" if is_new else "repeated"] += 1
        except Conflict:
            outcomes["refused"] += 1

    async with trio.open_nursery() as nursery:
        for transfer in (release, refund) * 10:
            nursery.start_soon(settle, transfer)

    assert outcomes == {"won": 1, "repeated": 9, "refused": 10}
    assert escrow(books.bounty) not in await books.balances()


async def test_parallel_spending_stops_at_zero(books: Books) -> None:
    await books.deposit(1_000)
    refused = 0

    async def withdraw() -> None:
        nonlocal refused
        request = payouts.withdrawal_requested(
            withdrawal_id=new_id(), user_id=books.poster, amount_cents=300
        )
        try:
            await books.post(request)
        except InsufficientBalance:
            refused += 1

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(withdraw)

    assert refused == 7
    assert (await books.balances())[available(books.poster)] == 100


async def test_a_refusal_says_what_is_there(books: Books) -> None:
    await books.deposit(999)

    with pytest.raises(InsufficientBalance) as refusal:
        await books.post(books.hold())

    assert refusal.value.fields == {"required": 100.0, "available": 9.99}


async def test_a_chargeback_on_spent_money_becomes_a_debt_that_income_pays(books: Books) -> None:
    await books.deposit(10_000)
    await books.post(books.hold(7_000))
    opened = chargebacks.chargeback_opened(
        chargeback_id="dp_1", user_id=books.poster, amount_cents=10_000, available_cents=3_000
    )
    await books.post(
        opened,
        chargebacks.chargeback_funds_withdrawn(chargeback_id="dp_1", amount_cents=10_000),
    )
    hold = await ledger.hold(books.db, HoldKind.CHARGEBACK, "dp_1")
    assert hold == opened.hold
    assert (await books.balances())[held(books.poster)] == 3_000

    await books.post(chargebacks.chargeback_lost(hold=hold))
    assert (await books.balances())[debt(books.poster)] == -7_000
    ended = await ledger.hold(books.db, HoldKind.CHARGEBACK, "dp_1")
    assert ended is not None
    assert ended.status is HoldStatus.CONSUMED
    await books.post(chargebacks.chargeback_lost(hold=ended))

    await books.deposit(8_000, "pi_2")
    after = await books.balances()
    assert debt(books.poster) not in after
    assert after[available(books.poster)] == 1_000


async def test_an_ended_hold_does_not_end_again(books: Books) -> None:
    await books.deposit(10_000)
    opened = chargebacks.chargeback_opened(
        chargeback_id="dp_1", user_id=books.poster, amount_cents=10_000, available_cents=10_000
    )
    assert opened.hold is not None
    await books.post(opened, chargebacks.chargeback_won(hold=opened.hold))
    withdrawn = chargebacks.chargeback_funds_withdrawn(chargeback_id="dp_1", amount_cents=10_000)

    with pytest.raises(Conflict):
        await books.post(withdrawn, chargebacks.chargeback_lost(hold=opened.hold))


async def test_a_frozen_balance_cannot_be_spent(books: Books) -> None:
    await books.deposit(10_000)
    async with books.db.transaction() as tx:
        await ledger_accounts.freeze(tx, books.poster)

    with pytest.raises(NotAllowed) as refusal:
        await books.post(books.hold())
    assert refusal.value.error_code == "balance_frozen"

    async with books.db.transaction() as tx:
        await ledger_accounts.freeze(tx, books.poster, frozen=False)
    assert await books.post(books.hold()) == [True]


async def test_a_split_pays_both_sides_to_the_cent(books: Books) -> None:
    await books.deposit(10_001)
    await books.post(books.hold(10_001))
    parts = Settlement(refund_cents=5_001, hunter_cents=4_750, fee_cents=250)
    await books.post(
        events.escrow_settled(
            bounty_id=books.bounty, poster_id=books.poster, hunter_id=books.hunter, parts=parts
        )
    )

    after = await books.balances()
    assert (after[available(books.poster)], after[available(books.hunter)]) == (5_001, 4_750)


@pytest.mark.parametrize(
    "sql",
    [
        "update ledger_transfers set kind = 'refund'",
        "delete from ledger_entries",
        "update ledger_accounts set balance_cents = -1 where kind = 'user_available'",
        "update ledger_accounts set reserved_cents = 1000000 where kind = 'user_available'",
        "update ledger_accounts set user_id = null where kind = 'user_available'",
        "update ledger_accounts set kind = 'pocket' where kind = 'user_available'",
    ],
)
async def test_the_database_itself_refuses_to_cook_the_books(books: Books, sql: str) -> None:
    await books.deposit(10_000)

    with pytest.raises((psycopg.Error, NotStorable, Duplicate)):
        await books.db.execute(sql)


async def test_every_account_kind_can_be_stored(books: Books) -> None:
    owners: dict[str, Callable[[], str]] = {
        "user": lambda: books.poster,
        "bounty": lambda: books.bounty,
        "withdrawal": new_id,
        "stripe_account": lambda: "acct_1",
    }
    signs = {"non_negative": 1, "non_positive": -1, "any": 1}
    for kind in AccountKind:
        account = Account(kind) if not _owner(kind) else Account(kind, owners[_owner(kind)]())
        if kind is AccountKind.PLATFORM_OPENING:
            continue
        await books.post(
            events.account_imported(account=account, amount_cents=signs[account.rule.sign])
        )

    rows = await books.db.fetch("select distinct kind from ledger_accounts")
    assert {row["kind"] for row in rows} == set(AccountKind)


def _owner(kind: AccountKind) -> str:
    from bountyexpo.domain.money.ledger.accounts import RULES, Owner

    owner = RULES[kind].owner
    return "" if owner is Owner.PLATFORM else owner.value
