"""Identifiers: version 4 UUIDs as text, because shipped clients refuse any other (realtime §1).

This is the one module that makes random identifiers, so that a test can replace the source.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from typing import Final

# Five groups of hexadecimal digits in either case (RFC 9562 §4); any version, because old rows have
# others than 4.
CANONICAL: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


# The first digit of the fourth group holds the variant in its upper half (RFC 9562 §4.1).
VARIANT_DIGITS: Final = "89ab"


def new_id() -> str:
    """Return a fresh version 4 UUID in canonical text."""
    # As ``str(uuid.uuid4())``, which takes three times as long; every request has an id.
    return _version_4(os.urandom(16).hex())


def named_id(*words: str) -> str:
    """Return the same id each time for the same words, in the form of any other."""
    return _version_4(hashlib.sha256("\0".join(words).encode()).hexdigest()[:32])


def _version_4(digits: str) -> str:
    variant = VARIANT_DIGITS[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def id_of(*parts: str) -> str:
    """Return the one id, in the form of the others, that belongs to these texts."""
    told = hashlib.sha256("\0".join(parts).encode()).digest()[:16]
    return str(uuid.UUID(bytes=told, version=4))


def is_id(value: object) -> bool:
    """Tell whether ``value`` is a UUID in the canonical text form (36 characters)."""
    return isinstance(value, str) and CANONICAL.fullmatch(value) is not None
