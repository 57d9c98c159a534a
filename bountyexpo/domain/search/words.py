"""Words: how a text and a question are cut into the same words, and which words look alike.

The words of a text are kept in an index, and those of a question are looked up in it, so both come
from here. Letters are compared without case, accents and forms of writing.

Two words look alike when few typing mistakes lie between them. They are found by what is left of
both when some letters are taken away (symmetric deletion): whoever keeps the ``forms`` of each word
finds the candidates by equality, and ``distance`` says which of them are near enough.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import combinations
from typing import Final

# Longer words are cut; nobody means them letter by letter, and each has as many forms as pairs.
WORD_CHARS_MAX: Final = 32

# Letters and digits; the names of some skills end with a sign.
_WORD: Final = re.compile(r"[^\W_]+(?:\+\+|#)?")

# From how many letters on a word may hold so many mistakes; the larger first.
REACHES: Final = ((9, 2), (5, 1))


def fold(text: str) -> str:
    """Return the text as it is compared: without case, accents and forms of writing."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    bare = "".join(each for each in plain if not unicodedata.combining(each))
    return unicodedata.normalize("NFKC", bare).casefold()


def words(text: str) -> list[str]:
    """Return the words of a text in their order, repeated ones included."""
    return [found[:WORD_CHARS_MAX] for found in _WORD.findall(fold(text))]


def reach(word: str) -> int:
    """Return how many mistakes a word of this length may hold."""
    return next((mistakes for chars, mistakes in REACHES if len(word) >= chars), 0)


def forms(word: str) -> frozenset[str]:
    """Return what is left of a word without up to ``reach`` of its letters; the word included."""
    return frozenset(
        "".join(kept)
        for missing in range(reach(word) + 1)
        for kept in combinations(word, len(word) - missing)
    )


def are_near(one: str, other: str) -> bool:
    """Tell whether so few mistakes lie between two words as the shorter reach of both allows."""
    allowed = min(reach(one), reach(other))
    return abs(len(one) - len(other)) <= allowed and distance(one, other) <= allowed


def distance(one: str, other: str) -> int:
    """Return how many mistakes lie between two words (Damerau and Levenshtein).

    A mistake is a letter too much, too few, or another one, or two neighbours that have changed
    places, other mistakes between them or not.
    """
    far = len(one) + len(other)
    # Row and column 0 hold what can never be reached; the empty word comes after them.
    table = [[far] * (len(other) + 2) for _ in range(len(one) + 2)]
    table[1][1:] = range(len(other) + 1)
    last_row: dict[str, int] = {}
    for row, letter in enumerate(one, 1):
        table[row + 1][1] = row
        last_column = 0
        for column, facing in enumerate(other, 1):
            swapped_row, swapped_column = last_row.get(facing, 0), last_column
            is_same = letter == facing
            if is_same:
                last_column = column
            between = (row - swapped_row - 1) + (column - swapped_column - 1)
            table[row + 1][column + 1] = min(
                table[row][column] + (not is_same),
                table[row + 1][column] + 1,
                table[row][column + 1] + 1,
                table[swapped_row][swapped_column] + between + 1,
            )
        last_row[letter] = row
    return table[-1][-1]
