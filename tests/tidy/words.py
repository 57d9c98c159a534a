"""One concept, one word: names that say something, the words of the field, and people are they."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tidy.source import Source

EMPTY_NAMES = {"util", "utils", "helper", "helpers", "common", "manager", "managers"}

# Words that only this project had for a thing, and what everybody calls it (docs/glossary.md).
DIALECT = {
    "doubts": "in-doubt",
    "park(?:s|ed|ing)?": "resumable (a session), quarantined (an actor)",
    "heirs?": "takeover",
    "adopt(?:s|ed|ing)?": "takeover",
    "doors?": "protocol handler",
    "greetings?": "hello, authenticating",
    "floors": "watermarks",
    "typists?": "typing tracker",
    "stand-ins?": "emulator",
    "checked_id": "parse_id",
}
WORDS = {
    # Alone, as a part of a snake_case name, or at the start of a part of a CamelCase name.
    re.compile(rf"(?:(?<![A-Za-z]){word}|{word[0].upper()}{word[1:]})(?![a-z])"): better
    for word, better in DIALECT.items()
}
# Any of them at all, which is soon known of a line.
DIALECT_ROOTS = re.compile("|".join(DIALECT), re.IGNORECASE)
GENDER = re.compile(r"\b(he|him|his|himself|she|her|hers|herself)\b", re.IGNORECASE)


def names(source: Source) -> Iterator[tuple[int, str]]:
    yield from ((1, f"{part} says nothing") for part in _parts(source.path) & EMPTY_NAMES)
    for node in source.nodes:
        if isinstance(node, ast.ClassDef) and (bad := _parts(node.name) & EMPTY_NAMES):
            yield node.lineno, f"{node.name}: {', '.join(bad)} says nothing"


def dialect(source: Source) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.text.splitlines(), 1):
        if not DIALECT_ROOTS.search(line):
            continue
        for word, better in WORDS.items():
            if found := word.search(line):
                yield number, f"{found[0]!r} is a word of our own; {better} is the usual one"


def gender(source: Source) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.text.splitlines(), 1):
        if found := GENDER.search(line):
            yield number, f"{found[0]!r}: people are they"


def _parts(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}
