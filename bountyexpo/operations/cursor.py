"""Opaque cursors of keyset paging: the time and the id of the last row that was shown."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from bountyexpo.domain.ids import is_id
from bountyexpo.domain.values import moment
from bountyexpo.errors import InvalidRequest


def encode_cursor(at: datetime, row_id: str) -> str:
    """Return a cursor that continues after this row."""
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{row_id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[datetime, str]:
    """Return the time and id in ``cursor``.

    Raises:
        InvalidRequest: it is not a cursor of ours.
    """
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, _, row_id = text.partition("|")
        found = datetime.fromisoformat(at)
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise _refusal() from error
    if found.tzinfo is None or not is_id(row_id):
        raise _refusal()
    return moment(found, "cursor"), row_id


def _refusal() -> InvalidRequest:
    return InvalidRequest(
        "This cursor is not valid.", issues=[{"path": "cursor", "message": "is not valid"}]
    )
