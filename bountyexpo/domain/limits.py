"""Limits of what people type, with the messages that the app shows (rest-core §2.3, §2.4, §2.5).

Each function returns the cleaned value or raises ``InvalidRequest`` naming the field. The app shows
``message`` as it is, so each is a sentence for the person who typed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bountyexpo.domain.amounts import dollars_text
from bountyexpo.domain.visible import is_blank
from bountyexpo.errors import InvalidRequest, RateLimited

if TYPE_CHECKING:
    from enum import StrEnum

    from bountyexpo.domain.policy import Policy

TITLE_CHARS: Final = (5, 200)
DESCRIPTION_CHARS: Final = (20, 5_000)
LOCATION_CHARS: Final = (3, 200)
TIMELINE_CHARS_MAX: Final = 500
SKILLS_CHARS_MAX: Final = 1_000
DEADLINE_CHARS_MAX: Final = 64
NOTE_CHARS_MAX: Final = 1_000
# A year, in minutes.
DURATION_MINUTES_MAX: Final = 525_600
APPLICATION_CHARS_MAX: Final = 1_000
# How far a tenth of a star may be off as a binary fraction.
STAR_ERROR: Final = 1e-6
# How long the work will take, as whoever applies says it.
DURATION_CHARS_MAX: Final = 100
COMPLETION_CHARS: Final = (1, 1_000)
UPDATE_CHARS: Final = (1, 2_000)
COMMENT_CHARS_MAX: Final = 500
FEEDBACK_CHARS_MAX: Final = 1_000
REPORT_CHARS_MAX: Final = 2_000
# What a cancellation keeps of words, and what its category leaves of that for the reason.
CANCELLATION_REASON_CHARS_MAX: Final = 960
CANCELLATION_ANSWER_CHARS_MAX: Final = 1_000
DISPUTE_TEXT_CHARS: Final = (1, 2_000)
# With evidence a reason is more than a word.
DISPUTE_COMMIT_CHARS: Final = (20, 2_000)
EVIDENCE_CHARS: Final = (1, 5_000)
EVIDENCE_NOTE_CHARS_MAX: Final = 1_000
DEPOSIT_NOTE_CHARS_MAX: Final = 500
# The database columns of keys hold no more.
IDEMPOTENCY_KEY_CHARS_MAX: Final = 255
# A key is compared, stored and logged, so it holds no controls. To Python a ``$`` stands before a
# last line feed, too, unless it is said that none follows.
IDEMPOTENCY_KEY: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+$(?!\n)"
MESSAGE_CHARS_MAX: Final = 5_000
ENVELOPE_BYTES_MAX: Final = 32 * 1024
PASSWORD_CHARS: Final = (8, 128)
USERNAME: Final = re.compile(r"[a-z0-9_]{3,24}")
# What browsers take in an e-mail field (HTML, "valid e-mail address"), and so does the auth server,
# but with a second label; anything else can neither be delivered to nor be told from markup.
EMAIL: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+"
)
EMAIL_CHARS_MAX: Final = 254
# C0 controls but tab and newline; NUL cannot even be stored.
CONTROL_CHARACTERS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def text(value: str, field: str, chars_min: int, chars_max: int) -> str:
    """Return ``value`` without control characters and outer blanks, if its length is right."""
    cleaned = CONTROL_CHARACTERS.sub("", value).strip()
    if is_blank(cleaned):
        cleaned = ""
    if len(cleaned) < chars_min:
        raise _refusal(field, f"must have at least {chars_min} characters.")
    if len(cleaned) > chars_max:
        raise _refusal(field, f"must have at most {chars_max} characters.")
    return cleaned


def optional_text(value: str | None, field: str, chars_max: int) -> str | None:
    """Return the cleaned text, or None where nothing remains of it."""
    return (text(value, field, 0, chars_max) or None) if value is not None else None


def money_amount(
    amount_cents: int, field: str, cents_min: int, cents_max: int, *, name: str
) -> int:
    """Return the amount, if it is within its limits; the codes are those that the app knows."""
    if amount_cents < cents_min:
        low = dollars_text(cents_min)
        raise _refusal(field, f"The smallest {name} is {low}.", code="below_minimum", whole=True)
    if amount_cents > cents_max:
        high = dollars_text(cents_max)
        raise _refusal(field, f"The largest {name} is {high}.", code="above_maximum", whole=True)
    return amount_cents


def bounty_amount(amount_cents: int, *, is_for_honor: bool, policy: Policy) -> int:
    """Return the price: zero for honor, else within the limits of the policy."""
    if is_for_honor:
        if amount_cents:
            raise _refusal("amount", "must be 0 for a bounty for honor.", code="invalid_amount")
        return 0
    if not policy.bounty_cents_min <= amount_cents <= policy.bounty_cents_max:
        low, high = dollars_text(policy.bounty_cents_min), dollars_text(policy.bounty_cents_max)
        raise _refusal("amount", f"must be between {low} and {high}.", code="invalid_amount")
    return amount_cents


def deposit_amount(amount_cents: int, *, policy: Policy) -> int:
    """Return the deposit in cents, if the provider would take it."""
    if not policy.deposit_cents_min <= amount_cents <= policy.deposit_cents_max:
        low, high = policy.deposit_cents_min, policy.deposit_cents_max
        raise _refusal("amountCents", f"must be from {low} to {high}.", code="invalid_amount")
    return amount_cents


def withdrawal_amount(amount_cents: int, *, policy: Policy) -> int:
    """Return the amount of a withdrawal."""
    low, high = policy.withdrawal_cents_min, policy.withdrawal_cents_max
    return money_amount(amount_cents, "amount", low, high, name="withdrawal")


def instant_payout_amount(amount_cents: int, *, paid_today: int, policy: Policy) -> int:
    """Return the amount of an instant payout, if there is one left in these 24 hours.

    Raises:
        RateLimited: with code ``daily_instant_limit_reached``.
    """
    limit = policy.instant_payouts_per_day_max
    if paid_today >= limit:
        raise RateLimited(
            f"You can make {limit} instant payouts in 24 hours.", code="daily_instant_limit_reached"
        )
    if amount_cents > policy.instant_payout_cents_max:
        high = dollars_text(policy.instant_payout_cents_max)
        text_ = f"The largest instant payout is {high}."
        raise _refusal("amount", text_, code="above_instant_maximum", whole=True)
    low, high_cents = policy.instant_payout_cents_min, policy.instant_payout_cents_max
    return money_amount(amount_cents, "amount", low, high_cents, name="instant payout")


def adjustment_amount(amount_cents: int, *, policy: Policy) -> int:
    """Return the signed amount of an admin's adjustment."""
    high = dollars_text(policy.adjustment_cents_max)
    if not 0 < abs(amount_cents) <= policy.adjustment_cents_max:
        raise _refusal("amount", f"must be from -{high} to {high}.", code="invalid_amount")
    return amount_cents


