"""Names that nothing in the package refers to; tests and benchmarks do not keep a name alive.

A name is alive when the same word is used anywhere outside of what it names, in code or in a
template, so the check finds too little and never too much. What a decorator registers is alive,
too, and what a library calls.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from typing import TYPE_CHECKING

from tests.tidy.source import Complaint, Function, dotted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.tidy.source import Project, Source

# Decorators that change what a function is without handing it to anybody.
SHAPES = {
    *("property", "staticmethod", "classmethod", "cached_property", "overload", "override"),
    *("contextmanager", "asynccontextmanager", "lru_cache", "cache", "dataclass", "final"),
    *("abstractmethod", "runtime_checkable", "unique", "total_ordering"),
}

# Methods that a library calls by their names.
CALLED_BY_LIBRARIES = {
    *("on_url", "on_header", "on_headers_complete"),  # httptools
    *("receive_some", "send_all", "send_eof", "next_event", "_read_data"),  # Hypercorn
    *("request_async", "sleep_async"),  # stripe
}


def dead_names(project: Project) -> Iterator[Complaint]:
    used = Counter(CALLED_BY_LIBRARIES)
    for source in project.sources:
        if source.is_product:
            used.update(_uses(source.nodes))
        elif "/templates/" in source.path:
            used.update(re.findall(r"\w+", source.text))
    for source in project.product.values():
        for name, node in _definitions(source):
            # What it says of itself is no use of it.
            own = (
                Counter(_uses(ast.walk(node)))[name]
                if isinstance(node, Function | ast.ClassDef)
                else 0
            )
            if used[name] == own:
                yield Complaint(source.path, node.lineno, f"nothing refers to {name}", name)


def _definitions(source: Source) -> Iterator[tuple[str, ast.stmt]]:
    """The functions, classes, constants and methods of a file."""
    for node in source.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            yield from ((name, node) for name in names if not _is_special(name))
        else:
            yield from _unregistered(node)
    for node in source.nodes:
        if isinstance(node, ast.ClassDef):
            for child in node.body:
                yield from _unregistered(child)


def _unregistered(node: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    if not isinstance(node, Function | ast.ClassDef):
        return
    decorators = [each.func if isinstance(each, ast.Call) else each for each in node.decorator_list]
    names = {dotted(each).rpartition(".")[2] for each in decorators}
    if names <= SHAPES | {"setter"} and not _is_special(node.name):
        yield node.name, node


def _is_special(name: str) -> bool:
    return name.startswith("__")


def _uses(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Every name that is read, and every name that is asked of an object, be it in a string."""
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            # Used under another name; a plain import is none, it only passes the name on.
            yield from (alias.name for alias in node.names if alias.asname)
        elif isinstance(node, ast.Call) and dotted(node.func) in {"getattr", "cast", "attrgetter"}:
            strings = [each for each in node.args if isinstance(each, ast.Constant)]
            yield from (each.value for each in strings if isinstance(each.value, str))
