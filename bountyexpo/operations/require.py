"""Finding what a request names, or saying that it is not there."""

from __future__ import annotations

from typing import TypeVar

from bountyexpo.domain.ids import is_id
from bountyexpo.errors import NotFound

T = TypeVar("T")


def parse_id(value: str, noun: str) -> str:
    """Return ``value`` in the one spelling that names an owner; anything else is not found."""
    if not is_id(value):
        raise NotFound(f"This {noun} does not exist.")
    return value.lower()


def require(value: T | None, noun: str) -> T:
    """Return ``value``, or say that the thing does not exist."""
    if value is None:
        raise NotFound(f"This {noun} does not exist.")
    return value
