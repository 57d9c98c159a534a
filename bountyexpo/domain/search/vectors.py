"""Texts and questions in the words of the index: tsvectors and tsqueries, written as text."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from bountyexpo.domain.search.words import words

if TYPE_CHECKING:
    from collections.abc import Iterable

# PostgreSQL keeps no higher position of a word, and no more of them.
POSITION_MAX: Final = 16_383
POSITIONS_MAX: Final = 200


def weighted(parts: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return each word of weighted texts as a tsvector has it; ``A`` weighs most, ``D`` least."""
    found: dict[str, list[str]] = defaultdict(list)
    position = 0
    for weight, text in parts:
        for word in words(text):
            position = min(position + 1, POSITION_MAX)
            found[word].append(f"{position}{weight}")
    return {
        word: f"{quoted(word)}:{','.join(places[:POSITIONS_MAX])}" for word, places in found.items()
    }


def quoted(lexeme: str) -> str:
    """Return a lexeme as it is written in the text of a tsvector or a tsquery."""
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def begun(term: str) -> str:
    """Return the tsquery of words that begin so; a single letter stands for itself."""
    return quoted(term) if len(term) == 1 else f"{quoted(term)}:*"


def all_of(lexemes: Iterable[str]) -> str:
    """Return the tsquery of texts with all of these."""
    return " & ".join(map(quoted, sorted(lexemes)))
