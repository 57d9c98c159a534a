"""The gate: what any value from outside may be, whoever decoded it and wherever it goes.

Each layer behind it can write such a value and read it back: PostgreSQL (no NUL in a text, numbers
of 64 bits), Python (years 1 to 9999 in every zone), JSON (text keys, finite numbers), and whatever
walks through it (depth and count). The same for JSON and MessagePack, HTTP and sockets: request
bodies and queries are shown to it in ``operations.dispatch``, frames in ``ws``.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from bountyexpo.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

# Structures deeper than this are refused before anything recursive touches them.
DEPTH_MAX: Final = 32

# Values of one request, keys not counted; the largest honest one is a hello with 500 streams.
VALUES_MAX: Final = 10_000

# Characters or bytes of one value: the longest honest one is an envelope of 32 KiB.
TEXT_MAX: Final = 64 * 1024
TOO_LONG: Final = f"must have at most {TEXT_MAX} characters."

# PostgreSQL's bigint; a larger number could only fail later and worse.
INTEGER_MAX: Final = 2**63 - 1

# Times in between can be told in every zone, compared, and moved by a day, by each layer.
MOMENT_MIN: Final = datetime(1900, 1, 1, tzinfo=UTC)
MOMENT_MAX: Final = datetime(9999, 12, 30, tzinfo=UTC)

# What PostgreSQL cannot store, and what UTF-8 cannot say.
_NO_TEXT: Final = re.compile("[\x00\ud800-\udfff]")

# A name that may be repeated in a refusal.
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def check_values(arguments: Mapping[Any, Any]) -> None:
    """Refuse arguments or a frame of which one value cannot be kept by every layer.

    Raises:
        InvalidRequest: it says which field it is, and why.
    """
    left = VALUES_MAX
    for name, value in arguments.items():
        try:
            _check_key(name)
            left = _check(value, 1, left)
        except _Unfit as unfit:
            named = isinstance(name, str) and _NAME.fullmatch(name)
            path = name if named else ""
            message = f"{path or 'The request'} {unfit}"
            raise InvalidRequest(message, issues=[{"path": path, "message": message}]) from None


def check_number(value: object, field: str) -> None:
    """Refuse a number that has become one by its conversion from text.

    Raises:
        InvalidRequest: it is not finite, or too large.
    """
    try:
        _check_number(value)
    except _Unfit as unfit:
        message = f"{field} {unfit}"
        raise InvalidRequest(message, issues=[{"path": field, "message": message}]) from None


def moment(at: datetime, field: str) -> datetime:
    """Return a time in UTC; one without a zone is in UTC.

    Raises:
        InvalidRequest: not every layer could keep it.
    """
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    # Compared before it is converted: Python cannot convert what lies too far out.
    if not MOMENT_MIN <= at <= MOMENT_MAX:
        low, high = MOMENT_MIN.year, MOMENT_MAX.year
        message = f"{field} must be a time from {low} to {high}."
        raise InvalidRequest(message, issues=[{"path": field, "message": message}])
    return at.astimezone(UTC)


class _Unfit(Exception):
    """A value cannot be kept; the text says why."""


def _check(value: Any, depth: int, left: int) -> int:
    """Look at one value and all inside; return how many more there may be."""
    if left <= 0:
        raise _Unfit("holds too many values.")
    left -= 1
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        _check_depth(depth)
        for key, item in value.items():
            _check_key(key)
            left = _check(item, depth + 1, left)
    elif isinstance(value, (list, tuple)):
        _check_depth(depth)
        for item in value:
            left = _check(item, depth + 1, left)
    elif isinstance(value, bytes):
        if len(value) > TEXT_MAX:
            raise _Unfit(TOO_LONG)
    else:
        _check_number(value)
    return left


def _check_key(key: object) -> None:
    if not isinstance(key, str):
        raise _Unfit("has a name that is not text.")
    _check_text(key)


def _check_text(value: str) -> None:
    if len(value) > TEXT_MAX:
        raise _Unfit(TOO_LONG)
    if "\x00" in value or (not value.isascii() and _NO_TEXT.search(value)):
        raise _Unfit("contains a character that is not allowed.")


def _check_depth(depth: int) -> None:
    if depth >= DEPTH_MAX:
        raise _Unfit("is nested too deeply.")


def _check_number(value: object) -> None:
    is_bad = (isinstance(value, int) and abs(value) > INTEGER_MAX) or (
        isinstance(value, float) and not math.isfinite(value)
    )
    if is_bad:
        raise _Unfit("is a number that is out of range.")
