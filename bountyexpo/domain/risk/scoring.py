"""How risky a user is: a score from 0 to 100 with an explanation of each point (operations §4.2).

Eight factors, each from 0 to 100, are weighted; the sum is the score. Every rule is a row of data:
from which value on, how many points, and why. What follows from a level is data, too, and so is
what a single high factor asks for. No clock is read here; whoever asks says how old things are.
"""

from __future__ import annotations

from enum import StrEnum
from operator import itemgetter
from typing import TYPE_CHECKING, Final, assert_never

import msgspec

from bountyexpo.domain.amounts import dollars_text, share
from bountyexpo.domain.risk.categories import CATEGORIES, Category, Restriction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bountyexpo.domain.policy import Policy


class Level(StrEnum):
    """How risky a user is, in words."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Verification(StrEnum):
    """What is known of who the user is."""

    NONE = "none"
    PENDING = "pending"
    UNDER_REVIEW = "under_review"
    VERIFIED = "verified"
    REJECTED = "rejected"


class Factor(StrEnum):
    """What the score is made of."""

    VELOCITY = "transaction_velocity"
    AMOUNT = "transaction_amount"
    AGE = "account_age"
    VERIFICATION = "verification_status"
    CHARGEBACKS = "chargeback_history"
    REFUNDS = "refund_pattern"
    CATEGORY = "business_category"
    GEOGRAPHY = "geographic"


# In hundredths; the weights of all factors sum to one.
WEIGHTS: Final[Mapping[Factor, int]] = {
    Factor.VELOCITY: 15,
    Factor.AMOUNT: 15,
    Factor.AGE: 10,
    Factor.VERIFICATION: 20,
    Factor.CHARGEBACKS: 15,
    Factor.REFUNDS: 10,
    Factor.CATEGORY: 10,
    Factor.GEOGRAPHY: 5,
}

# How many of the largest transactions of a week count.
LARGEST: Final = 10

# More than the first number of transactions makes the points; the highest rule that fits wins.
DAILY: Final = ((10, 90), (5, 70))
WEEKLY: Final = ((50, 80), (30, 60), (15, 40))
QUIET_POINTS: Final = 10
MEAN_CENTS: Final = ((50_000, 90), (25_000, 70), (10_000, 50), (5_000, 30), (0, 10))
CHARGEBACKS: Final = ((5, 100), (3, 80), (1, 50), (0, 30))
REFUND_PERCENT: Final = ((50, 100), (30, 80), (20, 60), (10, 40), (5, 20))
# An account of fewer days than the first number has the points.
AGE_DAYS: Final = ((1, 100), (7, 80), (30, 60), (90, 40), (180, 20))
RESTRICTIONS: Final = {
    Restriction.PROHIBITED: 100,
    Restriction.HIGH: 90,
    Restriction.MEDIUM: 60,
    Restriction.LOW: 30,
}
NO_CATEGORY_POINTS: Final = 30
UNRESTRICTED_POINTS: Final = 10

# The part of a user's volume to hold in reserve, and for how long.
RESERVE_BPS: Final[Mapping[Level, int]] = {
    Level.LOW: 500,
    Level.MEDIUM: 1_000,
    Level.HIGH: 2_000,
    Level.CRITICAL: 3_000,
}
RESERVE_DAYS: Final = 90
RESERVE_CENTS_MIN: Final = 5_000

LEVEL_ACTIONS: Final[Mapping[Level, tuple[str, ...]]] = {
    Level.LOW: (),
    Level.MEDIUM: ("delay_payouts_24h", "monitor_closely", "establish_reserve"),
    Level.HIGH: ("delay_payouts_72h", "require_additional_verification", "increase_reserve"),
    Level.CRITICAL: ("suspend_account", "require_manual_review", "hold_all_payouts"),
}

# A single factor above its number of points asks for more, whatever the level.
FACTOR_ACTIONS: Final[Sequence[tuple[Factor, int, tuple[str, ...]]]] = (
    (Factor.VERIFICATION, 50, ("require_identity_verification",)),
    (Factor.VELOCITY, 70, ("flag_high_velocity_transactions",)),
    (Factor.CHARGEBACKS, 50, ("review_chargeback_history",)),
    (
        Factor.CATEGORY,
        80,
        ("verify_business_category", "review_restricted_category_compliance"),
    ),
)

# A pattern is recorded above the first number of points, and is worse above the second.
PATTERN_POINTS: Final = 70
WORSE_PATTERN_POINTS: Final = 85

# An assessment is made after this many transactions of a user.
ASSESSED_EVERY: Final = 50


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a user at the moment of an assessment."""

    transactions_day: int = 0
    transactions_week: int = 0
    # The largest amounts of the last seven days.
    amounts_cents: tuple[int, ...] = ()
    account_age_days: int
    verification: Verification = Verification.NONE
    # A verified user without the date of it is not verified.
    has_kyc_date: bool = False
    card_disputes: int = 0
    transactions_month: int = 0
    refunds_month: int = 0
    volume_month_cents: int = 0
    category: str | None = None


class Point(msgspec.Struct, frozen=True):
    """One factor of a score, and why it is what it is; ``weighted`` is in hundredths."""

    factor: Factor
    points: int
    weight: int
    why: str

    @property
    def weighted(self) -> int:
        """What this factor adds to the score, in hundredths of a point."""
        return self.points * self.weight


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """A score with all that follows from it."""

    score: int
    level: Level
    points: tuple[Point, ...]
    actions: tuple[str, ...]
    requires_reserve: bool
    reserve_bps: int
    reserve_cents: int

    def points_of(self, factor: Factor) -> int:
        """Return the points of one factor."""
        return next(point.points for point in self.points if point.factor is factor)


