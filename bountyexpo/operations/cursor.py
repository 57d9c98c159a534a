"""Opaque cursors.

One of keyset paging holds the time and the id of the last row that was shown; one of a list with
several orders names its order, too, and continues no other. One of a ranked list holds when it was
made and how much of it was shown.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Final

import msgspec

from bountyexpo.domain.ids import is_id
from bountyexpo.domain.values import INTEGER_MAX, moment
from bountyexpo.errors import InvalidRequest

# Far beyond every list.
OFFSET_MAX: Final = 100_000

NOT_VALID: Final = "This cursor is not valid."
OTHER_ORDER: Final = "This cursor continues a list in another order."


class Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A row of a list in one of several orders, by what the list is sorted."""

    order: str
    at: datetime
    id: str
    # What comes before age in the order, of which it has one at most.
    number: int | None = None
    time: datetime | None = None


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
        raise refused_cursor()
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
        raise refused_cursor()
    return at, min(int(shown), OFFSET_MAX)


def encode_place(place: Place) -> str:
    """Return a cursor that continues a list in this order."""
    return _text(msgspec.json.encode(place))


def decode_place(cursor: str, order: str) -> Place:
    """Return where a list in this order goes on.

    Raises:
        InvalidRequest: it is not a cursor of ours, or one of a list in another order.
    """
    try:
        place = msgspec.json.decode(_bytes(cursor), type=Place)
    except (msgspec.MsgspecError, ValueError) as error:
        raise refused_cursor() from error
    if place.order != order:
        raise refused_cursor(OTHER_ORDER)
    if not is_id(place.id) or abs(place.number or 0) > INTEGER_MAX:
        raise refused_cursor()
    return msgspec.structs.replace(
        place,
        at=moment(place.at, "cursor"),
        time=None if place.time is None else moment(place.time, "cursor"),
    )


def refused_cursor(message: str = NOT_VALID, field: str = "cursor") -> InvalidRequest:
    """Return what is said of a cursor that does not fit."""
    return InvalidRequest(message, issues=[{"path": field, "message": message}])


def _encode(at: datetime, rest: str) -> str:
    return _text(f"{at.isoformat()}|{rest}".encode())


def _decode(cursor: str) -> tuple[datetime, str]:
    try:
        at, _, rest = _bytes(cursor).decode().partition("|")
        found = datetime.fromisoformat(at)
    except ValueError as error:
        raise refused_cursor() from error
    if found.tzinfo is None:
        raise refused_cursor()
    return moment(found, "cursor"), rest


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(cursor: str) -> bytes:
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
