"""No file imports itself by a detour, not even for a type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tidy.source import Complaint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tidy.source import Project

Graph = dict[str, set[str]]


def circles(project: Project) -> Iterator[Complaint]:
    """One complaint for each file of each circle, so that a circle gets shorter file by file."""
    graph = _graph(project)
    for circle in _circles(graph):
        for module in circle:
            others = ", ".join(sorted(graph[module] & circle))
            yield Complaint(project.product[module].path, 1, f"a circle of files: {others}")


def _graph(project: Project) -> Graph:
    graph: Graph = {}
    for module, source in project.product.items():
        targets = {project.module_of(each.target) for each in source.imports}
        graph[module] = {target for target in targets if target is not None} - {module}
    return graph


def _circles(graph: Graph) -> Iterator[set[str]]:
    """The sets of files that reach each other (Tarjan)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []

    def visit(module: str) -> Iterator[set[str]]:
        number[module] = lowest[module] = len(number)
        path.append(module)
        for target in sorted(graph[module]):
            if target not in number:
                yield from visit(target)
            if target in path:
                lowest[module] = min(lowest[module], lowest[target])
        if lowest[module] == number[module]:
            place = path.index(module)
            found = set(path[place:])
            del path[place:]
            if len(found) > 1:
                yield found

    for module in graph:
        if module not in number:
            yield from visit(module)
