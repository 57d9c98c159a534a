"""The style of this project, as tests: sizes, who may import whom, names, and what is banned.

Each check is a function from a source file to its complaints. ``SAMPLES`` holds a bad file for
each, so that a check which can no longer fail is noticed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("bountyexpo", "tests", "bench")

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
LINE_CHARS_MAX = 100
PARAMETERS_MAX = 7
NESTING_MAX = 3

# Who may import what of ours; every package may import itself. The drawing is in
# docs/architecture.md. Imports for the type checker only are free: they build nothing.
ALWAYS_ALLOWED = ("close_codes", "errors", "observability", "__version__")
ALLOWED_IMPORTS: dict[str, tuple[str, ...]] = {
    "close_codes": (),
    "errors": (),
    "settings": ("domain", "settings_reader"),
    "settings_reader": (),
    "domain": (),
    "observability": (),
    "runtime": ("domain.ids",),
    "supervisors": ("runtime",),
    "persistence": ("domain",),
    "integrations": ("domain",),
    "actors": ("domain", "runtime", "persistence", "integrations"),
    "cluster": ("runtime", "persistence"),
    "operations": ("domain", "actors", "persistence"),
    "realtime": ("domain",),
    "edge": (),
    "http": ("operations", "edge"),
    "ws": ("domain", "operations", "runtime", "realtime", "edge"),
    "load": (),
}
# The composition root wires everything; the stand-ins may use anything and only it uses them.
MAY_IMPORT_ANYTHING = ("app", "jobs", "lifecycle", "cli", "sandbox", "__main__", "__init__")

NURSERIES_ALLOWED = (
    *("runtime", "supervisors", "realtime", "edge", "http.server", "ws"),
    *("app", "lifecycle", "sandbox", "load"),
)
TIME_AND_CHANCE_ALLOWED = ("runtime.clock", "domain.ids")
TIME_AND_CHANCE = re.compile(
    r"(time\.time(_ns)?|(datetime\.)?(datetime|date)\.(now|utcnow|today)|uuid\.uuid[14]|random\..*)"
)
FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "common", "manager", "managers"}
# What may stand in a close frame; 1000 is a number like any other.
CLOSE_CODES = frozenset({*range(1001, 1016), *range(4400, 4500)})
UNFINISHED = re.compile(r"\b(T[O]DO|FIX[M]E|XX[X])\b")

# (check, file): why it stands. One that is no longer needed is refused by a test below.
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("close_codes", "bountyexpo/ws/transport/frames.py"): "what RFC 6455 allows, ours or not",
    ("imports", "bountyexpo/edge/acceptor.py"): "refusals are still written by the handshake",
    ("imports", "bountyexpo/http/server/fast_connection.py"): "as above",
    ("imports", "bountyexpo/http/server/hypercorn_fallback.py"): "as above",
    ("imports", "bountyexpo/http/server/hypercorn_stream.py"): "as above",
    ("imports", "bountyexpo/http/server/strict_h11.py"): "as above",
    ("imports", "bountyexpo/actors/system.py"): "it gathers the actor kinds into their pools",
    ("nurseries", "bountyexpo/persistence/pool.py"): "a supervised child; sessions are its own",
    ("nurseries", "bountyexpo/persistence/outbox.py"): "a job that waits for all of its effects",
}


@dataclass(frozen=True)
class Source:
    """One Python file of the project."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.text, self.path)

    @property
    def module(self) -> str:
        """Its name inside the package: ``ws.poller``, or "" outside bountyexpo."""
        folder, _, rest = self.path.partition("/")
        name = rest.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return name if folder == "bountyexpo" else ""

    def is_in(self, modules: tuple[str, ...]) -> bool:
        """Tell whether this file is one of the modules or inside one of the packages."""
        return any(_covers(module, self.module) for module in modules)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function and method, nested ones included."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


Complaints = Iterator[tuple[int, str]]


def file_length(source: Source) -> Complaints:
    if (count := len(source.text.splitlines())) > FILE_LINES_MAX:
        yield FILE_LINES_MAX, f"the file has {count} lines, at most {FILE_LINES_MAX} are allowed"


def line_length(source: Source) -> Complaints:
    for number, line in enumerate(source.text.splitlines(), 1):
        if len(line) > LINE_CHARS_MAX:
            yield number, f"{len(line)} characters, at most {LINE_CHARS_MAX} are allowed"


def function_length(source: Source) -> Complaints:
    for node in source.functions():
        count = (node.end_lineno or node.lineno) - node.lineno + 1
        if count > FUNCTION_LINES_MAX:
            yield node.lineno, f"{node.name} has {count} lines, at most {FUNCTION_LINES_MAX}"


