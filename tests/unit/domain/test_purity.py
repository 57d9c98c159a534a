"""Nothing in ``domain/`` waits, does I/O, or reads the clock, chance or the environment."""

from __future__ import annotations

import ast
from pathlib import Path

import bountyexpo.domain
import pytest

MODULES = sorted(Path(bountyexpo.domain.__file__).parent.rglob("*.py"))

# Arithmetic and shapes of data; everything else is a way to the outside.
ALLOWED = {
    "__future__",
    "bountyexpo",
    "collections",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "functools",
    "hashlib",
    "ipaddress",
    "itertools",
    "math",
    "msgspec",
    "operator",
    "re",
    "typing",
}
# Random ids have one source, which a test can replace.
ALLOWED_MORE = {
    "ids.py": {"os", "uuid"},
    "emoji.py": {"unicodedata"},
    "visible.py": {"unicodedata"},
    "words.py": {"unicodedata"},
}

# Ways out that need no import of their own: the clock of ``datetime``, the environment of ``os``.
READS_OUTSIDE = {"now", "utcnow", "today", "environ", "getenv"}
BUILT_IN_WAYS_OUT = {"open", "print", "input", "__import__", "eval", "exec"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_of_rules_is_pure(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await)
        assert not (isinstance(node, ast.Attribute) and node.attr in READS_OUTSIDE)
        assert not (isinstance(node, ast.Name) and node.id in BUILT_IN_WAYS_OUT)

    assert imported <= ALLOWED | ALLOWED_MORE.get(path.name, set())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_only_new_ids_are_left_to_chance(path: Path) -> None:
    names = {
        node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    }

    assert path.name == "ids.py" or not names & {"new_id", "new_ids", "urandom", "uuid4"}
