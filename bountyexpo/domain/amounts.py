"""Money as integer cents of US dollars (contract money §1.1).

Clients send dollars as JSON numbers or text with at most two decimals, or a ``{amount,
currency}`` object. What they send is read digit by digit; no binary float takes part in any sum.
A JSON number has become a float before it comes here, so its shortest text is read: that is what
the client wrote, as long as it has at most 15 digits, and a larger amount is refused.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from bountyexpo.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

CURRENCY: Final = "USD"
# One basis point is a hundredth of a percent.
BASIS_POINTS: Final = 10_000
# Up to here every number of cents is exact as a JSON number of dollars, in every client.
CENTS_MAX: Final = 10**14

DOLLARS = re.compile(r"(?P<sign>-?)(?P<whole>[0-9]{1,12})(?:\.(?P<part>[0-9]{0,40}))?")


def cents_from_dollars(value: Any, *, field: str = "amount") -> int:
    """Return the cents in ``value``: dollars as number, text, or ``{amount, currency}``.

    Raises:
        InvalidRequest: not a number, more than two decimals, or not US dollars.
    """
    if isinstance(value, dict):
        check_currency(value.get("currency", CURRENCY))
        value = value.get("amount")
    found = DOLLARS.fullmatch(_text(value))
    if found is None:
        raise InvalidRequest(f"{field} must be a number of dollars.", code="invalid_amount")
    part = (found["part"] or "").rstrip("0")
    if len(part) > 2:
        raise InvalidRequest(
            f"{field} must be a whole number of cents.", code="invalid_amount_precision"
        )
    cents = int(found["whole"] + part.ljust(2, "0"))
    return -cents if found["sign"] else cents


def cents_of_price(amount: Any, amount_cents: int | None) -> int:
    """Return the price that was said in dollars, in cents, or in both; 0 when in neither.

    Raises:
        InvalidRequest: the two are not the same, or the dollars are not a price.
    """
    cents = cents_from_dollars(amount) if amount is not None else None
    if cents is not None and amount_cents is not None and cents != amount_cents:
        message = "amount and amount_cents must say the same price."
        issues = [{"path": field, "message": message} for field in ("amount", "amount_cents")]
        raise InvalidRequest(message, code="invalid_amount", issues=issues)
    return cents or amount_cents or 0


def check_cents(value: Any, *, field: str = "amountCents") -> int:
    """Return ``value``, if it is a whole number of cents greater than zero.

    Raises:
        InvalidRequest: with code ``invalid_amount``.
    """
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or not 0 < value <= CENTS_MAX:
        raise InvalidRequest(
            f"{field} must be a whole number of cents, greater than zero.", code="invalid_amount"
        )
    return int(value)


def dollars(cents: int) -> float:
    """Return ``cents`` as the JSON number of dollars that clients read, never for arithmetic."""
    return cents / 100


def dollars_text(cents: int) -> str:
    """Return ``cents`` as people read them: ``$1,234.50``, and nothing behind whole dollars."""
    whole, part = divmod(abs(cents), 100)
    sign = "-" if cents < 0 else ""
    return f"{sign}${whole:,}" + (f".{part:02}" if part else "")


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


def split(amount_cents: int, rates_bps: Sequence[int]) -> tuple[int, ...]:
    """Return the parts of ``amount_cents`` in these proportions; they always sum to it.

    Each part is the difference of two rounded running totals, so a cent is neither lost nor made,
    and no part is more than a cent away from its exact value.
    """
    assert sum(rates_bps) == BASIS_POINTS
    running, parts, taken = 0, [], 0
    for rate_bps in rates_bps:
        running += rate_bps
        upto = share(amount_cents, running)
        parts.append(upto - taken)
        taken = upto
    return tuple(parts)


def _text(value: Any) -> str:
    """Return a number as plain digits, or text that is no number."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return str(value) if isinstance(value, int | str | Decimal) else ""
