"""Money: what clients send is read digit by digit, and no cent is lost, made or rounded twice."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
import pytest
from bountyexpo.domain.amounts import (
    BASIS_POINTS,
    CENTS_MAX,
    cents_from_dollars,
    check_cents,
    check_currency,
    dollars,
    dollars_text,
    share,
    split,
)
from bountyexpo.errors import InvalidRequest
from hypothesis import given

SMALLEST, LARGEST = 100, 1_000_000


@pytest.mark.parametrize(
    ("value", "cents"),
    [
        (0, 0),
        (25, 2_500),
        (-3, -300),
        (0.1, 10),
        (2.9, 290),
        (1e3, 100_000),
        (-0.0, 0),
        (999_999_999_999.99, 99_999_999_999_999),
        ("25", 2_500),
        ("25.", 2_500),
        ("25.5", 2_550),
        ("25.50", 2_550),
        ("25.500000", 2_550),
        ("-0.01", -1),
        (Decimal("12.34"), 1_234),
        ({"amount": "12.34"}, 1_234),
        ({"amount": 12.34, "currency": "usd"}, 1_234),
    ],
)
def test_dollars_are_read_exactly(value: Any, cents: int) -> None:
    assert cents_from_dollars(value) == cents


@given(st.integers(-CENTS_MAX + 1, CENTS_MAX - 1))
def test_every_amount_survives_the_way_to_a_client_and_back(cents: int) -> None:
    assert cents_from_dollars(dollars(cents)) == cents


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "invalid_amount"),
        (True, "invalid_amount"),
        ([1], "invalid_amount"),
        ({}, "invalid_amount"),
        ({"amount": {"amount": 1}}, "invalid_amount"),
        ("", "invalid_amount"),
        ("ten", "invalid_amount"),
        ("1 000", "invalid_amount"),
        ("1_000", "invalid_amount"),
        ("1e3", "invalid_amount"),
        ("1e999999999", "invalid_amount"),
        (Decimal("1e999999999"), "invalid_amount"),
        ("٣", "invalid_amount"),
        ("+1", "invalid_amount"),
        ("--1", "invalid_amount"),
        (math.nan, "invalid_amount"),
        (math.inf, "invalid_amount"),
        (1e300, "invalid_amount"),
        ("1" * 13, "invalid_amount"),
        (0.001, "invalid_amount_precision"),
        (1e-9, "invalid_amount_precision"),
        ("1.005", "invalid_amount_precision"),
        ({"amount": 1, "currency": "eur"}, "unsupported_currency"),
        ({"amount": 1, "currency": 7}, "unsupported_currency"),
    ],
)
def test_what_is_no_amount_is_refused_by_name(value: Any, code: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        cents_from_dollars(value, field="price")

    assert refusal.value.error_code == code


def test_a_refusal_names_the_field() -> None:
    with pytest.raises(InvalidRequest, match=r"^price must be a number of dollars\.$"):
        cents_from_dollars("ten", field="price")
    with pytest.raises(InvalidRequest, match=r"^price must be a whole number of cents\.$"):
        cents_from_dollars("1.001", field="price")
    with pytest.raises(InvalidRequest, match=r"^amount must be a number of dollars\.$"):
        cents_from_dollars("ten")


def test_cents_are_exact_in_every_client_up_to_a_bound() -> None:
    assert CENTS_MAX == 100_000_000_000_000


@pytest.mark.parametrize("value", [1, CENTS_MAX])
def test_cents_are_whole_and_positive(value: int) -> None:
    assert check_cents(value) == value


@pytest.mark.parametrize("value", [0, -1, 1.5, 1.0, True, "1", None, CENTS_MAX + 1])
def test_other_cents_are_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"^fee must be a whole number") as refusal:
        check_cents(value, field="fee")

    assert refusal.value.error_code == "invalid_amount"


def test_refused_cents_have_a_name_of_their_own() -> None:
    with pytest.raises(InvalidRequest, match=r"^amountCents must"):
        check_cents(0)


def test_only_us_dollars_are_supported() -> None:
    check_currency("USD")
    check_currency("usd")
    for other in ("EUR", "ZAR", "", None):
        with pytest.raises(InvalidRequest, match="Only US dollars"):
            check_currency(other)


@pytest.mark.parametrize(
    ("cents", "text"),
    [
        (0, "$0"),
        (100, "$1"),
        (105, "$1.05"),
        (150, "$1.50"),
        (123_456_700, "$1,234,567"),
        (-5, "-$0.05"),
        (-1, "-$0.01"),
    ],
)
def test_people_read_dollars(cents: int, text: str) -> None:
    assert dollars_text(cents) == text


@pytest.mark.parametrize(
    ("cents", "bps", "expected"),
    [(290, 500, 15), (9, 500, 0), (10, 500, 1), (10_000, 500, 500), (1, 10_000, 1), (7, 0, 0)],
)
def test_a_share_is_rounded_half_up(cents: int, bps: int, expected: int) -> None:
    assert share(cents, bps) == expected


@pytest.mark.parametrize(("cents", "bps"), [(-1, 500), (1, -1), (1, BASIS_POINTS + 1)])
def test_a_share_of_nothing_sensible_is_a_defect(cents: int, bps: int) -> None:
    with pytest.raises(AssertionError):
        share(cents, bps)


@given(st.integers(0, CENTS_MAX), st.lists(st.integers(1, 1_000), min_size=1, max_size=8))
def test_the_parts_of_a_split_always_sum(cents: int, weights: list[int]) -> None:
    rates = [weight * BASIS_POINTS // sum(weights) for weight in weights]
    rates[-1] += BASIS_POINTS - sum(rates)

    parts = split(cents, rates)

    assert sum(parts) == cents
    for part, rate in zip(parts, rates, strict=True):
        assert part >= 0
        assert abs(part * BASIS_POINTS - cents * rate) < BASIS_POINTS


def test_the_odd_cent_of_a_half_goes_to_the_first() -> None:
    assert split(10_001, (5_000, 5_000)) == (5_001, 5_000)


def test_a_split_of_less_than_everything_is_a_defect() -> None:
    with pytest.raises(AssertionError):
        split(100, (5_000,))


def test_the_old_float_fee_differs_by_a_cent_for_2294_amounts() -> None:
    """The accepted differences to the old app, at 5 % from $1.00 to $10,000.00 (money §1.1)."""
    differing = [
        cents
        for cents in range(SMALLEST, LARGEST + 1)
        if math.floor((cents / 100 * 5 / 100) * 100 + 0.5) != share(cents, 500)
    ]

    assert len(differing) == 2_294
    assert differing[:5] == [290, 570, 1_130, 1_150, 2_010]
    assert all(
        math.floor((cents / 100 * 5 / 100) * 100 + 0.5) == share(cents, 500) - 1
        for cents in differing
    )


def test_the_old_float_half_is_a_cent_low_for_32811_amounts() -> None:
    low = [
        cents
        for cents in range(SMALLEST, LARGEST + 1)
        if math.floor((cents / 100 * 50 / 100) * 100 + 0.5) == share(cents, 5_000) - 1
    ]

    assert len(low) == 32_811
