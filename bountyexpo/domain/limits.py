"""Limits of what people type, with the messages that the app shows (rest-core §2.3, §2.4, §2.5).

Each function returns the cleaned value or raises ``InvalidRequest`` naming the field.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bountyexpo.errors import InvalidRequest

if TYPE_CHECKING:
    from bountyexpo.domain.policy import Policy

TITLE_CHARS: Final = (5, 200)
DESCRIPTION_CHARS: Final = (20, 5_000)
APPLICATION_CHARS_MAX: Final = 1_000
COMPLETION_CHARS: Final = (1, 1_000)
COMMENT_CHARS_MAX: Final = 500
MESSAGE_CHARS_MAX: Final = 5_000
ENVELOPE_BYTES_MAX: Final = 32 * 1024
PASSWORD_CHARS: Final = (8, 128)
USERNAME: Final = re.compile(r"[a-z0-9_]{3,24}")
EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
EMAIL_CHARS_MAX: Final = 254
# C0 controls but tab and newline; NUL cannot even be stored.
CONTROL_CHARACTERS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def text(value: str, field: str, chars_min: int, chars_max: int) -> str:
    """Return ``value`` without control characters and outer blanks, if its length is right."""
    cleaned = CONTROL_CHARACTERS.sub("", value).strip()
    if len(cleaned) < chars_min:
        raise _refusal(field, f"must have at least {chars_min} characters.")
    if len(cleaned) > chars_max:
        raise _refusal(field, f"must have at most {chars_max} characters.")
    return cleaned


def optional_text(value: str | None, field: str, chars_max: int) -> str | None:
    """Return the cleaned text, or None where nothing remains of it."""
    return (text(value, field, 0, chars_max) or None) if value is not None else None


def bounty_amount(amount_cents: int, *, is_for_honor: bool, policy: Policy) -> int:
    """Return the price: zero for honor, else within the limits of the policy."""
    if is_for_honor:
        return 0
    if not policy.bounty_cents_min <= amount_cents <= policy.bounty_cents_max:
        low, high = policy.bounty_cents_min // 100, policy.bounty_cents_max // 100
        raise _refusal("amount", f"must be between ${low} and ${high:,}.", code="invalid_amount")
    return amount_cents


def deposit_amount(amount_cents: int, *, policy: Policy) -> int:
    """Return the deposit in cents, if the provider would take it."""
    if not policy.deposit_cents_min <= amount_cents <= policy.deposit_cents_max:
        low, high = policy.deposit_cents_min, policy.deposit_cents_max
        raise _refusal("amountCents", f"must be from {low} to {high}.", code="invalid_amount")
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


def rating(value: int) -> int:
    """Return a rating from 1 to 5."""
    if not 1 <= value <= 5:
        raise _refusal("rating", "must be from 1 to 5.")
    return value


def _refusal(
    field: str, problem: str, *, code: str | None = None, whole: bool = False
) -> InvalidRequest:
    message = problem if whole else f"{field} {problem}"
    return InvalidRequest(message, code=code, issues=[{"path": field, "message": message}])
