"""Opaque cursors.

One of keyset paging holds the time and the id of the last row that was shown; one of a ranked list,
when it was made and how much of it was shown.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Final

from bountyexpo.domain.ids import is_id
from bountyexpo.domain.values import moment
from bountyexpo.errors import InvalidRequest

# Far beyond every list.
OFFSET_MAX: Final = 100_000


def encode_cursor(at: datetime, row_id: str) -> str:
    """Return a cursor that continues after this row."""
    return _encode(at, row_id)


def decode_cursor(cursor: str) -> tuple[datetime, str]:
    """Return the time and id in ``cursor``.

    Raises:
        InvalidRequest: it is not a cursor of ours.
    """
    at, row_id = _decode(cursor)
    if not is_id(row_id):
        raise _refusal()
    return at, row_id


def encode_offset(at: datetime, shown: int) -> str:
    """Return a cursor that continues a list of ``at`` after so many."""
    return _encode(at, str(shown))


def decode_offset(cursor: str) -> tuple[datetime, int]:
    """Return when the list was made, and how many of it were shown.

    Raises:
        InvalidRequest: it is not a cursor of ours.
    """
    at, shown = _decode(cursor)
    if not (shown.isascii() and shown.isdigit() and len(shown) <= len(str(OFFSET_MAX))):
        raise _refusal()
    return at, min(int(shown), OFFSET_MAX)


def _encode(at: datetime, rest: str) -> str:
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{rest}".encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[datetime, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, _, rest = text.partition("|")
        found = datetime.fromisoformat(at)
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise _refusal() from error
    if found.tzinfo is None:
        raise _refusal()
    return moment(found, "cursor"), rest


def _refusal() -> InvalidRequest:
    return InvalidRequest(
        "This cursor is not valid.", issues=[{"path": "cursor", "message": "is not valid"}]
    )
