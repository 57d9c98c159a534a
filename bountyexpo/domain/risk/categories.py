"""Restricted lines of business, as data (contract operations §4.6)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


class Restriction(StrEnum):
    """How risky a line of business is."""

    PROHIBITED = "prohibited"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Category(msgspec.Struct, frozen=True):
    """One line of business."""

    code: str
    restriction: Restriction

    @property
    def name(self) -> str:
        """The name that people read."""
        return self.code.replace("_", " ").capitalize()

    @property
    def is_prohibited(self) -> bool:
        """Tell whether nobody may do this here."""
        return self.restriction is Restriction.PROHIBITED


_CODES: Final = {
    Restriction.PROHIBITED: (
        "adult_content",
        "gambling",
        "weapons",
        "illegal_drugs",
        "counterfeit",
        "money_laundering",
    ),
    Restriction.HIGH: (
        "cryptocurrency",
        "forex_trading",
        "multi_level_marketing",
        "debt_collection",
        "financial_services",
        "travel_services",
    ),
    Restriction.MEDIUM: (
        "subscription_services",
        "digital_goods",
        "consulting",
        "health_wellness",
        "event_ticketing",
    ),
    Restriction.LOW: (
        "general_services",
        "creative_services",
        "technology",
        "education",
        "home_services",
        "retail",
    ),
}

CATEGORIES: Final[Mapping[str, Category]] = {
    code: Category(code, restriction) for restriction, codes in _CODES.items() for code in codes
}


class CategoryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a line of business is allowed, and what to say of it."""

    is_allowed: bool
    reason: str | None = None
    restriction: Restriction | None = None


def check_category(code: str, categories: Mapping[str, Category] = CATEGORIES) -> CategoryAnswer:
    """Say whether a line of business is allowed; one that is not listed is."""
    found = categories.get(code.strip().lower())
    if found is None:
        return CategoryAnswer(is_allowed=True)
    reason = f"{found.name} is not allowed here." if found.is_prohibited else None
    return CategoryAnswer(
        is_allowed=not found.is_prohibited, reason=reason, restriction=found.restriction
    )
