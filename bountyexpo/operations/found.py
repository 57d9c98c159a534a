"""Finding what a request names, or saying that it is not there."""

from __future__ import annotations

from typing import TypeVar

from bountyexpo.domain.ids import is_id
from bountyexpo.errors import NotFound

T = TypeVar("T")


def checked_id(value: str, noun: str) -> str:
    """Return ``value`` if it can be an id; old clients get 404 for anything else."""
    if not is_id(value):
        raise NotFound(f"This {noun} does not exist.")
    return value


def present(value: T | None, noun: str) -> T:
    """Return ``value``, or say that the thing does not exist."""
    if value is None:
        raise NotFound(f"This {noun} does not exist.")
    return value
