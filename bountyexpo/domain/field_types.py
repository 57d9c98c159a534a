"""Types of the fields of requests and replies, with what the reference pages show of them.

Each text, number and list of a request has bounds in its type; a test of the catalogue demands it.
What the type itself refuses is told by the decoder. Where a rule of ``domain/limits.py`` has a
sentence of its own for people, or takes the nearest value instead, the type shows the rule's bounds
(``shown``) and refuses only what is far beyond them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypeAlias

import msgspec

from bountyexpo.domain import limits
from bountyexpo.domain.amounts import CENTS_MAX

# The largest whole number that is exact in every client (RFC 8259 §6).
WHOLE_MAX = 2**53 - 1

# Far more than any text that a rule has bounds for.
TEXT_CHARS_MAX = 2_000


def text(chars_min: int, chars_max: int) -> Any:
    """Return the bounds of a text."""
    return msgspec.Meta(min_length=chars_min or None, max_length=chars_max)


def shown(*, chars_max: int | None = None, **schema: Any) -> Any:
    """Return bounds that the pages show and a rule enforces; ``chars_max`` is the type's own."""
    return msgspec.Meta(max_length=chars_max, extra_json_schema=schema)


def clamped(low: int, high: int) -> Any:
    """Return the bounds of a number of which one beyond is taken for the nearest."""
    return shown(minimum=low, maximum=high)


# A time with its zone; a request may leave the zone away, and then means UTC (the gate).
Moment: TypeAlias = Annotated[datetime, shown(format="date-time")]

# Anything that is not an id names nothing, and is not found.
Id: TypeAlias = Annotated[str, msgspec.Meta(max_length=64, extra_json_schema={"format": "uuid"})]

Cursor: TypeAlias = Annotated[str, msgspec.Meta(max_length=512)]

# A number in a stream, such as a conversation's.
Seq: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=WHOLE_MAX)]

Email: TypeAlias = Annotated[
    str, shown(chars_max=TEXT_CHARS_MAX, format="email", maxLength=limits.EMAIL_CHARS_MAX)
]

NewPassword: TypeAlias = Annotated[
    str,
    shown(
        chars_max=TEXT_CHARS_MAX,
        minLength=limits.PASSWORD_CHARS[0],
        maxLength=limits.PASSWORD_CHARS[1],
    ),
]

Username: TypeAlias = Annotated[
    str, shown(chars_max=TEXT_CHARS_MAX, pattern="^@?[A-Za-z0-9_]{3,24}$")
]

# What a sign-in brings is compared, not judged.
Secret: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_CHARS_MAX)]
Token: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=8_192)]

# Dollars as a number or text, each with at most two decimals, and whole cents.
Dollars: TypeAlias = (
    Annotated[float, shown(minimum=0, maximum=CENTS_MAX // 100, multipleOf=0.01)]
    | Annotated[str, shown(chars_max=64, pattern=r"^[0-9]{1,12}(\.[0-9]{0,2}0*)?$")]
)
# Stars in tenths at the finest.
Stars: TypeAlias = Annotated[float, shown(minimum=1, maximum=5, multipleOf=0.1)]
Cents: TypeAlias = Annotated[int, shown(minimum=0, maximum=CENTS_MAX)]

# Degrees north and east (WGS 84).
Latitude: TypeAlias = Annotated[float, shown(minimum=-90, maximum=90)]
Longitude: TypeAlias = Annotated[float, shown(minimum=-180, maximum=180)]

# The card provider's own ids.
ProviderId: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
