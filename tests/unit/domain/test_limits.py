"""Limits of what people type: what passes is clean, and each refusal is a sentence with a field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.domain import limits
from bountyexpo.domain.market import bounty_limits
from bountyexpo.domain.policy import PRESENT
from bountyexpo.errors import InvalidRequest, RateLimited

if TYPE_CHECKING:
    from collections.abc import Callable

MONDAY = datetime(2026, 1, 5, 12, tzinfo=UTC)

PASSED: list[tuple[Callable[[], Any], Any]] = [
    (lambda: limits.text("  a\x00b\x07c\td  ", "x", 1, 9), "abc\td"),
    (lambda: limits.optional_text(None, "x", 9), None),
    (lambda: limits.optional_text("  ", "x", 9), None),
    (lambda: limits.optional_text(" a ", "x", 1), "a"),
    (lambda: limits.bounty_amount(100, is_for_honor=False, policy=PRESENT), 100),
    (lambda: limits.bounty_amount(1_000_000, is_for_honor=False, policy=PRESENT), 1_000_000),
    (lambda: limits.bounty_amount(0, is_for_honor=True, policy=PRESENT), 0),
    (lambda: limits.deposit_amount(50, policy=PRESENT), 50),
    (lambda: limits.deposit_amount(1_000_000, policy=PRESENT), 1_000_000),
    (lambda: limits.withdrawal_amount(1_000, policy=PRESENT), 1_000),
    (lambda: limits.withdrawal_amount(1_000_000, policy=PRESENT), 1_000_000),
    (lambda: limits.instant_payout_amount(1_000, paid_today=9, policy=PRESENT), 1_000),
    (lambda: limits.instant_payout_amount(999_900, paid_today=0, policy=PRESENT), 999_900),
    (lambda: limits.adjustment_amount(-1_000_000, policy=PRESENT), -1_000_000),
    (lambda: limits.adjustment_amount(1, policy=PRESENT), 1),
    (lambda: limits.email(" Anna@Example.COM "), "anna@example.com"),
    (
        lambda: limits.email("o'neil+bounty_1@mail-2.example.co"),
        "o'neil+bounty_1@mail-2.example.co",
    ),
    (lambda: limits.username("@Anna_1"), "anna_1"),
    (lambda: limits.password(" secret  "), " secret  "),
    (lambda: limits.password("x" * 128), "x" * 128),
    (lambda: limits.rating_tenths(1), 10),
    (lambda: limits.rating_tenths(4.3), 43),
    (lambda: limits.rating_tenths(5), 50),
    (lambda: bounty_limits.title(" Carry "), "Carry"),
    (lambda: bounty_limits.title("x" * 200), "x" * 200),
    (lambda: bounty_limits.description("x" * 20), "x" * 20),
    (lambda: bounty_limits.description("x" * 5_000), "x" * 5_000),
    (lambda: bounty_limits.location(None, work_type="online"), None),
    (lambda: bounty_limits.location(" Ulm ", work_type="in_person"), "Ulm"),
    (lambda: bounty_limits.skills(["a", "b"]), "a, b"),
    (lambda: bounty_limits.skills(" a,b "), "a,b"),
    (lambda: bounty_limits.zip_code(None), None),
    (lambda: bounty_limits.zip_code("02134"), "02134"),
]


@pytest.mark.parametrize(("check", "value"), PASSED)
def test_what_fits_passes(check: Callable[[], Any], value: Any) -> None:
    assert check() == value


REFUSED: list[tuple[Callable[[], Any], str, str, str]] = [
    (lambda: bounty_limits.title("Tidy"), "title", "VALIDATION_ERROR", "at least 5 characters"),
    (lambda: bounty_limits.title("x" * 201), "title", "VALIDATION_ERROR", "at most 200"),
    (lambda: bounty_limits.description("x" * 19), "description", "VALIDATION_ERROR", "at least 20"),
    (lambda: bounty_limits.description("x" * 5_001), "description", "VALIDATION_ERROR", "5000"),
    (
        lambda: bounty_limits.location(" ", work_type="in_person"),
        "location",
        "VALIDATION_ERROR",
        "location must be given for work in person.",
    ),
    (
        lambda: bounty_limits.location("NY", work_type="online"),
        "location",
        "VALIDATION_ERROR",
        "at least 3",
    ),
    (
        lambda: bounty_limits.location("x" * 201, work_type="online"),
        "location",
        "VALIDATION_ERROR",
        "at most 200",
    ),
    (lambda: bounty_limits.skills("x" * 1_001), "skills_required", "VALIDATION_ERROR", "at most"),
    (lambda: bounty_limits.zip_code("1234"), "zip_code", "VALIDATION_ERROR", "five digits"),
    (lambda: bounty_limits.zip_code("12345\n"), "zip_code", "VALIDATION_ERROR", "five digits"),
    *(
        (
            lambda cents=cents: limits.bounty_amount(cents, is_for_honor=True, policy=PRESENT),
            "amount",
            "invalid_amount",
            "amount must be 0 for a bounty for honor.",
        )
        for cents in (1, 77, -1)
    ),
    (
        lambda: limits.bounty_amount(99, is_for_honor=False, policy=PRESENT),
        "amount",
        "invalid_amount",
        "amount must be between $1 and $10,000.",
    ),
    (
        lambda: limits.bounty_amount(1_000_001, is_for_honor=False, policy=PRESENT),
        "amount",
        "invalid_amount",
        "between",
    ),
    (
        lambda: limits.deposit_amount(49, policy=PRESENT),
        "amountCents",
        "invalid_amount",
        "amountCents must be from 50 to 1000000.",
    ),
    (
        lambda: limits.deposit_amount(1_000_001, policy=PRESENT),
        "amountCents",
        "invalid_amount",
        "from",
    ),
    (
        lambda: limits.withdrawal_amount(999, policy=PRESENT),
        "amount",
        "below_minimum",
        "The smallest withdrawal is $10.",
    ),
    (
        lambda: limits.withdrawal_amount(1_000_001, policy=PRESENT),
        "amount",
        "above_maximum",
        "The largest withdrawal is $10,000.",
    ),
    (
        lambda: limits.instant_payout_amount(999, paid_today=0, policy=PRESENT),
        "amount",
        "below_minimum",
        "The smallest instant payout is $10.",
    ),
    (
        lambda: limits.instant_payout_amount(999_901, paid_today=0, policy=PRESENT),
        "amount",
        "above_instant_maximum",
        "The largest instant payout is $9,999.",
    ),
    (
        lambda: limits.adjustment_amount(0, policy=PRESENT),
        "amount",
        "invalid_amount",
        "from -$10,000 to $10,000.",
    ),
    (
        lambda: limits.adjustment_amount(-1_000_001, policy=PRESENT),
        "amount",
        "invalid_amount",
        "from",
    ),
    (lambda: limits.email("anna"), "email", "VALIDATION_ERROR", "Invalid email"),
    (lambda: limits.email("a@b"), "email", "VALIDATION_ERROR", "Invalid email"),
    *(
        (lambda given=given: limits.email(given), "email", "VALIDATION_ERROR", "Invalid email")
        for given in (
            *("a@<b>.cd", "<a>@b.cd", "a@b.cd>", 'a"@b.cd', "a@b..cd", "a@.b.cd", "a@b.cd."),
            *(
                "a@-b.cd",
                "a@b-.cd",
                "a@b_c.de",
                "a b@c.de",
                "a@b@c.de",
                "a@b.cd\u202e",
                "\u200ba@b.cd",
            ),
            *(
                "a@b\u3002cd",
                "\uff41@b.cd",
                "a@b.cd\x00",
                f"{'a' * 65}@b.cd",
                f"a@{'b' * 64}.cd",
                "@b.cd",
            ),
        )
    ),
    (
        lambda: limits.email(f"a@{'b' * 250}.example"),
        "email",
        "VALIDATION_ERROR",
        "Invalid email",
    ),
    (lambda: limits.username("no"), "username", "VALIDATION_ERROR", "Invalid username format"),
    (lambda: limits.username("a b c"), "username", "VALIDATION_ERROR", "Invalid username format"),
    (
        lambda: limits.password("x" * 7),
        "password",
        "VALIDATION_ERROR",
        "Password too short (min 8)",
    ),
    (
        lambda: limits.password("x" * 129),
        "password",
        "VALIDATION_ERROR",
        "Password too long (max 128)",
    ),
    (
        lambda: limits.rating_tenths(0.9),
        "rating",
        "VALIDATION_ERROR",
        "rating must be from 1 to 5 with at most one decimal.",
    ),
    (
        lambda: limits.rating_tenths(5.1),
        "rating",
        "VALIDATION_ERROR",
        "rating must be from 1 to 5 with at most one decimal.",
    ),
    (
        lambda: limits.rating_tenths(4.25),
        "rating",
        "VALIDATION_ERROR",
        "rating must be from 1 to 5 with at most one decimal.",
    ),
    (
        lambda: bounty_limits.schedule(start_date=MONDAY, end_date=MONDAY - timedelta(1)),
        "end_date",
        "VALIDATION_ERROR",
        "end_date must not be before start_date.",
    ),
    (
        lambda: bounty_limits.schedule(duration_minutes=0),
        "duration_minutes",
        "VALIDATION_ERROR",
        "from 1 to 525600",
    ),
    (
        lambda: bounty_limits.schedule(duration_minutes=525_601),
        "duration_minutes",
        "VALIDATION_ERROR",
        "from 1",
    ),
]


@pytest.mark.parametrize(("check", "field", "code", "words"), REFUSED)
def test_what_does_not_fit_is_refused_in_a_sentence(
    check: Callable[[], Any], field: str, code: str, words: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        check()

    assert words in refusal.value.message
    assert refusal.value.error_code == code
    assert refusal.value.fields["issues"] == [{"path": field, "message": refusal.value.message}]


def test_instant_payouts_of_a_day_are_counted() -> None:
    with pytest.raises(RateLimited, match="10 instant payouts") as refusal:
        limits.instant_payout_amount(1_000, paid_today=10, policy=PRESENT)

    assert refusal.value.error_code == "daily_instant_limit_reached"


def test_a_schedule_may_be_a_single_moment() -> None:
    found = bounty_limits.schedule(start_date=MONDAY, end_date=MONDAY, duration_minutes=525_600)

    assert (found.start_date, found.end_date, found.duration_minutes) == (MONDAY, MONDAY, 525_600)
