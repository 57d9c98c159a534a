"""The files of the project as the checks of its style see them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

PRODUCT = "bountyexpo"
CODE = (PRODUCT, "tests", "bench", "examples")
PAGES = ("*.md", "docs/**/*.md", f"{PRODUCT}/**/templates/*")

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Import(NamedTuple):
    """One thing of ours that a file imports, be it for its types only."""

    line: int
    # "persistence.pool.Pool"; "" is the package itself.
    target: str


class Complaint(NamedTuple):
    """What a check has against one place."""

    path: str
    line: int
    text: str
    # What it is about, when exceptions are made for single names and not for whole files.
    name: str = ""

    @property
    def place(self) -> str:
        """What an exception is written for."""
        return f"{self.path}:{self.name}" if self.name else self.path

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Source:
    """One file."""

    path: str
    text: str

    @property
    def is_python(self) -> bool:
        """Tell code from pages."""
        return self.path.endswith(".py")

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.text, self.path)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every part of the parsed file; to walk it again for each check takes seconds."""
        return tuple(ast.walk(self.tree))

    @property
    def folder(self) -> str:
        """The folder it lies in."""
        return self.path.rpartition("/")[0]

    @property
    def is_product(self) -> bool:
        """Tell whether it is part of the package."""
        return self.is_python and self.path.startswith(f"{PRODUCT}/")

    @property
    def module(self) -> str:
        """Its name inside the package: ``ws.poller``; "" for the package and outside of it."""
        inside = self.path.removeprefix(f"{PRODUCT}/").removesuffix(".py")
        name = inside.removesuffix("__init__").removesuffix("/")
        return name.replace("/", ".") if self.is_product else ""

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """What of ours it imports, wherever the statement stands."""
        return tuple(_imports(self.nodes))

    def is_in(self, modules: tuple[str, ...]) -> bool:
        """Tell whether this file is one of the modules or inside one of the packages."""
        return any(covers(module, self.module) for module in modules)

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """Every function and method, nested ones included."""
        return tuple(node for node in self.nodes if isinstance(node, Function))


@dataclass(frozen=True)
class Project:
    """All files; ``sources`` in the order of their paths."""

    sources: tuple[Source, ...]

    @classmethod
    def read(cls, root: Path) -> Project:
        """Read the files of a checkout."""
        code = [path for folder in CODE for path in (root / folder).rglob("*.py")]
        pages = [path for pattern in PAGES for path in root.glob(pattern)]
        return cls.of({str(path.relative_to(root)): path.read_text() for path in code + pages})

    @classmethod
    def of(cls, texts: dict[str, str]) -> Project:
        """A project of these files."""
        return cls(tuple(Source(path, text) for path, text in sorted(texts.items())))

    @cached_property
    def code(self) -> tuple[Source, ...]:
        """The Python files."""
        return tuple(source for source in self.sources if source.is_python)

    @cached_property
    def product(self) -> dict[str, Source]:
        """The files of the package, by their modules."""
        return {source.module: source for source in self.code if source.is_product}

    def module_of(self, target: str) -> str | None:
        """The module that an imported name leads to; None when it is not here."""
        while target not in self.product:
            if not target:
                return None
            target = target.rpartition(".")[0]
        return target


Check: TypeAlias = "Callable[[Project], Iterable[Complaint]]"
FileCheck: TypeAlias = "Callable[[Source], Iterable[tuple[int, str]]]"


def each_file(check: FileCheck, *, pages: bool = False) -> Check:
    """Make a check of the project from one that looks at a single file."""

    def check_all(project: Project) -> Iterator[Complaint]:
        for source in project.sources if pages else project.code:
            for line, text in check(source):
                yield Complaint(source.path, line, text)

    check_all.__name__ = check.__name__
    return check_all


def covers(name: str, target: str) -> bool:
    """Tell whether a dotted name is another one or contains it."""
    return target == name or target.startswith(f"{name}.")


def dotted(node: ast.AST) -> str:
    """The dotted name that an expression is, or ""."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _imports(nodes: Iterable[ast.AST]) -> Iterator[Import]:
    for node in nodes:
        targets = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            targets = [f"{node.module}.{alias.name}" for alias in node.names]
        for target in targets:
            if covers(PRODUCT, target):
                yield Import(node.lineno, target.removeprefix(PRODUCT).removeprefix("."))
