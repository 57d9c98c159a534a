"""Identifiers: version 4 UUIDs as text, because shipped clients refuse any other (realtime §1).

This is the one module that makes random identifiers, so that a test can replace the source.
"""

from __future__ import annotations

import re
import uuid
from typing import Final

# Five groups of hexadecimal digits in either case (RFC 9562 §4); any version, because old rows have
# others than 4.
CANONICAL: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def new_id() -> str:
    """Return a fresh version 4 UUID in canonical text."""
    return str(uuid.uuid4())


def is_id(value: object) -> bool:
    """Tell whether ``value`` is a UUID in the canonical text form (36 characters)."""
    return isinstance(value, str) and CANONICAL.fullmatch(value) is not None
