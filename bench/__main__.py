"""Run the benchmarks: ``python -m bench [actors database http lists messages] [--json]``."""

from __future__ import annotations

import argparse
import inspect
import json
import sys
import traceback
from importlib import import_module
from typing import Any

import trio

from bench.facts import facts

BENCHMARKS = (
    *("actors", "database", "http", "lists", "searches", "steps", "messages", "sockets"),
    *("scale", "sessions", "hostile", "peers"),
)
Row = dict[str, Any]


def main() -> int:
    """Measure, print, and return 1 if something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")

    if not arguments.json:
        print("\n".join(f"{name:<12}{fact}" for name, fact in facts().items()))
        print(f"\n{'':<44}{'measured':>12} {'unit':<10}{'goal':>10}")
    rows = []
    for name in arguments.names or BENCHMARKS:
        for row in measure(name):
            rows.append(row)
            if not arguments.json:
                print(line(row), flush=True)
    if arguments.json:
        print(json.dumps({"facts": facts(), "rows": rows}, indent=2))
    return 1 if any("problem" in row for row in rows) else 0


def measure(name: str) -> list[Row]:
    """Run one benchmark; a failure becomes a row, so that the others still run."""
    try:
        run = import_module(f"bench.{name}").run
        found = trio.run(run) if inspect.iscoroutinefunction(run) else run()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this benchmark's result
        traceback.print_exc(file=sys.stderr)
        return [{"name": name, "problem": f"{type(error).__name__}: {error}"}]
    return [judged(*row) for row in found]


def judged(name: str, value: float, unit: str, goal: float | str | None = None) -> Row:
    """One result, and whether it meets its goal."""
    direction = ">=" if "/s" in unit else "<="
    if isinstance(goal, str):
        direction, _, figures = goal.partition(" ")
        goal = float(figures) if figures else None
    row: Row = {"name": name, "value": value, "unit": unit, "goal": goal}
    if goal is not None:
        is_met = value >= goal if direction == ">=" else value <= goal
        row |= {"direction": direction, "is_met": is_met}
    return row


def line(row: Row) -> str:
    """One result as a line of the table."""
    if "problem" in row:
        return f"{row['name']:<44}not measured: {row['problem']}"
    text = f"{row['name']:<44}{figure(row['value']):>12} {row['unit']:<10}"
    if row["goal"] is None:
        return text.rstrip()
    goal = f"{row['direction']} {figure(row['goal'])}"
    return f"{text}{goal:>10}  {'met' if row['is_met'] else 'MISSED'}"


def figure(value: float) -> str:
    """A number with as many digits as mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}".rstrip("0").rstrip(".")


if __name__ == "__main__":
    sys.exit(main())
