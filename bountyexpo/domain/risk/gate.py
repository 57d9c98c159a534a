"""The gate before money moves: may this user do this now (operations §4.5, money §1.6).

Who cannot be judged, because the facts could not be read, may receive money and not send any: the
gate fails closed for money out and open, with an alert, for money in.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from bountyexpo.domain.risk.scoring import Level, Verification
from bountyexpo.errors import NotAllowed, Unavailable


class Movement(StrEnum):
    """What is about to happen."""

    DEPOSIT = "deposit"
    ESCROW = "escrow"
    WITHDRAWAL = "withdrawal"
    INSTANT_PAYOUT = "instant_payout"

    @property
    def is_out(self) -> bool:
        """Tell whether money leaves the user's wallet."""
        return self is not Movement.DEPOSIT


# Above this a user whose verification is not decided must wait.
PENDING_CENTS_MAX: Final = 10_000
# Above this a user of high or critical risk must ask us.
RISKY_CENTS_MAX: Final = 50_000

# What a debt leads to, from which amount on, and after how many days it is not a matter of course.
DEBT_STEPS: Final = ((100_000, "collect"), (50_000, "suspend"), (10_000, "alert"))
DEBT_ESCALATES_AFTER_DAYS: Final = 30


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a user when money is about to move."""

    is_restricted: bool = False
    is_suspended: bool = False
    is_frozen: bool = False
    debt_cents: int = 0
    verification: Verification = Verification.NONE
    level: Level = Level.LOW


class Pass(msgspec.Struct, frozen=True):
    """The movement may go on; an alert says what an admin should know of it."""

    alert: str | None = None


def check(movement: Movement, amount_cents: int, standing: Standing | None) -> Pass:
    """Let the movement pass, or refuse; ``standing`` is None when it could not be read.

    Raises:
        NotAllowed: with code ``account_not_eligible`` or ``balance_frozen``.
        Unavailable: money would go out and nobody can say whether it may.
    """
    if standing is None:
        if movement.is_out:
            raise Unavailable("This cannot be checked at the moment. Please try again shortly.")
        return Pass("money was let in unchecked")
    if standing.is_restricted:
        raise _refusal("Your account is restricted. Please contact support.")
    if movement.is_out:
        _check_out(amount_cents, standing)
    return Pass()


def debt_steps(debt_cents: int, days: int) -> tuple[str, ...]:
    """Return what a debt of so many days leads to, the gravest first."""
    steps = tuple(step for limit, step in DEBT_STEPS if debt_cents >= limit)
    is_late = bool(debt_cents) and days >= DEBT_ESCALATES_AFTER_DAYS
    return ("escalate", *steps) if is_late else steps


def _check_out(amount_cents: int, standing: Standing) -> None:
    if standing.is_suspended:
        raise _refusal("Your account is suspended. Please contact support.")
    if standing.is_frozen:
        raise NotAllowed("Your balance is frozen. Please contact support.", code="balance_frozen")
    if standing.debt_cents > 0:
        raise _refusal("Your account has an open balance. Please add funds first.")
    if standing.verification is Verification.REJECTED:
        raise _refusal("Your verification was not successful. Please contact support.")
    is_pending = standing.verification in {Verification.PENDING, Verification.UNDER_REVIEW}
    if is_pending and amount_cents > PENDING_CENTS_MAX:
        raise _refusal("Your verification must be finished before you move more than $100.")
    if standing.level in {Level.HIGH, Level.CRITICAL} and amount_cents > RISKY_CENTS_MAX:
        raise _refusal("Please contact support to move more than $500.")


def _refusal(message: str) -> NotAllowed:
    return NotAllowed(message, code="account_not_eligible")