class Pattern(msgspec.Struct, frozen=True):
    """Something about a user's transactions that an admin should see."""

    type: str
    severity: str
    delays_payouts: bool = False


def assess(
    history: History, policy: Policy, categories: Mapping[str, Category] = CATEGORIES
) -> Assessment:
    """Score a user, and say why and what to do."""
    found = {
        Factor.VELOCITY: _velocity(history),
        Factor.AMOUNT: _amount(history),
        Factor.AGE: _age(history),
        Factor.VERIFICATION: _verification(history),
        Factor.CHARGEBACKS: _chargebacks(history),
        Factor.REFUNDS: _refunds(history),
        Factor.CATEGORY: _category(history, categories),
        Factor.GEOGRAPHY: (0, "places are not looked at"),
    }
    points = tuple(
        Point(factor, given, WEIGHTS[factor], why) for factor, (given, why) in found.items()
    )
    score = (sum(point.weighted for point in points) + 50) // 100
    level = level_of(score, policy)
    return Assessment(
        score=score,
        level=level,
        points=points,
        actions=_actions(level, points),
        requires_reserve=level is not Level.LOW,
        reserve_bps=RESERVE_BPS[level],
        reserve_cents=reserve_cents(level, history.volume_month_cents),
    )


def level_of(score: int, policy: Policy) -> Level:
    """Return the level that a score falls into."""
    if score >= policy.risk_critical_min:
        return Level.CRITICAL
    if score >= policy.risk_high_min:
        return Level.HIGH
    return Level.MEDIUM if score >= policy.risk_medium_min else Level.LOW


def reserve_cents(level: Level, volume_month_cents: int) -> int:
    """Return what to hold of a user's month; a fixed sum where there was none."""
    if volume_month_cents <= 0:
        return RESERVE_CENTS_MIN
    return share(volume_month_cents, RESERVE_BPS[level])


def patterns(assessment: Assessment) -> tuple[Pattern, ...]:
    """Return what an admin should see of the user's transactions."""
    found = []
    velocity = assessment.points_of(Factor.VELOCITY)
    if velocity > PATTERN_POINTS:
        is_worse = velocity > WORSE_PATTERN_POINTS
        found.append(
            Pattern("high_velocity", "critical" if is_worse else "high", delays_payouts=is_worse)
        )
    amount = assessment.points_of(Factor.AMOUNT)
    if amount > PATTERN_POINTS:
        found.append(
            Pattern("unusual_amount", "high" if amount > WORSE_PATTERN_POINTS else "medium")
        )
    return tuple(found)


def is_assessment_due(transactions: int) -> bool:
    """Tell whether this transaction of a user is one that asks for an assessment."""
    return transactions > 0 and transactions % ASSESSED_EVERY == 0


def _actions(level: Level, points: Sequence[Point]) -> tuple[str, ...]:
    given = {point.factor: point.points for point in points}
    extra = (
        action
        for factor, above, actions in FACTOR_ACTIONS
        if given[factor] > above
        for action in actions
    )
    return (*LEVEL_ACTIONS[level], *extra)


def _velocity(history: History) -> tuple[int, str]:
    rules = (
        *((history.transactions_day, "day", limit, points) for limit, points in DAILY),
        *((history.transactions_week, "week", limit, points) for limit, points in WEEKLY),
    )
    fitting = [
        (points, f"{count} transactions in a {span}, more than {limit}")
        for count, span, limit, points in rules
        if count > limit
    ]
    return max(fitting, key=itemgetter(0), default=(QUIET_POINTS, "few transactions"))


def _amount(history: History) -> tuple[int, str]:
    largest = sorted(history.amounts_cents, reverse=True)[:LARGEST]
    if not largest:
        return 0, "no transactions this week"
    mean_cents = sum(largest) // len(largest)
    points = next(points for limit, points in MEAN_CENTS if mean_cents > limit or not limit)
    return points, f"the largest amounts of the week are {dollars_text(mean_cents)} on average"


def _age(history: History) -> tuple[int, str]:
    days = history.account_age_days
    points = next((points for below, points in AGE_DAYS if days < below), 0)
    return points, f"the account is {days} days old"


def _verification(history: History) -> tuple[int, str]:
    match history.verification:
        case Verification.REJECTED:
            return 100, "the verification was rejected"
        case Verification.PENDING | Verification.UNDER_REVIEW:
            return 70, "the verification is not decided"
        case Verification.VERIFIED if history.has_kyc_date:
            return 0, "verified"
        case Verification.NONE | Verification.VERIFIED:
            return 50, "not verified"
        case _:
            assert_never(history.verification)


def _chargebacks(history: History) -> tuple[int, str]:
    count = history.card_disputes
    points = next((points for limit, points in CHARGEBACKS if count > limit), 0)
    return points, f"{count} chargebacks"


def _refunds(history: History) -> tuple[int, str]:
    if not history.transactions_month:
        return 0, "no transactions this month"
    refunds, total = history.refunds_month, history.transactions_month
    # Compared without division: more than 5 % is more than 5 of 100.
    points = next((points for limit, points in REFUND_PERCENT if refunds * 100 > limit * total), 0)
    return points, f"{refunds} refunds in {total} transactions this month"


def _category(history: History, categories: Mapping[str, Category]) -> tuple[int, str]:
    if history.category is None:
        return NO_CATEGORY_POINTS, "no line of business is named"
    found = categories.get(history.category)
    if found is None:
        return UNRESTRICTED_POINTS, "the line of business is not restricted"
    return RESTRICTIONS[found.restriction], f"{found.name} is of {found.restriction} risk"