def parameters(source: Source) -> Complaints:
    for node in source.functions():
        every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        count = sum(argument.arg not in {"self", "cls"} for argument in every)
        if count > PARAMETERS_MAX:
            yield node.lineno, f"{node.name} has {count} parameters, at most {PARAMETERS_MAX}"


def nesting(source: Source) -> Complaints:
    for node in source.functions():
        if (depth := max(map(_depth, node.body), default=0)) > NESTING_MAX:
            yield node.lineno, f"{node.name} nests {depth} deep, at most {NESTING_MAX}"


def imports(source: Source) -> Complaints:
    package = source.module.partition(".")[0]
    if not source.module or package in MAY_IMPORT_ANYTHING:
        return
    allowed = (package, *ALWAYS_ALLOWED, *ALLOWED_IMPORTS.get(package, ()))
    for line, target in _imports(source.tree):
        if not any(_covers(name, target) for name in allowed):
            yield line, f"{package} may not import bountyexpo.{target}"
        elif not _covers(package, target) and re.search(r"(^|\.)_[^_]", target):
            yield line, f"bountyexpo.{target} is private to its package"


def bare_except(source: Source) -> Complaints:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield node.lineno, "a bare except also catches Cancelled; name what is expected"


def prints(source: Source) -> Complaints:
    if source.module in {"", "cli"}:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and _dotted(node.func) == "print":
            yield node.lineno, "only the command line prints"


def docstrings(source: Source) -> Complaints:
    if not source.module:
        return
    if ast.get_docstring(source.tree) is None:
        yield 1, "the module has no docstring"
    for node in _public_definitions(source.tree):
        if ast.get_docstring(node) is None:
            yield node.lineno, f"{node.name} has no docstring"


def time_and_chance(source: Source) -> Complaints:
    if not source.module or source.is_in(TIME_AND_CHANCE_ALLOWED):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and TIME_AND_CHANCE.fullmatch(name := _dotted(node)):
            yield node.lineno, f"{name} makes results differ between runs: ask the Clock"
        elif isinstance(node, ast.ImportFrom) and node.module in {"time", "uuid", "random"}:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((node.lineno, f"{n} is banned") for n in names if TIME_AND_CHANCE.match(n))


def unfinished(source: Source) -> Complaints:
    for number, line in enumerate(source.text.splitlines(), 1):
        if UNFINISHED.search(line):
            yield number, "unfinished work is not committed"


def names(source: Source) -> Complaints:
    yield from ((1, f"{part} says nothing") for part in _words(source.path) & FORBIDDEN_NAMES)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and (bad := _words(node.name) & FORBIDDEN_NAMES):
            yield node.lineno, f"{node.name}: {', '.join(bad)} says nothing"


def close_codes(source: Source) -> Complaints:
    if source.module in {"", "close_codes"}:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value in CLOSE_CODES:
            yield node.lineno, f"{node.value} has a name in bountyexpo/close_codes.py"


def nurseries(source: Source) -> Complaints:
    if not source.module or source.is_in(NURSERIES_ALLOWED):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr == "open_nursery":
            yield node.lineno, "only supervised places open nurseries"


CHECKS: dict[str, Callable[[Source], Complaints]] = {
    check.__name__: check
    for check in (
        file_length,
        line_length,
        function_length,
        parameters,
        nesting,
        imports,
        bare_except,
        prints,
        docstrings,
        time_and_chance,
        unfinished,
        names,
        close_codes,
        nurseries,
    )
}

