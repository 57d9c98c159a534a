"""Webhook events of the card processor: is this really its message, and what does it say.

The signature header is ``t=<epoch seconds>,v1=<hex>[,v1=<hex>…]``, each ``v1`` an HMAC-SHA256 over
``<t>.<raw body>``. Several secrets may be good at once: the platform's endpoint, the connected
accounts' endpoint, and the old one of each while it is being rolled (contract money §4).
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

# An older (or younger) message is taken for a replay.
TOLERANCE_S = 300

# A genuine header carries one or two signatures; comparing more is work for an attacker.
SIGNATURES_MAX = 8


class ProviderEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One verified event: something happened to ``object`` at the processor."""

    id: str
    type: str
    created: datetime
    livemode: bool
    api_version: str | None
    object_id: str | None
    object: dict[str, Any]

    def __repr__(self) -> str:
        # The object may carry a client secret.
        return f"ProviderEvent(id={self.id!r}, type={self.type!r}, object_id={self.object_id!r})"


def verify_event(
    raw: bytes, signature: str | None, *, secrets: Sequence[str], now: datetime
) -> ProviderEvent:
    """Check the signature over the raw body and read the event.

    Raises:
        InvalidRequest: ``invalid_signature``, ``old_timestamp`` or an unreadable body.
    """
    sent_at, candidates = _read_header(signature or "")
    if not _is_signed(raw, sent_at, candidates, secrets):
        raise InvalidRequest("The signature of this event is not valid", code="invalid_signature")
    if abs(now.timestamp() - int(sent_at)) > TOLERANCE_S:
        raise InvalidRequest("This event was signed too long ago", code="old_timestamp")
    return _read_event(raw)


class _Data(msgspec.Struct):
    object: dict[str, Any]


class _Event(msgspec.Struct):
    id: str
    type: str
    created: int
    livemode: bool
    data: _Data
    api_version: str | None = None


def _read_header(header: str) -> tuple[str, list[bytes]]:
    """Return the timestamp as sent, "0" when there is none, and the signatures."""
    pairs = [item.strip().partition("=") for item in header.split(",")]
    timestamps = [value for name, _, value in pairs if name == "t"]
    signatures = [value.encode() for name, _, value in pairs if name == "v1"]
    sent_at = timestamps[0] if len(timestamps) == 1 else ""
    is_plain = sent_at.isascii() and sent_at.isdecimal() and len(sent_at) <= 12
    return sent_at if is_plain else "0", signatures[:SIGNATURES_MAX]


def _is_signed(raw: bytes, sent_at: str, candidates: list[bytes], secrets: Sequence[str]) -> bool:
    """Compare every secret with every signature, in time that tells nothing of either."""
    payload = sent_at.encode() + b"." + raw
    found = False
    for secret in secrets:
        expected = hmac.digest(secret.encode(), payload, "sha256").hex().encode()
        for candidate in candidates:
            found |= hmac.compare_digest(expected, candidate)
    return found


def _read_event(raw: bytes) -> ProviderEvent:
    try:
        event = msgspec.json.decode(raw, type=_Event)
    except msgspec.MsgspecError as error:
        raise InvalidRequest("This event cannot be read") from error
    object_id = event.data.object.get("id")
    return ProviderEvent(
        id=event.id,
        type=event.type,
        created=datetime.fromtimestamp(event.created, UTC),
        livemode=event.livemode,
        api_version=event.api_version,
        object_id=object_id if isinstance(object_id, str) else None,
        object=event.data.object,
    )
