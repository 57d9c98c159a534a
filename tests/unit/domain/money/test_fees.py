"""Fees and splits: every part is named, and the parts are the whole."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from bountyexpo.domain.money.fees import (
    Settlement,
    Side,
    by_percentage,
    cancellation_refund_bps,
    instant_payout_fee,
    partial,
    refund,
    release,
)
from bountyexpo.domain.policy import PRESENT, Policy
from bountyexpo.errors import InvalidRequest
from hypothesis import given

AMOUNT = st.integers(1, 1_000_000)
BPS = st.integers(0, 3_000)


@given(AMOUNT, BPS, st.integers(0, 10_000))
def test_every_settlement_sums_to_the_price(amount: int, fee_bps: int, refund_bps: int) -> None:
    for parts in (
        release(amount, fee_bps),
        refund(amount),
        by_percentage(amount, refund_bps=refund_bps, fee_bps=fee_bps),
    ):
        assert parts.amount_cents == amount
        assert min(parts.refund_cents, parts.hunter_cents, parts.fee_cents) >= 0


def test_a_release_pays_the_hunter_less_the_fee() -> None:
    assert release(10_000, 500) == Settlement(hunter_cents=9_500, fee_cents=500)


def test_a_refund_has_no_fee() -> None:
    assert refund(10_000) == Settlement(refund_cents=10_000)


def test_the_fee_of_a_split_is_on_what_the_hunter_earns() -> None:
    assert partial(10_000, refund_cents=5_000, fee_bps=500) == Settlement(
        refund_cents=5_000, hunter_cents=4_750, fee_cents=250
    )


def test_none_and_all_are_percentages_too() -> None:
    assert by_percentage(101, refund_bps=10_000, fee_bps=500) == refund(101)
    assert by_percentage(101, refund_bps=0, fee_bps=500) == release(101, 500)


def test_a_cancellation_fee_is_named() -> None:
    parts = partial(10_000, refund_cents=8_000, cancellation_fee_cents=1_000, fee_bps=500)

    assert parts == Settlement(
        refund_cents=8_000, hunter_cents=950, fee_cents=50, cancellation_fee_cents=1_000
    )


@pytest.mark.parametrize(
    ("refund_cents", "fee_cents"), [(10_001, 0), (-1, 0), (9_000, 1_001), (0, -1)]
)
def test_nobody_gives_away_more_than_there_is(refund_cents: int, fee_cents: int) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        partial(10_000, refund_cents=refund_cents, cancellation_fee_cents=fee_cents, fee_bps=500)

    assert refusal.value.error_code == "invalid_split"


@pytest.mark.parametrize("refund_bps", [-1, 10_001])
def test_a_percentage_is_between_none_and_all(refund_bps: int) -> None:
    with pytest.raises(InvalidRequest, match="from 0 to 100 percent"):
        by_percentage(10_000, refund_bps=refund_bps, fee_bps=500)


@pytest.mark.parametrize(
    ("asked_by", "has_hunter", "expected"),
    [
        (Side.POSTER, False, 10_000),
        (Side.HUNTER, False, 10_000),
        (Side.HUNTER, True, 10_000),
        (Side.POSTER, True, 5_000),
    ],
)
def test_what_a_cancellation_proposes(asked_by: Side, has_hunter: bool, expected: int) -> None:
    found = cancellation_refund_bps(PRESENT, asked_by=asked_by, has_hunter=has_hunter)

    assert found == expected


def test_the_three_shares_of_a_cancellation_are_apart() -> None:
    policy = Policy(
        open_refund_bps=9_000, hunter_cancels_refund_bps=8_000, poster_cancels_refund_bps=7_000
    )

    assert cancellation_refund_bps(policy, asked_by=Side.POSTER, has_hunter=False) == 9_000
    assert cancellation_refund_bps(policy, asked_by=Side.HUNTER, has_hunter=True) == 8_000
    assert cancellation_refund_bps(policy, asked_by=Side.POSTER, has_hunter=True) == 7_000


@pytest.mark.parametrize(
    ("cents", "fee"), [(1_000, 50), (5_000, 50), (5_050, 51), (999_900, 9_999)]
)
def test_an_instant_payout_costs_one_percent_and_at_least_fifty_cents(cents: int, fee: int) -> None:
    assert instant_payout_fee(cents, PRESENT) == fee
