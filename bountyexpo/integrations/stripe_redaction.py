"""What is kept of the card processor's objects: what machines wrote for machines.

The processor's events carry names, addresses, parts of card numbers and client secrets, and grow
new fields with each version. So what is kept is what is known to be harmless, not what is left when
the known harm is gone: numbers, truth values, and strings of the shape of an id, a code or a time,
under keys that do not speak of a person. Whatever needs more asks the processor for the object.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

# Deeper than anything the processor sends; below it nothing is kept.
DEPTH_MAX: Final = 16

# The integers of jsonb and of every column they could go to.
INTEGER_MAX: Final = 2**63 - 1

# An id, a code, a currency, a time; no text of people, no address of any kind.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:-]{1,255}", re.ASCII)
_KEY: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)

# A card's last digits, a telephone number, a piece of an account number.
_DIGITS: Final = re.compile(r"[0-9.-]+", re.ASCII)

# An ISO date or time, which is made of digits, too.
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}(T[0-9:.]+Z?)?", re.ASCII)

# Whoever holds such a value can go on with somebody's money or account.
_SECRET: Final = re.compile(r"_secret|^(sk|rk|whsec|ek|tok|btok|seti_secret)_", re.ASCII)

# Parts of the names of fields (``billing_details``, ``first_name``) that are about a person, their
# papers, their device, or the secrets of an account.
_PERSONAL: Final = re.compile(
    r"""
    address|agent|bic|billing|birth|birthday|business|card|city|client|company|cvc|description|
    device|directors?|dob|emails?|evidence|executives|exp|face|family|fingerprint|gender|given|iban|
    individual|ip|last[34]|line[12]|mandate|message|names?|nationality|nickname|numbers?|owners?|
    password|phones?|postal|representative|routing|secrets?|shipping|signature|ssn|state|statement|
    street|tax|tokens?|town|url|username|verification|zip
    """,
    re.ASCII | re.VERBOSE | re.IGNORECASE,
)

# Fields whose name has such a part and that say nothing about anybody.
_HARMLESS: Final = frozenset(
    {"card_payments", "client_reference_id", "evidence_details", "has_evidence"}
)

# Where the parts of a name meet: first_name, firstName.
_SEAM: Final = re.compile(r"[_.-]+|(?<=[a-z0-9])(?=[A-Z])")

# Metadata is free text of whoever made the object; of ours only these are read.
_METADATA: Final = re.compile(r"[a-z_]{1,40}_id|purpose|round|attempt", re.ASCII)


def redacted(value: Any) -> dict[str, Any]:
    """Return what is kept of a decoded object, empty when it is none; jsonb can hold it."""
    return _kept_object(value, 0) if isinstance(value, dict) else {}


def _kept(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return value if _is_plain(value) else None
    if isinstance(value, dict):
        return _kept_object(value, depth) if depth < DEPTH_MAX else None
    if isinstance(value, list):
        return [_kept(item, depth + 1) for item in value] if depth < DEPTH_MAX else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bool) or value is None:
        return value
    return value if isinstance(value, int) and abs(value) <= INTEGER_MAX else None


def _kept_object(value: dict[Any, Any], depth: int) -> dict[str, Any]:
    return {
        key: _kept_metadata(item) if key == "metadata" else _kept(item, depth + 1)
        for key, item in value.items()
        if isinstance(key, str) and _is_harmless(key)
    }


def _kept_metadata(value: Any) -> dict[str, str]:
    given = value.items() if isinstance(value, dict) else ()
    return {
        key: item
        for key, item in given
        if isinstance(item, str) and _METADATA.fullmatch(key) and _is_plain(item)
    }


def _is_harmless(key: str) -> bool:
    if not _KEY.fullmatch(key):
        return False
    return key in _HARMLESS or not any(_PERSONAL.fullmatch(part) for part in _SEAM.split(key))


def _is_plain(text: str) -> bool:
    if not _PLAIN.fullmatch(text) or _SECRET.search(text):
        return False
    return _DIGITS.fullmatch(text) is None or _TIME.fullmatch(text) is not None
