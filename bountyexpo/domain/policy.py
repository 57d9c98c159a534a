"""The money policy of the platform: one versioned object, kept with each escrow when funded.

A change of policy never touches an escrow that exists: the bounty keeps the rate it was funded
with and the version that says all the rest (contract money §1.2, §1.3). To change a rule, give
``PRESENT`` a new version here and keep the old one in ``VERSIONS``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from bountyexpo.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

# Daily limits look back over this time.
DAY_S: Final = 86_400


class Quiet(msgspec.Struct, frozen=True):
    """After how many days without anything people are told, and when it has an end; 0 is never."""

    notice_days: int
    end_days: int

    def __post_init__(self) -> None:
        """Refuse an end of which nobody is told before."""
        assert self.end_days == 0 or 0 < self.notice_days < self.end_days


# A platform that takes more than this has a wrong setting (contract money §8).
PLATFORM_FEE_BPS_MAX: Final = 3_000


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Rates in basis points, limits in cents, and the times that rules are measured by.

    Raises:
        InvalidRequest: the platform fee is not between 0 and 30 %.
    """

    version: int = 1
    # One fee for every release, a dispute's included, unless an admin names another.
    platform_fee_bps: int = 500

    # What goes back to the poster: of an open bounty; when the hunter cancels the work; when the
    # poster does after an acceptance. The last two are proposals, which the other side must agree
    # to, and what does not go back goes to the hunter.
    open_refund_bps: int = 10_000
    hunter_cancels_refund_bps: int = 10_000
    poster_cancels_refund_bps: int = 5_000

    # The fee of an instant payout, on top of the payout, paid by the hunter and booked.
    instant_fee_bps: int = 100
    instant_fee_cents_min: int = 50
    instant_payout_cents_min: int = 1_000
    instant_payout_cents_max: int = 999_900
    instant_payouts_per_day_max: int = 10

    bounty_cents_min: int = 100
    bounty_cents_max: int = 1_000_000
    deposit_cents_min: int = 50
    deposit_cents_max: int = 1_000_000
    withdrawal_cents_min: int = 1_000
    withdrawal_cents_max: int = 1_000_000
    withdrawal_retries_max: int = 3
    adjustment_cents_max: int = 1_000_000
    # An admin's money action above this needs a second admin.
    second_approval_above_cents: int = 50_000

    pending_applications_max: int = 10
    # How long whom the poster has rejected cannot apply to the same bounty.
    rejection_cool_down_s: int = 24 * 60 * 60
    bounties_per_day_max: int = 10
    # The same title at the same price within this time is the same request again.
    repost_window_s: int = 10 * 60
    message_edit_window_s: int = 15 * 60

    # An open bounty to which nobody applies is archived in the end, one in progress is stale.
    unanswered: Quiet = Quiet(notice_days=30, end_days=45)
    idle: Quiet = Quiet(notice_days=14, end_days=21)
    # An open bounty is archived this long after its poster was told of its end date; 0 is never.
    expired_archive_days: int = 14
    # An old client takes a bounty by one word, which is an application; or it is told to apply.
    takes_direct_accept: bool = True

    # The lowest score of each level of risk.
    risk_medium_min: int = 60
    risk_high_min: int = 85
    risk_critical_min: int = 95

    def __post_init__(self) -> None:
        """Refuse a fee that nobody can have meant."""
        if not 0 <= self.platform_fee_bps <= PLATFORM_FEE_BPS_MAX:
            raise InvalidRequest(
                f"The platform fee must be from 0 to {PLATFORM_FEE_BPS_MAX} basis points.",
                code="invalid_policy",
            )
        assert self.risk_medium_min <= self.risk_high_min <= self.risk_critical_min

    def terms(self) -> FundingTerms:
        """Return what an escrow keeps of the policy when it is funded."""
        return FundingTerms(policy_version=self.version, platform_fee_bps=self.platform_fee_bps)


class FundingTerms(msgspec.Struct, frozen=True, kw_only=True):
    """The snapshot on an escrow."""

    policy_version: int
    platform_fee_bps: int

    def release_fee_bps(self, ordered_bps: int | None = None) -> int:
        """Return the fee of a release, which only an admin's resolution of a dispute can change.

        Raises:
            InvalidRequest: the ordered fee is not between 0 and 30 %.
        """
        if ordered_bps is None:
            return self.platform_fee_bps
        return Policy(platform_fee_bps=ordered_bps).platform_fee_bps


PRESENT: Final = Policy()
VERSIONS: Final[Mapping[int, Policy]] = {PRESENT.version: PRESENT}


def policy_of(version: int) -> Policy:
    """Return the policy with which an escrow was funded.

    Raises:
        NotFound: there was never such a version.
    """
    if version not in VERSIONS:
        raise NotFound(f"There is no money policy {version}.", code="unknown_policy")
    return VERSIONS[version]
