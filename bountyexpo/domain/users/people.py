"""What a person is found by (rest-core §2.10, J3): what they show, and so never an address."""

from __future__ import annotations

from bountyexpo.domain.search.vectors import weighted


def vector(username: str, display_name: str | None = None, about: str | None = None) -> str:
    """Return the text of the tsvector that is stored of a person."""
    names = (("A", username), ("A", display_name or ""), ("C", about or ""))
    return " ".join(weighted(names).values())
