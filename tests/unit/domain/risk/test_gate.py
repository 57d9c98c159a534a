"""The gate before money moves says no to what nobody can judge, and lets money in."""

from __future__ import annotations

import pytest
from bountyexpo.domain.risk.gate import Movement, Pass, Standing, check, debt_steps
from bountyexpo.domain.risk.scoring import Level, Verification
from bountyexpo.errors import NotAllowed, Unavailable

OUT = [Movement.ESCROW, Movement.WITHDRAWAL, Movement.INSTANT_PAYOUT]


@pytest.mark.parametrize("movement", OUT)
def test_money_out_fails_closed(movement: Movement) -> None:
    assert movement.is_out
    with pytest.raises(Unavailable):
        check(movement, 1, None)


def test_money_in_fails_open_and_says_so() -> None:
    assert check(Movement.DEPOSIT, 10**9, None) == Pass("money was let in unchecked")


@pytest.mark.parametrize("movement", Movement)
def test_who_is_in_good_standing_passes(movement: Movement) -> None:
    assert check(movement, 50_000, Standing()) == Pass()


@pytest.mark.parametrize("movement", Movement)
def test_who_is_restricted_moves_nothing(movement: Movement) -> None:
    with pytest.raises(NotAllowed, match="restricted") as refusal:
        check(movement, 1, Standing(is_restricted=True))

    assert refusal.value.error_code == "account_not_eligible"


REFUSED_OUT = [
    (Standing(is_suspended=True), 1, "account_not_eligible", "suspended"),
    (Standing(is_frozen=True), 1, "balance_frozen", "frozen"),
    (Standing(debt_cents=1), 1, "account_not_eligible", "open balance"),
    (Standing(verification=Verification.REJECTED), 1, "account_not_eligible", "not successful"),
    (Standing(verification=Verification.PENDING), 10_001, "account_not_eligible", r"\$100\."),
    (Standing(verification=Verification.UNDER_REVIEW), 10_001, "account_not_eligible", "100"),
    (Standing(level=Level.HIGH), 50_001, "account_not_eligible", r"\$500\."),
    (Standing(level=Level.CRITICAL), 50_001, "account_not_eligible", "500"),
]


@pytest.mark.parametrize("movement", OUT)
@pytest.mark.parametrize(("standing", "cents", "code", "words"), REFUSED_OUT)
def test_who_may_not_send_money(
    movement: Movement, standing: Standing, cents: int, code: str, words: str
) -> None:
    with pytest.raises(NotAllowed, match=words) as refusal:
        check(movement, cents, standing)

    assert refusal.value.error_code == code
    assert check(Movement.DEPOSIT, cents, standing) == Pass()


@pytest.mark.parametrize(
    ("standing", "cents"),
    [
        (Standing(verification=Verification.PENDING), 10_000),
        (Standing(verification=Verification.NONE), 10_001),
        (Standing(level=Level.HIGH), 50_000),
        (Standing(level=Level.MEDIUM), 50_001),
    ],
)
def test_who_may_send_as_much(standing: Standing, cents: int) -> None:
    assert check(Movement.WITHDRAWAL, cents, standing) == Pass()


@pytest.mark.parametrize(
    ("cents", "days", "steps"),
    [
        (0, 99, ()),
        (9_999, 0, ()),
        (9_999, 30, ("escalate",)),
        (10_000, 29, ("alert",)),
        (50_000, 0, ("suspend", "alert")),
        (100_000, 30, ("escalate", "collect", "suspend", "alert")),
    ],
)
def test_a_debt_leads_to_steps(cents: int, days: int, steps: tuple[str, ...]) -> None:
    assert debt_steps(cents, days) == steps
