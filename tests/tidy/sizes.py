"""Nothing is larger than a reader can hold, and each test lies where its subject does."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING

from tests.tidy.source import PRODUCT, Complaint, Function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tidy.source import Project, Source

FILE_LINES_MAX = 400
FOLDER_FILES_MAX = 16
FUNCTION_LINES_MAX = 70
LINE_CHARS_MAX = 100
PARAMETERS_MAX = 7
NESTING_MAX = 3

BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match)


def file_length(source: Source) -> Iterator[tuple[int, str]]:
    if (count := len(source.text.splitlines())) > FILE_LINES_MAX:
        yield FILE_LINES_MAX, f"the file has {count} lines, at most {FILE_LINES_MAX} are allowed"


def folder_size(project: Project) -> Iterator[Complaint]:
    """The file that marks a package does not count."""
    files = [source for source in project.code if not source.path.endswith("__init__.py")]
    for folder, count in Counter(source.folder for source in files).items():
        if count > FOLDER_FILES_MAX:
            yield Complaint(folder, 1, f"{count} files, at most {FOLDER_FILES_MAX} are allowed")


def mirrors(project: Project) -> Iterator[Complaint]:
    """Unit and integration tests lie in the folders of what they test."""
    folders = {source.folder for source in project.product.values()}
    for folder in sorted({source.folder for source in project.code}):
        tests, _, subject = folder.partition("/")[2].partition("/")
        if tests in {"unit", "integration"} and f"{PRODUCT}/{subject}".rstrip("/") not in folders:
            yield Complaint(folder, 1, f"there is no {PRODUCT}/{subject} of which this is a test")


def line_length(source: Source) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.text.splitlines(), 1):
        if len(line) > LINE_CHARS_MAX:
            yield number, f"{len(line)} characters, at most {LINE_CHARS_MAX} are allowed"


def function_length(source: Source) -> Iterator[tuple[int, str]]:
    for node in source.functions:
        count = (node.end_lineno or node.lineno) - node.lineno + 1
        if count > FUNCTION_LINES_MAX:
            yield node.lineno, f"{node.name} has {count} lines, at most {FUNCTION_LINES_MAX}"


def parameters(source: Source) -> Iterator[tuple[int, str]]:
    for node in source.functions:
        every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        count = sum(argument.arg not in {"self", "cls"} for argument in every)
        if count > PARAMETERS_MAX:
            yield node.lineno, f"{node.name} has {count} parameters, at most {PARAMETERS_MAX}"


def nesting(source: Source) -> Iterator[tuple[int, str]]:
    for node in source.functions:
        if (depth := max(map(_depth, node.body), default=0)) > NESTING_MAX:
            yield node.lineno, f"{node.name} nests {depth} deep, at most {NESTING_MAX}"


def _depth(node: ast.AST) -> int:
    """How deep branches and loops nest; ``with`` adds no path, and ``elif`` is no deeper."""
    if isinstance(node, Function | ast.ClassDef | ast.Lambda):
        return 0
    inner = max(map(_depth, ast.iter_child_nodes(node)), default=0)
    if isinstance(node, ast.If) and _is_elif(node.orelse, node):
        return max(1 + max(map(_depth, node.body)), _depth(node.orelse[0]))
    return inner + isinstance(node, BRANCHES)


def _is_elif(orelse: list[ast.stmt], node: ast.If) -> bool:
    return (
        bool(orelse) and isinstance(orelse[0], ast.If) and (orelse[0].col_offset == node.col_offset)
    )
