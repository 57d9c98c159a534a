"""The money policy: one object with a version, and what an escrow keeps of it."""

from __future__ import annotations

import pytest
from bountyexpo.domain.policy import PRESENT, VERSIONS, FundingTerms, Policy, policy_of
from bountyexpo.errors import InvalidRequest, NotFound


def test_the_settled_decisions() -> None:
    assert (PRESENT.platform_fee_bps, PRESENT.version) == (500, 1)
    assert (PRESENT.open_refund_bps, PRESENT.hunter_cancels_refund_bps) == (10_000, 10_000)
    assert PRESENT.poster_cancels_refund_bps == 5_000
    assert (PRESENT.instant_fee_bps, PRESENT.instant_fee_cents_min) == (100, 50)
    assert (PRESENT.risk_medium_min, PRESENT.risk_high_min, PRESENT.risk_critical_min) == (
        60,
        85,
        95,
    )
    assert PRESENT.message_edit_window_s == 900


def test_the_limits_of_the_contract() -> None:
    assert (PRESENT.bounty_cents_min, PRESENT.bounty_cents_max) == (100, 1_000_000)
    assert (PRESENT.deposit_cents_min, PRESENT.deposit_cents_max) == (50, 1_000_000)
    assert (PRESENT.withdrawal_cents_min, PRESENT.withdrawal_cents_max) == (1_000, 1_000_000)
    assert (PRESENT.instant_payout_cents_min, PRESENT.instant_payout_cents_max) == (1_000, 999_900)
    assert PRESENT.instant_payouts_per_day_max == 10
    assert PRESENT.adjustment_cents_max == 1_000_000
    assert PRESENT.second_approval_above_cents == 50_000
    assert PRESENT.withdrawal_retries_max == 3
    assert (PRESENT.pending_applications_max, PRESENT.bounties_per_day_max) == (10, 10)


@pytest.mark.parametrize("fee_bps", [0, 3_000])
def test_a_fee_up_to_thirty_percent_is_possible(fee_bps: int) -> None:
    assert Policy(platform_fee_bps=fee_bps).platform_fee_bps == fee_bps


@pytest.mark.parametrize("fee_bps", [-1, 3_001])
def test_another_fee_is_refused(fee_bps: int) -> None:
    with pytest.raises(InvalidRequest, match="from 0 to 3000 basis points") as refusal:
        Policy(platform_fee_bps=fee_bps)

    assert refusal.value.error_code == "invalid_policy"


@pytest.mark.parametrize("thresholds", [(90, 85, 95), (60, 96, 95)])
def test_levels_of_risk_are_in_order(thresholds: tuple[int, int, int]) -> None:
    medium, high, critical = thresholds
    with pytest.raises(AssertionError):
        Policy(risk_medium_min=medium, risk_high_min=high, risk_critical_min=critical)


def test_an_escrow_keeps_the_fee_it_was_funded_with() -> None:
    terms = Policy(version=7, platform_fee_bps=250).terms()

    assert terms == FundingTerms(policy_version=7, platform_fee_bps=250)
    assert terms.release_fee_bps() == 250


def test_an_admin_can_order_another_fee_within_the_same_bounds() -> None:
    terms = PRESENT.terms()

    assert terms.release_fee_bps(0) == 0
    with pytest.raises(InvalidRequest):
        terms.release_fee_bps(3_001)


def test_every_version_stays_known() -> None:
    assert all(policy.version == version for version, policy in VERSIONS.items())
    assert policy_of(PRESENT.version) is PRESENT
    with pytest.raises(NotFound) as refusal:
        policy_of(99)
    assert refusal.value.error_code == "unknown_policy"
