"""What somebody asks for by words."""

from __future__ import annotations

from typing import Final

from bountyexpo.domain.search.words import words
from bountyexpo.errors import InvalidRequest

QUERY_CHARS_MIN: Final = 2
QUERY_CHARS_MAX: Final = 200
# More words say no more; the first ones count.
TERMS_MAX: Final = 8


def terms_of(query: str, field: str = "keywords") -> tuple[str, ...]:
    """Return the different words of a question, in their order; there may be none.

    Raises:
        InvalidRequest: it is too short to be one.
    """
    if len(query.strip()) < QUERY_CHARS_MIN:
        message = f"{field} must have at least {QUERY_CHARS_MIN} characters."
        raise InvalidRequest(message, issues=[{"path": field, "message": message}])
    return tuple(dict.fromkeys(words(query)))[:TERMS_MAX]