DEEP = "def f():\n if 1:\n  for x in y:\n   while 1:\n    try:\n     pass\n    finally:\n     z"
SAMPLES: list[tuple[str, str, str]] = [
    ("file_length", "tests/a.py", "x = 1\n" * 401),
    ("line_length", "bench/a.py", "x = '" + "y" * 100 + "'"),
    ("function_length", "bountyexpo/a.py", "async def f():\n" + "    x\n" * 70),
    ("parameters", "bountyexpo/a.py", "def f(self, a, b, c, d, *, e, f, g, h): ..."),
    ("nesting", "bountyexpo/a.py", DEEP),
    ("imports", "bountyexpo/domain/a.py", "import bountyexpo.persistence.pool"),
    ("imports", "bountyexpo/http/a.py", "from bountyexpo.persistence.pool import Pool"),
    ("imports", "bountyexpo/http/a.py", "from bountyexpo import persistence"),
    ("imports", "bountyexpo/runtime/a.py", "def f():\n    from bountyexpo.domain import money"),
    ("imports", "bountyexpo/ws/a.py", "from bountyexpo.sandbox.auth import Auth"),
    ("imports", "bountyexpo/ws/a.py", "from bountyexpo.runtime._mailbox import Mailbox"),
    ("bare_except", "tests/a.py", "try:\n    x\nexcept:\n    y"),
    ("prints", "bountyexpo/load/a.py", "print('x')"),
    ("docstrings", "bountyexpo/a.py", "x = 1"),
    (
        "docstrings",
        "bountyexpo/a.py",
        '"""A."""\nclass B:\n    """B."""\n    def c(self): return 1',
    ),
    ("time_and_chance", "bountyexpo/a.py", "import time\ntime.time()"),
    ("time_and_chance", "bountyexpo/a.py", "from uuid import uuid4"),
    ("time_and_chance", "bountyexpo/a.py", "x = datetime.now(UTC)"),
    ("time_and_chance", "bountyexpo/a.py", "random.random()"),
    ("unfinished", "bench/a.py", "x = 1  # \x54ODO: finish"),
    ("names", "bountyexpo/text_utils.py", ""),
    ("names", "bountyexpo/a.py", "class PoolManager: ..."),
    ("close_codes", "bountyexpo/ws/a.py", "socket.close(4410)"),
    ("nurseries", "bountyexpo/actors/a.py", "async with trio.open_nursery() as nursery: ..."),
]
GOOD = '''"""A module."""
from typing import TYPE_CHECKING
from bountyexpo.errors import NotFound
from bountyexpo.domain.ids import new_id
if TYPE_CHECKING:
    from bountyexpo.http.app import App
class Part:
    """A part."""
    def __init__(self, a, b): ...
    def _hidden(self): ...
'''


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    paths = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return [Source(str(path.relative_to(ROOT)), path.read_text()) for path in paths]


@pytest.mark.parametrize("check", CHECKS)
def test_the_tree_keeps_the_rule(check: str, sources: list[Source]) -> None:
    complaints = [
        f"{source.path}:{line}: {text}"
        for source in sources
        if (check, source.path) not in EXCEPTIONS
        for line, text in CHECKS[check](source)
    ]

    assert not complaints, "\n" + "\n".join(complaints)


@pytest.mark.parametrize(("check", "path", "text"), SAMPLES)
def test_the_check_sees_a_bad_sample(check: str, path: str, text: str) -> None:
    assert list(CHECKS[check](Source(path, text)))


@pytest.mark.parametrize("check", CHECKS)
def test_the_check_passes_a_good_sample(check: str) -> None:
    assert not list(CHECKS[check](Source("bountyexpo/runtime/part.py", GOOD)))


def test_every_exception_is_still_needed(sources: list[Source]) -> None:
    needed = {
        (check, source.path)
        for source in sources
        for check in CHECKS
        if (check, source.path) in EXCEPTIONS and any(CHECKS[check](source))
    }

    idle = set(EXCEPTIONS) - needed

    assert not idle


def test_every_package_has_an_import_rule() -> None:
    packages = {path.parent.name for path in (ROOT / "bountyexpo").glob("*/__init__.py")}

    assert packages <= {*ALLOWED_IMPORTS, *MAY_IMPORT_ANYTHING}


def _covers(name: str, target: str) -> bool:
    return target == name or target.startswith(f"{name}.")


def _depth(node: ast.AST) -> int:
    """How deep branches and loops nest; ``with`` adds no path, and ``elif`` is no deeper."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return 0
    inner = max(map(_depth, ast.iter_child_nodes(node)), default=0)
    if isinstance(node, ast.If) and _is_elif(node.orelse, node):
        return max(1 + max(map(_depth, node.body)), _depth(node.orelse[0]))
    kinds = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match)
    return inner + isinstance(node, kinds)


def _is_elif(orelse: list[ast.stmt], node: ast.If) -> bool:
    return (
        bool(orelse) and isinstance(orelse[0], ast.If) and (orelse[0].col_offset == node.col_offset)
    )


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """What of ours is imported when the program runs: (line, "persistence.pool.Pool")."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and _dotted(node.test).endswith("TYPE_CHECKING"):
            continue
        targets = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            targets = [f"{node.module}.{alias.name}" for alias in node.names]
        ours = [target for target in targets if target.startswith("bountyexpo.")]
        yield from ((node.lineno, target.removeprefix("bountyexpo.")) for target in ours)
        yield from _imports(node)


def _public_definitions(
    node: ast.Module | ast.ClassDef,
) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    for child in node.body:
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        setter = f"{child.name}.setter" in map(_dotted, child.decorator_list)
        if child.name.startswith("_") or setter or _is_declaration(child):
            continue
        yield child
        if isinstance(child, ast.ClassDef):
            yield from _public_definitions(child)


def _is_declaration(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A member of a Protocol, or an overload: its body is only an ellipsis."""
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
        ast.unparse(node.body[0]) == "..."
    )


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}
