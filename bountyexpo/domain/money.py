"""Money as integer cents of US dollars (contract money §1.1).

Clients send dollars as JSON numbers or text with at most two decimals, or a ``{amount,
currency}`` object. They are parsed as decimals; no binary float takes part in any sum.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from bountyexpo.errors import InvalidRequest

CURRENCY = "USD"
# One basis point is a hundredth of a percent.
BASIS_POINTS = 10_000


def cents_from_dollars(value: Any, *, field: str = "amount") -> int:
    """Return the cents in ``value``: dollars as number, text, or ``{amount, currency}``.

    Raises:
        InvalidRequest: not a number, more than two decimals, or not US dollars.
    """
    if isinstance(value, dict):
        check_currency(value.get("currency", CURRENCY))
        value = value.get("amount")
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise InvalidRequest(f"{field} must be a number of dollars.", code="invalid_amount")
    try:
        cents = Decimal(str(value)) * 100
        whole = cents.to_integral_value()
    except InvalidOperation:
        raise InvalidRequest(
            f"{field} must be a number of dollars.", code="invalid_amount"
        ) from None
    if not cents.is_finite() or cents != whole:
        raise InvalidRequest(
            f"{field} must be a whole number of cents.", code="invalid_amount_precision"
        )
    return int(whole)


def dollars(cents: int) -> float:
    """Return ``cents`` as the JSON number of dollars that clients read, never for arithmetic."""
    return cents / 100


def check_currency(currency: Any) -> None:
    """Refuse any currency but US dollars, in which all balances are kept.

    Raises:
        InvalidRequest: with code ``unsupported_currency``.
    """
    if not isinstance(currency, str) or currency.upper() != CURRENCY:
        raise InvalidRequest("Only US dollars are supported.", code="unsupported_currency")


def share(amount_cents: int, rate_bps: int) -> int:
    """Return ``rate_bps`` basis points of ``amount_cents``, rounded half up to the cent."""
    assert amount_cents >= 0
    assert 0 <= rate_bps <= BASIS_POINTS
    return (amount_cents * rate_bps + BASIS_POINTS // 2) // BASIS_POINTS
