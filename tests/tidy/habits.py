"""What is banned because it ends badly: bare excepts, chance, nurseries anywhere, open matches."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from bountyexpo.domain.event_catalogue import declared

from tests.tidy.source import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tidy.source import Source

NURSERIES_ALLOWED = (
    *("runtime", "supervisors", "realtime", "edge", "http.server", "ws"),
    *("app", "lifecycle", "sandbox", "load"),
)
TIME_AND_CHANCE_ALLOWED = ("runtime.clock", "domain.ids")
TIME_AND_CHANCE = re.compile(
    r"(time\.time(_ns)?|(datetime\.)?(datetime|date)\.(now|utcnow|today)|uuid\.uuid[14]|random\..*)"
)
# What may stand in a close frame; 1000 is a number like any other.
CLOSE_CODES = frozenset({*range(1001, 1016), *range(4400, 4500)})
# Types of events of one word mean something else as well.
EVENT_NAMES = frozenset(each.type for each in declared() if "." in each.type)
UNFINISHED = re.compile(r"\b(T[O]DO|FIX[M]E|XX[X])\b")


def bare_except(source: Source) -> Iterator[tuple[int, str]]:
    for node in source.nodes:
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield node.lineno, "a bare except also catches Cancelled; name what is expected"


def prints(source: Source) -> Iterator[tuple[int, str]]:
    if not source.is_product or source.module == "cli":
        return
    for node in source.nodes:
        if isinstance(node, ast.Call) and dotted(node.func) == "print":
            yield node.lineno, "only the command line prints"


def time_and_chance(source: Source) -> Iterator[tuple[int, str]]:
    if not source.is_product or source.is_in(TIME_AND_CHANCE_ALLOWED):
        return
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and TIME_AND_CHANCE.fullmatch(name := dotted(node)):
            yield node.lineno, f"{name} makes results differ between runs: ask the Clock"
        elif isinstance(node, ast.ImportFrom) and node.module in {"time", "uuid", "random"}:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((node.lineno, f"{n} is banned") for n in names if TIME_AND_CHANCE.match(n))


def unfinished(source: Source) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.text.splitlines(), 1):
        if UNFINISHED.search(line):
            yield number, "unfinished work is not committed"


def nurseries(source: Source) -> Iterator[tuple[int, str]]:
    if not source.is_product or source.is_in(NURSERIES_ALLOWED):
        return
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and node.attr == "open_nursery":
            yield node.lineno, "only supervised places open nurseries"


def close_codes(source: Source) -> Iterator[tuple[int, str]]:
    if not source.is_product or source.module == "close_codes":
        return
    for node in source.nodes:
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value in CLOSE_CODES:
            yield node.lineno, f"{node.value} has a name in bountyexpo/close_codes.py"


def event_names(source: Source) -> Iterator[tuple[int, str]]:
    """An event has one name, where it is declared; the load generator knows the wire only."""
    if not source.is_product or re.fullmatch(r"domain\.\w+\.events|load(\..*)?", source.module):
        return
    for node in source.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = {node.value, *re.findall(r"'([a-z_.]+)'", node.value)} & EVENT_NAMES
            yield from ((node.lineno, f"{each} is named by its class") for each in sorted(named))


def open_matches(source: Source) -> Iterator[tuple[int, str]]:
    """Where a value is one of a closed set, the type checker or an error must say "not all"."""
    if not source.is_product:
        return
    for node in source.nodes:
        if not isinstance(node, ast.Match):
            continue
        *others, last = node.cases
        is_rest = isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None
        if not is_rest or last.guard is not None:
            yield node.lineno, "a match ends in `case _`"
        elif all(_is_closed(case.pattern) for case in others) and not _refuses(last.body):
            yield last.body[0].lineno, "the last case of a union or enum is assert_never or raises"


def _is_closed(pattern: ast.pattern) -> bool:
    """Tell whether a pattern is a class, the member of an enum, None, or made of such."""
    match pattern:
        case ast.MatchClass() | ast.MatchSingleton():
            return True
        case ast.MatchValue(value):
            return isinstance(value, ast.Attribute)
        case ast.MatchOr(patterns) | ast.MatchSequence(patterns):
            return all(map(_is_closed, patterns))
        case ast.MatchAs(inner):
            return inner is None or _is_closed(inner)
        case _:
            return False


def _refuses(body: list[ast.stmt]) -> bool:
    last = body[-1]
    if isinstance(last, ast.Expr | ast.Return) and isinstance(last.value, ast.Call):
        return dotted(last.value.func) == "assert_never"
    return isinstance(last, ast.Raise)
