"""A docstring where the names do not say it all, and nowhere else.

Modules and public classes have one, and so have functions that raise what their callers must act
on, or that are long enough to need a summary.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tests.tidy.source import Function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tidy.source import Source

# A function of this many lines has a sentence that says what they amount to.
SUMMARY_LINES = 20


def docstrings(source: Source) -> Iterator[tuple[int, str]]:
    if not source.is_product:
        return
    if ast.get_docstring(source.tree) is None:
        yield 1, "the module has no docstring"
    for node in _public_definitions(source.tree):
        if ast.get_docstring(node) is None and _needs_one(node):
            yield node.lineno, f"{node.name} has no docstring"


def _public_definitions(node: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | Function]:
    for child in node.body:
        if isinstance(child, ast.ClassDef | Function) and not child.name.startswith("_"):
            yield child
            if isinstance(child, ast.ClassDef):
                yield from _public_definitions(child)


def _needs_one(node: ast.ClassDef | Function) -> bool:
    if isinstance(node, ast.ClassDef):
        return True
    lines = (node.end_lineno or node.lineno) - node.body[0].lineno + 1
    raises = any(isinstance(each, ast.Raise) and each.exc is not None for each in ast.walk(node))
    return raises or lines >= SUMMARY_LINES
