"""Say in plain words what is wrong with a request.

The decoder stops at the first fault and speaks of types. Here each field is tried on its own, so
that a form can show all faults at once, in sentences for people. Only refused requests come here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bountyexpo.operations.catalogue import Operation

# What a conversion raises: its own error, and Python's for a year that a time cannot have.
REFUSALS = (msgspec.ValidationError, ValueError, OverflowError, RecursionError)

# Faults reported at most; a client that sends more wrong fields does not read them either.
ISSUES_MAX = 20

KINDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "nothing",
    "uuid": "an id",
    "datetime": "a date and time",
    "date": "a date",
}

AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
MISSING = re.compile(r"Object missing required field `(?P<field>[^`]+)`")
UNKNOWN = re.compile(r"Object contains unknown field `(?P<field>[^`]+)`")
LENGTH = re.compile(r"Expected `(?P<kind>\w+)` of length (?P<sign>>=|<=|==) (?P<count>\d+)")
RANGE = re.compile(r"Expected `(?P<kind>\w+)` (?P<sign>>=|<=|>|<) (?P<bound>\S+)")
CHOICE = re.compile("Invalid enum value")
TYPES = re.compile(r"Expected `(?P<wanted>[^`]+)`, got `(?P<given>[^`]+)`")

UNITS = {"str": "characters", "bytes": "bytes"}

SIGNS = {
    ">=": "at least",
    "<=": "at most",
    "==": "exactly",
    ">": "more than",
    "<": "less than",
}


def explain(
    operation: Operation,
    arguments: Mapping[str, Any],
    error: Exception,
    *,
    strict: bool,
) -> list[dict[str, str]]:
    """List the faults as ``{"path", "message"}``; never empty."""
    issues = []
    for name, info in operation.fields.items():
        if name not in arguments:
            if info.required:
                issues.append({"path": name, "message": f"{name} is required."})
            continue
        try:
            msgspec.convert(arguments[name], info.type, strict=strict)
        except msgspec.ValidationError as fault:
            issues.append(_issue(str(fault), name))
        except REFUSALS:
            issues.append({"path": name, "message": f"{name} is not valid."})
    return issues[:ISSUES_MAX] or [_issue(str(error), "")]


def sentence(error: msgspec.ValidationError) -> str:
    """Say in one sentence what the decoder found."""
    return _issue(str(error), "")["message"]


def _issue(fault: str, field: str) -> dict[str, str]:
    match = AT.match(fault)
    assert match is not None
    inner = (match["path"] or "").removeprefix("$").replace("[...]", "")
    path = (field + inner).removeprefix(".")
    what = match["what"]
    if named := MISSING.match(what) or UNKNOWN.match(what):
        path = f"{path}.{named['field']}".removeprefix(".")
    return {"path": path, "message": f"{path or 'The request'} {_fault(what)}."}


def _fault(what: str) -> str:
    for pattern, say in SENTENCES:
        if match := pattern.match(what):
            return say(match)
    return "is not valid"


def _length(match: re.Match[str]) -> str:
    unit = UNITS.get(match["kind"], "entries")
    return f"must have {SIGNS[match['sign']]} {match['count']} {unit}"


def _range(match: re.Match[str]) -> str:
    return f"must be {SIGNS[match['sign']]} {match['bound']}"


def _type(match: re.Match[str]) -> str:
    return f"must be {_kinds(match['wanted'])}, not {_kinds(match['given'])}"


def _kinds(names: str) -> str:
    return " or ".join(KINDS.get(name.strip(), name.strip()) for name in names.split("|"))


SENTENCES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (MISSING, lambda _: "is required"),
    (UNKNOWN, lambda _: "is not known here"),
    (LENGTH, _length),
    (RANGE, _range),
    (TYPES, _type),
    (CHOICE, lambda _: "is not one of the allowed values"),
)
