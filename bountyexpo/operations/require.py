"""What a request names: found or not there, and each field said in one voice."""

from __future__ import annotations

from typing import Any, TypeVar

from bountyexpo.domain.ids import is_id
from bountyexpo.errors import InvalidRequest, NotFound

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


def say_once(named: dict[str, Any], name: str, value: Any) -> None:
    """Add one argument; whoever says two things of one field means something that we cannot know.

    Raises:
        InvalidRequest: it was said otherwise before.
    """
    before = named.get(name)
    if before is None:
        named[name] = value
    elif value is not None and value != before and _folded(value) != _folded(before):
        message = f"{name} is given twice, with different values."
        raise InvalidRequest(message, issues=[{"path": name, "message": message}])


def _folded(value: Any) -> Any:
    """Return a text as names and ids are compared."""
    return value.casefold() if isinstance(value, str) else value
