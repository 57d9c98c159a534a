"""Identifiers: version 4 UUIDs as text, because shipped clients refuse any other (realtime §1).

This is the one module that makes random identifiers, so that a test can replace the source.
"""

from __future__ import annotations

import uuid


def new_id() -> str:
    """Return a fresh version 4 UUID in canonical text."""
    return str(uuid.uuid4())


def is_id(value: object) -> bool:
    """Tell whether ``value`` is a UUID in the canonical text form (36 characters)."""
    if not isinstance(value, str) or len(value) != 36:
        return False
    try:
        return str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False
