"""An escrow that is paid from a wallet: each step is decided, booked, told and settled at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from bountyexpo.actors.money import escrow
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.money import fees
from bountyexpo.domain.money.escrow import State
from bountyexpo.errors import (
    Conflict,
    IllegalTransition,
    InsufficientBalance,
    InvalidRequest,
    StaleVersion,
)
from bountyexpo.persistence.money import escrows

from tests.integration.actors.money.conftest import PRICE

if TYPE_CHECKING:
    from tests.integration.actors.money.conftest import Money

HALF = fees.partial(PRICE, refund_cents=5_000, fee_bps=500)


async def test_the_price_is_locked_with_the_terms_of_the_day(money: Money) -> None:
    held = await money.hold()

    assert (held.state, held.round, held.amount_cents) == (State.HELD, 1, PRICE)
    assert (held.platform_fee_bps, held.policy_version) == (500, 1)
    assert held.hunter_id == money.hunter
    assert held == await escrows.newest(money.db, money.bounty)
    assert await money.wallets() == (20_000, 0)
    assert await money.told(money.poster) == [("escrow.held", PRICE)]
    assert await money.notices() == [("escrow_receipt", "eml:held:b")]


async def test_a_release_pays_the_hunter_less_the_fee_once(money: Money) -> None:
    held = await money.hold()

    released = await money.do(escrow.release, held)
    again = await money.do(escrow.release, released)

    assert released == again
    assert released.state is State.RELEASED
    assert await money.wallets() == (20_000, 9_500)
    assert (await money.accounts())["platform_fees"] == 500
    for user_id in (money.poster, money.hunter):
        assert (await money.told(user_id))[-1] == ("escrow.released", PRICE)
    assert (await money.notices())[1:] == [
        ("escrow_receipt", "eml:released:b"),
        ("payment_received", "pay:b"),
    ]
    assert await money.calls() == []


async def test_an_admin_may_order_another_fee(money: Money) -> None:
    frozen = await money.do(escrow.freeze, await money.hold(), "d1")

    await money.do(escrow.release, frozen, is_verdict=True, fee_bps=0)

    assert await money.wallets() == (20_000, PRICE)


async def test_a_refund_gives_the_whole_price_back_once(money: Money) -> None:
    held = await money.hold()

    refunded = await money.do(escrow.refund, held)
    again = await money.do(escrow.refund, refunded)

    assert refunded == again
    assert (refunded.state, refunded.has_refund) == (State.REFUNDED, True)
    assert await money.wallets() == (30_000, 0)
    assert (await money.told(money.poster))[-1] == ("escrow.refunded", PRICE)
    assert (await money.notices())[1:] == [("escrow_receipt", "eml:refunded:b")]


async def test_a_split_pays_both_sides_and_the_fee_of_what_was_earned(money: Money) -> None:
    settled = await money.do(escrow.split, await money.hold(), HALF)

    assert settled.state is State.REFUNDED
    assert await money.wallets() == (25_000, 4_750)
    assert (await money.accounts())["platform_fees"] == 250
    assert (await money.told(money.poster))[-1] == ("escrow.refunded", 5_000)
    assert await money.told(money.hunter) == [("escrow.released", 5_000)]
    assert (await money.notices())[1:] == [
        ("escrow_receipt", "eml:refunded:b"),
        ("payment_received", "pay:b"),
    ]


@pytest.mark.parametrize("parts", [fees.refund(9_999), fees.release(10_001, 500)])
async def test_the_parts_of_a_split_are_the_whole(money: Money, parts: fees.Settlement) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        await money.do(escrow.split, await money.hold(), parts)

    assert refusal.value.error_code == "invalid_split"


@pytest.mark.parametrize("deed", [escrow.release, escrow.refund])
async def test_a_dispute_freezes_the_price_until_it_is_decided(money: Money, deed: Any) -> None:
    frozen = await money.do(escrow.freeze, await money.hold(), "d1")
    assert (frozen.state, frozen.has_dispute, frozen.dispute_id) == (State.FROZEN, True, "d1")
    assert (await money.accounts())["bounty_escrow_frozen"] == PRICE
    assert await money.do(escrow.freeze, frozen, "d1") == frozen

    with pytest.raises(Conflict) as refusal:
        await money.do(deed, frozen)
    assert refusal.value.error_code == "escrow_disputed"
    decided = await money.do(deed, frozen, is_verdict=True)

    assert not decided.has_dispute
    assert "bounty_escrow_frozen" not in await money.accounts()
    assert await money.wallets() == ((20_000, 9_500) if deed is escrow.release else (30_000, 0))


async def test_a_verdict_may_split_the_price(money: Money) -> None:
    frozen = await money.do(escrow.freeze, await money.hold(), "d1")

    await money.do(escrow.split, frozen, HALF, is_verdict=True)

    assert await money.wallets() == (25_000, 4_750)


async def test_a_dispute_that_is_closed_lets_the_price_be_settled_again(money: Money) -> None:
    frozen = await money.do(escrow.freeze, await money.hold(), "d1")

    thawed = await money.do(escrow.thaw, frozen)
    again = await money.do(escrow.thaw, thawed)
    frozen_again = await money.do(escrow.freeze, again, "d2")

    assert (thawed.state, again) == (State.HELD, thawed)
    assert (frozen_again.state, frozen_again.dispute_id) == (State.FROZEN, "d2")


@pytest.mark.parametrize("cents", [4_000, 25_000])
async def test_another_price_is_a_refund_and_a_new_round(money: Money, cents: int) -> None:
    held = await money.hold()

    async with money.db.transaction() as tx:
        adjusted = await escrow.adjust(tx, held, money.funding(cents))

    assert (adjusted.round, adjusted.state, adjusted.amount_cents) == (2, State.HELD, cents)
    assert adjusted == await escrows.newest(money.db, money.bounty)
    assert await money.wallets() == (30_000 - cents, 0)
    assert (await money.accounts())["bounty_escrow"] == cents
    rows = await money.db.fetch("select round, state from escrows order by round")
    assert [(row["round"], row["state"]) for row in rows] == [(1, "refunded"), (2, "held")]
    keys = await money.db.fetch(
        "select business_key from ledger_transfers where reference_type = 'bounty' order by 1"
    )
    assert {row["business_key"].replace(money.bounty, "b") for row in keys} == {
        "escrow:b",
        "settle:b",
        "escrow:b:2",
    }

    await money.do(escrow.release, adjusted)
    fee = fees.release(cents, 500).fee_cents
    assert await money.wallets() == (30_000 - cents, cents - fee)


async def test_a_price_that_the_wallet_does_not_cover_changes_nothing(money: Money) -> None:
    held = await money.hold()

    with pytest.raises(InsufficientBalance):
        async with money.db.transaction() as tx:
            await escrow.adjust(tx, held, money.funding(30_001))

    assert held == await escrows.newest(money.db, money.bounty)
    assert await money.wallets() == (20_000, 0)


async def test_a_bounty_is_funded_once(money: Money) -> None:
    held = await money.hold()

    with pytest.raises(Conflict) as refusal:
        async with money.db.transaction() as tx:
            await escrow.hold(tx, money.funding(), after=held)
    assert refusal.value.error_code == "duplicate_transaction"
    with pytest.raises(Conflict):
        await money.hold()

    assert await money.wallets() == (20_000, 0)


async def test_release_and_refund_exclude_each_other(money: Money) -> None:
    held = await money.hold()
    released = await money.do(escrow.release, held)

    with pytest.raises(Conflict) as refusal:
        await money.do(escrow.refund, released)
    assert refusal.value.error_code == "already_released"
    # Who has read the row before the release is told to read it again.
    with pytest.raises((StaleVersion, Conflict)):
        await money.do(escrow.refund, held)
    with pytest.raises(IllegalTransition):
        await money.do(escrow.freeze, released, "d1")

    assert await money.wallets() == (20_000, 9_500)


async def test_two_at_once_are_told_apart_by_the_version(money: Money) -> None:
    held = await money.hold()
    await money.do(escrow.freeze, held, "d1")

    with pytest.raises(StaleVersion):
        await money.do(escrow.bind, held, new_id())


async def test_nobody_is_paid_who_was_not_accepted(money: Money) -> None:
    async with money.db.transaction() as tx:
        held = await escrow.hold(tx, money.funding())

    with pytest.raises(InvalidRequest) as refusal:
        await money.do(escrow.release, held)

    assert refusal.value.error_code == "no_hunter"


async def test_only_a_locked_price_lets_a_hunter_be_accepted(money: Money) -> None:
    refunded = await money.do(escrow.refund, await money.hold())

    with pytest.raises(Conflict):
        await money.do(escrow.bind, refunded, money.hunter)


async def test_a_posting_that_is_there_already_is_no_settlement(money: Money) -> None:
    """The row is only a row: the ledger has the last word."""
    held = await money.hold()
    await money.do(escrow.release, held)
    await money.db.execute("update escrows set state = 'held', version = 1")

    with pytest.raises(Conflict):
        await money.do(escrow.release, msgspec.structs.replace(held, version=1))

    assert await money.wallets() == (20_000, 9_500)
