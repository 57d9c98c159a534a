"""Webhook events of the card processor: is this really its message, and what does it say.

The signature header is ``t=<epoch seconds>,v1=<hex>[,v1=<hex>…]``, each ``v1`` an HMAC-SHA256 over
``<t>.<raw body>``. Several secrets may be good at once: the platform's endpoint, the connected
accounts' endpoint, and the old one of each while it is being rolled (contract money §4).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bountyexpo.errors import InvalidRequest
from bountyexpo.integrations.stripe_redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Sequence

# An older (or younger) message is taken for a replay.
TOLERANCE_S = 300

# A genuine header carries one or two signatures; comparing more is work for an attacker.
SIGNATURES_MAX = 8

# The characters of an HMAC-SHA256 in hex; what is no such text needs no comparing.
_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)

# The type of an event that does not say what has happened.
UNKNOWN: Final = "unknown"

# More digits than any integer that can be stored.
INTEGER_DIGITS_MAX: Final = 20

# Ids and types of events, versions, accounts.
_NAME: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,128}", re.ASCII)


class ProviderEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One verified event: something happened to ``object`` at the processor.

    Any JSON object that is rightly signed is one. What it does not say, or says in a form that we
    do not know, is None or empty; nothing in it is personal or secret (``stripe_redaction``).
    """

    id: str
    type: str
    created_at: datetime | None
    # Whether it is about real money; None when it does not say.
    livemode: bool | None
    api_version: str | None
    # The connected account that it is of; None for the platform's own.
    account: str | None
    object: dict[str, Any]
    # What ``object`` was before, for the fields that changed.
    previous_attributes: dict[str, Any]


def verify_event(
    raw: bytes, signature: str | None, *, secrets: Sequence[str], now: datetime
) -> ProviderEvent:
    """Check the signature over the raw body and read the event.

    Raises:
        InvalidRequest: ``invalid_signature``, ``old_timestamp``, or what is signed is no object.
    """
    sent_at, candidates = _read_header(signature or "")
    if not candidates or not _is_signed(raw, sent_at, candidates, secrets):
        raise InvalidRequest("The signature of this event is not valid", code="invalid_signature")
    if abs(now.timestamp() - int(sent_at)) > TOLERANCE_S:
        raise InvalidRequest("This event was signed too long ago", code="old_timestamp")
    return _read_event(raw)


def _read_header(header: str) -> tuple[str, list[bytes]]:
    """Return the timestamp as sent, "0" when there is none, and the signatures."""
    pairs = [item.strip().partition("=") for item in header.split(",")]
    timestamps = [value for name, _, value in pairs if name == "t"]
    texts = [value for name, _, value in pairs if name == "v1"]
    signatures = [value.encode() for value in texts if _SIGNATURE.fullmatch(value)]
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
    fields = _decode(raw)
    data = fields.get("data")
    data = data if isinstance(data, dict) else {}
    livemode = fields.get("livemode")
    return ProviderEvent(
        # The same delivery of an event without a usable id is known by what it says.
        id=_name(fields.get("id")) or f"sha256:{hashlib.sha256(raw).hexdigest()}",
        type=_name(fields.get("type")) or UNKNOWN,
        created_at=_time(fields.get("created")),
        livemode=livemode if isinstance(livemode, bool) else None,
        api_version=_name(fields.get("api_version")),
        # A thin event names the account as its context, and its object without showing it.
        account=_account(fields.get("account")) or _account(fields.get("context")),
        object=redacted(data.get("object") or fields.get("related_object")),
        previous_attributes=redacted(data.get("previous_attributes")),
    )


def _decode(raw: bytes) -> dict[str, Any]:
    """Return the fields of the event; one that is too strange for any decoder has none.

    Raises:
        InvalidRequest: this is no JSON object, so it is no event.
    """
    try:
        # The standard library's decoder is the lenient one: lone surrogates, large numbers.
        fields = json.loads(raw, parse_int=_number, parse_float=float, parse_constant=_no_number)
    except RecursionError:
        return {}
    except ValueError as error:
        raise InvalidRequest("This event cannot be read") from error
    if not isinstance(fields, dict):
        raise InvalidRequest("This event cannot be read")
    return fields


def _number(text: str) -> int | None:
    return int(text) if len(text) <= INTEGER_DIGITS_MAX else None


def _no_number(_text: str) -> None:
    """Read NaN and infinities, which are not JSON, as nothing."""


def _name(value: Any) -> str | None:
    """Return the text of an id or a type, or None when it cannot be one."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else None


def _account(value: Any) -> str | None:
    """Return the account of an event; one that cannot be read is none of ours."""
    return None if value is None else _name(value) or UNKNOWN


def _time(value: Any) -> datetime | None:
    """Read the seconds of an event, or the text of a thin one."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            return found.astimezone(UTC) if found.tzinfo else None
        return datetime.fromtimestamp(value, UTC) if isinstance(value, int) else None
    except (ValueError, OverflowError, OSError):
        return None