def email(value: str) -> str:
    """Return the address in the form that is stored and compared."""
    cleaned = value.strip().lower()
    if len(cleaned) > EMAIL_CHARS_MAX or not EMAIL.fullmatch(cleaned):
        raise _refusal("email", "Invalid email", whole=True)
    return cleaned


def username(value: str) -> str:
    """Return the user name in the form that is stored and compared."""
    cleaned = value.strip().lower().removeprefix("@")
    if not USERNAME.fullmatch(cleaned):
        raise _refusal("username", "Invalid username format", whole=True)
    return cleaned


def password(value: str) -> str:
    """Return the password untouched, if its length is right."""
    low, high = PASSWORD_CHARS
    if len(value) < low:
        raise _refusal("password", f"Password too short (min {low})", whole=True)
    if len(value) > high:
        raise _refusal("password", f"Password too long (max {high})", whole=True)
    return value


def rating_tenths(value: float) -> int:
    """Return a rating from 1 to 5 stars in tenths of a star, which are as fine as it gets."""
    tenths = round(value * 10) if 1 <= value <= 5 else 0
    if not tenths or abs(value * 10 - tenths) > STAR_ERROR:
        raise _refusal("rating", "must be from 1 to 5 with at most one decimal.")
    return tenths


def _refusal(
    field: str, problem: str, *, code: str | None = None, whole: bool = False
) -> InvalidRequest:
    message = problem if whole else f"{field} {problem}"
    return InvalidRequest(message, code=code, issues=[{"path": field, "message": message}])


def choices(said: str, kind: type[StrEnum], field: str) -> list[str]:
    """Return the values that a list with commas names, each once; ``all`` names every one.

    Raises:
        InvalidRequest: one of them is none of this kind.
    """
    if said == "all":
        return [each.value for each in kind]
    names = list(dict.fromkeys(name.strip() for name in said.split(",")))
    if unknown := [name for name in names if name not in set(kind)]:
        raise InvalidRequest(
            f"There is no {field} {unknown[0]!r}.",
            issues=[{"path": field, "message": f"use {', '.join(kind)} or all"}],
        )
    return names
