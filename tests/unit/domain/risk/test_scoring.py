"""Risk: every point of a score is explained, and leads to what the contract says."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from bountyexpo.domain.policy import PRESENT, Policy
from bountyexpo.domain.risk.categories import CATEGORIES, Restriction, check_category
from bountyexpo.domain.risk.scoring import (
    RESERVE_DAYS,
    WEIGHTS,
    Factor,
    History,
    Level,
    Pattern,
    Verification,
    assess,
    is_assessment_due,
    level_of,
    patterns,
    reserve_cents,
)
from hypothesis import given


def history(**facts: Any) -> History:
    """Return somebody old, verified and quiet, but for ``facts``."""
    usual = {
        "account_age_days": 400,
        "verification": Verification.VERIFIED,
        "has_kyc_date": True,
        "category": "gardening",
    }
    return History(**usual | facts)


FACTORS = [
    (Factor.VELOCITY, {"transactions_day": 11}, 90),
    (Factor.VELOCITY, {"transactions_day": 10}, 70),
    (Factor.VELOCITY, {"transactions_day": 6}, 70),
    (Factor.VELOCITY, {"transactions_day": 5}, 10),
    (Factor.VELOCITY, {"transactions_week": 51}, 80),
    (Factor.VELOCITY, {"transactions_week": 50}, 60),
    (Factor.VELOCITY, {"transactions_week": 31}, 60),
    (Factor.VELOCITY, {"transactions_week": 30}, 40),
    (Factor.VELOCITY, {"transactions_week": 16}, 40),
    (Factor.VELOCITY, {"transactions_week": 15}, 10),
    # The old app took the first rule that fitted; here the gravest counts.
    (Factor.VELOCITY, {"transactions_day": 6, "transactions_week": 51}, 80),
    (Factor.AMOUNT, {}, 0),
    (Factor.AMOUNT, {"amounts_cents": (50_001,)}, 90),
    (Factor.AMOUNT, {"amounts_cents": (50_000,)}, 70),
    (Factor.AMOUNT, {"amounts_cents": (25_001,)}, 70),
    (Factor.AMOUNT, {"amounts_cents": (10_001,)}, 50),
    (Factor.AMOUNT, {"amounts_cents": (5_001,)}, 30),
    (Factor.AMOUNT, {"amounts_cents": (5_000,)}, 10),
    (Factor.AMOUNT, {"amounts_cents": (0,)}, 10),
    (Factor.AMOUNT, {"amounts_cents": (60_000,) * 10 + (1,) * 90}, 90),
    (Factor.AMOUNT, {"amounts_cents": (1,) * 90 + (60_000,) * 10}, 90),
    (Factor.AMOUNT, {"amounts_cents": (60_000,) + (1,) * 9}, 30),
    (Factor.AGE, {"account_age_days": 0}, 100),
    (Factor.AGE, {"account_age_days": 1}, 80),
    (Factor.AGE, {"account_age_days": 6}, 80),
    (Factor.AGE, {"account_age_days": 7}, 60),
    (Factor.AGE, {"account_age_days": 30}, 40),
    (Factor.AGE, {"account_age_days": 90}, 20),
    (Factor.AGE, {"account_age_days": 180}, 0),
    (Factor.VERIFICATION, {"verification": Verification.REJECTED}, 100),
    (Factor.VERIFICATION, {"verification": Verification.PENDING}, 70),
    (Factor.VERIFICATION, {"verification": Verification.UNDER_REVIEW}, 70),
    (Factor.VERIFICATION, {}, 0),
    (Factor.VERIFICATION, {"has_kyc_date": False}, 50),
    (Factor.VERIFICATION, {"verification": Verification.NONE}, 50),
    (Factor.CHARGEBACKS, {}, 0),
    (Factor.CHARGEBACKS, {"card_disputes": 1}, 30),
    (Factor.CHARGEBACKS, {"card_disputes": 2}, 50),
    (Factor.CHARGEBACKS, {"card_disputes": 3}, 50),
    (Factor.CHARGEBACKS, {"card_disputes": 4}, 80),
    (Factor.CHARGEBACKS, {"card_disputes": 5}, 80),
    (Factor.CHARGEBACKS, {"card_disputes": 6}, 100),
    (Factor.REFUNDS, {"refunds_month": 5}, 0),
    *(
        (Factor.REFUNDS, {"transactions_month": 100, "refunds_month": refunds}, points)
        for refunds, points in [
            (5, 0),
            (6, 20),
            (10, 20),
            (11, 40),
            (20, 40),
            (21, 60),
            (30, 60),
            (31, 80),
            (51, 100),
        ]
    ),
    (Factor.CATEGORY, {"category": None}, 30),
    (Factor.CATEGORY, {"category": "gambling"}, 100),
    (Factor.CATEGORY, {"category": "cryptocurrency"}, 90),
    (Factor.CATEGORY, {"category": "consulting"}, 60),
    (Factor.CATEGORY, {"category": "retail"}, 30),
    (Factor.CATEGORY, {}, 10),
    (Factor.GEOGRAPHY, {}, 0),
]


@pytest.mark.parametrize(("factor", "facts", "points"), FACTORS)
def test_a_factor_has_its_points(factor: Factor, facts: dict[str, Any], points: int) -> None:
    assert assess(history(**facts), PRESENT).points_of(factor) == points


def test_the_weights_are_those_of_the_contract() -> None:
    assert list(WEIGHTS.values()) == [15, 15, 10, 20, 15, 10, 10, 5]
    assert sum(WEIGHTS.values()) == 100
    assert set(WEIGHTS) == set(Factor)


@given(
    st.builds(
        History,
        transactions_day=st.integers(0, 99),
        transactions_week=st.integers(0, 99),
        amounts_cents=st.lists(st.integers(0, 99_999), max_size=15).map(tuple),
        account_age_days=st.integers(0, 999),
        verification=st.sampled_from(Verification),
        has_kyc_date=st.booleans(),
        card_disputes=st.integers(0, 9),
        transactions_month=st.integers(0, 99),
        refunds_month=st.integers(0, 99),
        volume_month_cents=st.integers(0, 10**9),
        category=st.none() | st.sampled_from([*CATEGORIES, "gardening"]),
    )
)
def test_a_score_is_the_sum_of_its_explained_points(facts: History) -> None:
    found = assess(facts, PRESENT)

    assert 0 <= found.score <= 100
    assert found.score == (sum(point.points * point.weight for point in found.points) + 50) // 100
    assert [point.factor for point in found.points] == list(Factor)
    assert all(point.why and 0 <= point.points <= 100 for point in found.points)
    assert found.level is level_of(found.score, PRESENT)


def test_the_reasons_name_what_was_seen() -> None:
    found = assess(
        history(
            transactions_day=12,
            amounts_cents=(60_000,),
            account_age_days=3,
            card_disputes=2,
            transactions_month=10,
            refunds_month=6,
            category="gambling",
        ),
        PRESENT,
    )

    assert [point.why for point in found.points] == [
        "12 transactions in a day, more than 10",
        "the largest amounts of the week are $600 on average",
        "the account is 3 days old",
        "verified",
        "2 chargebacks",
        "6 refunds in 10 transactions this month",
        "Gambling is of prohibited risk",
        "places are not looked at",
    ]


def test_a_quiet_user_has_plain_reasons() -> None:
    found = assess(History(account_age_days=0), PRESENT)

    whys = {point.factor: point.why for point in found.points}
    assert whys[Factor.VELOCITY] == "few transactions"
    assert whys[Factor.AMOUNT] == "no transactions this week"
    assert whys[Factor.VERIFICATION] == "not verified"
    assert whys[Factor.REFUNDS] == "no transactions this month"
    assert whys[Factor.CATEGORY] == "no line of business is named"


@pytest.mark.parametrize(
    ("score", "level"),
    [
        (0, "low"),
        (59, "low"),
        (60, "medium"),
        (84, "medium"),
        (85, "high"),
        (94, "high"),
        (95, "critical"),
        (100, "critical"),
    ],
)
def test_levels_begin_at_60_85_and_95(score: int, level: str) -> None:
    assert level_of(score, PRESENT) == level


def test_the_levels_can_be_set() -> None:
    policy = Policy(risk_medium_min=30, risk_high_min=60, risk_critical_min=85)

    assert level_of(85, policy) is Level.CRITICAL
    assert level_of(30, policy) is Level.MEDIUM


WORST = {
    "transactions_day": 11,
    "amounts_cents": (60_000,),
    "account_age_days": 0,
    "verification": Verification.REJECTED,
    "card_disputes": 6,
    "transactions_month": 10,
    "refunds_month": 10,
    "volume_month_cents": 1_000_000,
    "category": "gambling",
}


def test_what_the_worst_user_leads_to() -> None:
    found = assess(history(**WORST), Policy(risk_critical_min=90))

    assert (found.score, found.level) == (92, Level.CRITICAL)
    assert found.requires_reserve
    assert (found.reserve_bps, found.reserve_cents) == (3_000, 300_000)
    assert found.actions == (
        "suspend_account",
        "require_manual_review",
        "hold_all_payouts",
        "require_identity_verification",
        "flag_high_velocity_transactions",
        "review_chargeback_history",
        "verify_business_category",
        "review_restricted_category_compliance",
    )


def test_what_a_high_and_a_medium_level_lead_to() -> None:
    high = assess(history(**WORST), PRESENT)
    medium = assess(history(**WORST | {"verification": Verification.VERIFIED}), PRESENT)

    assert (high.score, high.level, high.reserve_bps) == (92, Level.HIGH, 2_000)
    assert high.actions[:3] == (
        "delay_payouts_72h",
        "require_additional_verification",
        "increase_reserve",
    )
    assert (medium.score, medium.level, medium.reserve_bps) == (72, Level.MEDIUM, 1_000)
    assert medium.actions[:3] == ("delay_payouts_24h", "monitor_closely", "establish_reserve")
    assert "require_identity_verification" not in medium.actions


def test_a_good_user_is_left_alone() -> None:
    found = assess(history(), PRESENT)

    assert (found.level, found.actions) == (Level.LOW, ())
    assert not found.requires_reserve
    assert found.reserve_bps == 500
    assert patterns(found) == ()


@pytest.mark.parametrize(
    ("facts", "actions"),
    [
        ({"verification": Verification.NONE}, ()),
        ({"transactions_day": 6}, ()),
        ({"card_disputes": 3}, ()),
        ({"card_disputes": 4}, ("review_chargeback_history",)),
        ({"category": "consulting"}, ()),
        (
            {"category": "travel_services"},
            ("verify_business_category", "review_restricted_category_compliance"),
        ),
    ],
)
def test_a_single_factor_asks_for_more_above_its_bound(
    facts: dict[str, Any], actions: tuple[str, ...]
) -> None:
    assert assess(history(**facts), PRESENT).actions == actions


def test_a_reserve_is_a_part_of_the_month_or_a_fixed_sum() -> None:
    assert reserve_cents(Level.MEDIUM, 123_456) == 12_346
    assert reserve_cents(Level.MEDIUM, 0) == 5_000
    assert reserve_cents(Level.LOW, 100) == 5
    assert RESERVE_DAYS == 90


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"transactions_day": 6}, ()),
        ({"transactions_week": 51}, (Pattern("high_velocity", "high"),)),
        (
            {"transactions_day": 11},
            (Pattern("high_velocity", "critical", delays_payouts=True),),
        ),
        ({"amounts_cents": (26_000,)}, ()),
        ({"amounts_cents": (60_000,)}, (Pattern("unusual_amount", "high"),)),
    ],
)
def test_unusual_transactions_are_patterns(
    facts: dict[str, Any], expected: tuple[Pattern, ...]
) -> None:
    assert patterns(assess(history(**facts), PRESENT)) == expected


@pytest.mark.parametrize(("count", "due"), [(0, False), (49, False), (50, True), (100, True)])
def test_every_fiftieth_transaction_asks_for_an_assessment(count: int, due: bool) -> None:
    assert is_assessment_due(count) is due


def test_there_are_23_restricted_categories() -> None:
    counts = [
        sum(category.restriction is each for category in CATEGORIES.values())
        for each in Restriction
    ]

    assert counts == [6, 6, 5, 6]
    assert all(code == category.code for code, category in CATEGORIES.items())


def test_only_prohibited_categories_are_refused() -> None:
    refused = check_category(" Illegal_Drugs ")
    risky = check_category("cryptocurrency")

    assert not refused.is_allowed
    assert refused.reason == "Illegal drugs is not allowed here."
    assert (risky.is_allowed, risky.reason, risky.restriction) == (True, None, Restriction.HIGH)
    assert check_category("gardening").is_allowed
    assert check_category("gardening").restriction is None
