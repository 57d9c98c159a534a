"""Draw every state machine from its table, and write the tables of ``docs/rules.md``.

``make docs`` runs this; nothing outside the standard library draws. In a picture each state is a
column with its box on top, and each step is an arrow from column to column with the event and
who may do it above; what happens without leaving a state stands beside it as a loop. Refusals and
repeats are not drawn. The text between the markers of ``rules.md`` is replaced.
"""

# ruff: noqa: INP001 - a script beside the pages that it writes
from __future__ import annotations

import sys
from collections import deque
from dataclasses import dataclass
from functools import partial
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from bountyexpo.domain.machine import Machine, Outcome, Role, Rule, Timer
from bountyexpo.domain.market import (
    application,
    bounty,
    bounty_rules,
    cancellation,
    completion,
    dispute,
)
from bountyexpo.domain.market.access import EVENTS
from bountyexpo.domain.money import connect_account, escrow_rules, payment, withdrawal_rules

DOCS = Path(__file__).parent
MODULES = (
    bounty_rules,
    application,
    completion,
    cancellation,
    dispute,
    escrow_rules,
    payment,
    withdrawal_rules,
    connect_account,
)
MACHINES: tuple[Machine[Any, Any, Any], ...] = tuple(module.MACHINE for module in MODULES)


def _of_bounty() -> dict[Any, list[str]]:
    """Return who asks for each event of a bounty: operations by their rows of access, and jobs."""
    found: dict[Any, list[str]] = {}
    for operation, event in EVENTS.items():
        found.setdefault(event, []).append(f"`{operation}`")
    for event, names in NAMED.items():
        found.setdefault(event, []).extend(names)
    return found


# What the row of an operation does not tell: one that may mean several steps, and jobs.
NAMED = {
    bounty.Event.CREATE: ["`bounty.create`"],
    bounty.Event.ATTACH: ["`bounty.update`"],
    bounty.Event.ACCEPT: ["`request.update`", "`bounty.accept`"],
    bounty.Event.REJECT_APPLICATION: ["`request.update`", "`request.delete`"],
    bounty.Event.WITHDRAW_APPLICATION: ["`request.update`", "`request.delete`"],
    bounty.Event.APPLY: ["`bounty.accept`"],
    bounty.Event.APPROVE: ["`bounty.set_status`"],
    bounty.Event.ARCHIVE: ["`bounty.set_status`"],
    bounty.Event.DELETE: ["`bounty.set_status`"],
    bounty.Event.EXPIRY_TICK: ["job `expiry`", "`bounty.expire`"],
    bounty.Event.QUIET_TICK: ["job `quiet`"],
    bounty.Event.HUNTER_GONE: ["job `left`", "`stale.find`"],
    bounty.Event.POSTER_GONE: ["job `left`", "`stale.find`"],
}
ASKED_BY = {"bounty": _of_bounty()}

# Sizes in pixels; the text is drawn at 12, about 6.6 a character.
BOX, LINE, TOP, MARGIN = (156, 34), 15, 84, 20
CHAR, LABEL_CHARS_MIN, ARROW_GAP = 6.6, 18, 20
# Room for what stands beside the last column.
ASIDE = 80

PEOPLE, MACHINERY = "#1d3f72", "#8a5a00"
# Who acts by itself, and is drawn in another colour than people.
BY_ITSELF = frozenset({Role.SYSTEM, Role.TIMER, Role.PROVIDER})

STYLE = """
text { font: 12px 'Helvetica Neue', Arial, sans-serif; fill: #222 }
.box { fill: #eef3fb; stroke: #1d3f72; stroke-width: 1.4 }
.end { fill: #e4f3e6; stroke: #2c6e35 }
.absent { fill: #fff; stroke: #888; stroke-dasharray: 4 3 }
.life { stroke: #c9d0da; stroke-width: 1 }
.name { text-anchor: middle; font-weight: 600 }
.label { text-anchor: middle; paint-order: stroke; stroke: #fff; stroke-width: 5px }
.beside { paint-order: stroke; stroke: #fff; stroke-width: 5px }
"""


@dataclass(frozen=True)
class Arrow:
    """Steps from one state to another, or to itself, by the same kind of actor."""

    source: Any
    target: Any
    by_itself: bool
    labels: tuple[str, ...]


def arrows_of(machine: Machine[Any, Any, Any]) -> list[Arrow]:
    """Return what is drawn, in the order of the columns."""
    found: dict[tuple[Any, Any, bool], dict[str, None]] = {}
    for rule in machine.rules:
        if rule.refusal is not None or rule.outcome is not Outcome.MOVE:
            continue
        for source in rule.sources:
            by_itself = set(rule.roles) <= BY_ITSELF
            key = (source, rule.target or source, by_itself)
            found.setdefault(key, {})[_label(rule)] = None
    columns = columns_of(machine)
    order = {state: number for number, state in enumerate(columns)}
    keys = sorted(found, key=lambda key: (order[key[0]], key[0] == key[1], order[key[1]], key[2]))
    return [Arrow(*key, labels=tuple(found[key])) for key in keys]


def columns_of(machine: Machine[Any, Any, Any]) -> list[Any]:
    """Return the states in the order in which they are reached from the start."""
    reached, todo = [machine.start], deque([machine.start])
    while todo:
        source = todo.popleft()
        for rule in machine.rules:
            target = rule.target
            if source in rule.sources and target is not None and target not in reached:
                reached.append(target)
                todo.append(target)
    lasting = [state for state in reached if state not in machine.terminal]
    return lasting + [state for state in reached if state in machine.terminal]


def draw(machine: Machine[Any, Any, Any]) -> str:
    """Return the picture of a machine as SVG."""
    columns, arrows = columns_of(machine), arrows_of(machine)
    pitch = _pitch(columns, arrows)
    x_of = {state: MARGIN + pitch * number + pitch / 2 for number, state in enumerate(columns)}
    body: list[str] = []
    y: float = TOP + BOX[1]
    for arrow in arrows:
        y = _draw_arrow(body, arrow, x_of, y, pitch)
    width, height = MARGIN * 2 + pitch * len(columns) + ASIDE, y + 30
    lives = [
        f'<line class="life" x1="{x:.0f}" y1="{TOP}" x2="{x:.0f}" y2="{height - 14:.0f}"/>'
        for x in x_of.values()
    ]
    boxes = [_box(machine, state, x) for state, x in x_of.items()]
    title = f"{machine.name.replace('_', ' ')}: what leads where"
    heads = "".join(_arrow_head(colour) for colour in (PEOPLE, MACHINERY))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">'
    )
    legend = (
        f'<text x="{MARGIN}" y="46"><tspan fill="{PEOPLE}">→ by people</tspan>'
        f'<tspan dx="18" fill="{MACHINERY}">→ by itself</tspan>'
        '<tspan dx="18" fill="#2c6e35">■ may rest here for ever</tspan></text>'
    )
    parts = (
        head,
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f"<defs>{heads}</defs>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{MARGIN}" y="24" font-weight="600">{escape(title)}</text>',
        legend,
        *lives,
        *boxes,
        *body,
        "</svg>\n",
    )
    return "\n".join(parts)


def _pitch(columns: list[Any], arrows: list[Arrow]) -> float:
    """Return how far apart the columns are, so that the labels have room."""
    order = {state: number for number, state in enumerate(columns)}
    needed = BOX[0] + 24.0
    for arrow in arrows:
        span = abs(order[arrow.source] - order[arrow.target]) or 1
        longest = max(map(len, arrow.labels))
        needed = max(needed, (max(longest, LABEL_CHARS_MIN) * CHAR + 24) / span)
    return needed


def _draw_arrow(
    body: list[str], arrow: Arrow, x_of: dict[Any, float], y: float, pitch: float
) -> float:
    """Draw an arrow below ``y`` with its labels above it; return how far down it reaches."""
    start, end = x_of[arrow.source], x_of[arrow.target]
    colour = MACHINERY if arrow.by_itself else PEOPLE
    width = pitch if arrow.source == arrow.target else abs(end - start)
    lines = _wrapped(arrow.labels, int((width - 24) / CHAR))
    if arrow.source == arrow.target:
        return _draw_loop(body, start, y + ARROW_GAP, lines, colour)
    bottom = y + ARROW_GAP + LINE * len(lines)
    for number, line in enumerate(lines):
        baseline = bottom - 5 - LINE * (len(lines) - 1 - number)
        body.append(
            f'<text class="label" x="{(start + end) / 2:.0f}" y="{baseline:.0f}">'
            f"{escape(line)}</text>"
        )
    tip = end - 3 if end > start else end + 3
    body.append(
        f'<path d="M{start:.0f} {bottom:.0f} H{tip:.0f}" stroke="{colour}" stroke-width="1.6" '
        f'fill="none" marker-end="url(#{_head_id(colour)})"/>'
    )
    return bottom


def _draw_loop(body: list[str], x: float, y: float, lines: list[str], colour: str) -> float:
    depth = max(LINE * len(lines) - 4, 12)
    body.append(
        f'<path d="M{x:.0f} {y:.0f} h14 v{depth} h-11" stroke="{colour}" stroke-width="1.6" '
        f'fill="none" marker-end="url(#{_head_id(colour)})"/>'
    )
    for number, line in enumerate(lines):
        body.append(
            f'<text class="beside" x="{x + 20:.0f}" y="{y + 10 + LINE * number:.0f}">'
            f"{escape(line)}</text>"
        )
    return y + depth


def _box(machine: Machine[Any, Any, Any], state: Any, x: float) -> str:
    kind = "box end" if state in machine.terminal else "box"
    name = "not there yet" if state is None else state.value.replace("_", " ")
    width, height = BOX
    return (
        f'<rect class="{"box absent" if state is None else kind}" x="{x - width / 2:.0f}" '
        f'y="{TOP - height / 2:.0f}" width="{width}" height="{height}" rx="7"/>'
        f'<text class="name" x="{x:.0f}" y="{TOP + 4}">{escape(name)}</text>'
    )


def _arrow_head(colour: str) -> str:
    return (
        f'<marker id="{_head_id(colour)}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{colour}"/></marker>'
    )


def _head_id(colour: str) -> str:
    return f"head-{colour[1:]}"


def _label(rule: Rule[Any, Any]) -> str:
    return _words(rule.event)


def _wrapped(labels: tuple[str, ...], chars: int) -> list[str]:
    """Return the labels in lines; one label is never broken."""
    lines = [""]
    for number, label in enumerate(labels):
        text = label if number == len(labels) - 1 else f"{label},"
        if lines[-1] and len(lines[-1]) + 1 + len(text) > max(chars, LABEL_CHARS_MIN):
            lines.append("")
        lines[-1] = f"{lines[-1]} {text}".strip()
    return lines


def table(machine: Machine[Any, Any, Any]) -> str:
    """Return the rules of a machine as a Markdown table; rules that differ in the event are one."""
    heads = ["Row", "From", "Event", "Who", "To", "Only if", "What follows", "Timer"]
    asked = ASKED_BY.get(machine.name)
    heads += ["Asked by"] if asked is not None else []
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for cells, rules in groupby(machine.rules, partial(_cells, machine)):
        row, sources, *rest = cells
        events = [rule.event for rule in rules]
        named = "any" if set(events) == set(machine.events) else ", ".join(map(_words, events))
        if asked is not None:
            callers = {name: None for event in events for name in asked.get(event, ())}
            rest.append("" if named == "any" else ", ".join(callers))
        lines.append("| " + " | ".join((row, sources, named, *rest)) + " |")
    return "\n".join(lines)


def _cells(machine: Machine[Any, Any, Any], rule: Rule[Any, Any]) -> tuple[str, ...]:
    """Return what a row says but for the event."""
    if set(rule.sources) >= set(machine.states.__members__.values()):
        sources = "any"
    else:
        sources = ", ".join(_words(source) if source else "–" for source in rule.sources)
    guards = [f"when {guard.name}" for guard in rule.when]
    guards += [guard.name for guard in rule.require]
    return (
        rule.row,
        sources,
        ", ".join(rule.roles),
        _answer(rule),
        "; ".join(guards),
        ", ".join(_effect(machine, effect) for effect in rule.effects),
        ", ".join(_timer(timer) for timer in rule.timers),
    )


def _answer(rule: Rule[Any, Any]) -> str:
    if rule.refusal is not None:
        return f"refused: “{rule.refusal.message}”"
    match rule.outcome:
        case Outcome.REPEAT:
            return "the same answer again"
        case Outcome.IGNORE:
            return "nothing changes"
        case Outcome.POSTPONE:
            return "waits for what it speaks of"
    return f"**{_words(rule.target)}**" if rule.target else "stays"


def _effect(machine: Machine[Any, Any, Any], effect: Any) -> str:
    guard = machine.conditions.get(effect)
    return _words(effect) + (f" (if {guard.name})" if guard else "")


def _timer(timer: Timer) -> str:
    if timer.after_s is None:
        return f"{_words(timer.event)} at the {_words(timer.at)}"
    days, seconds = divmod(timer.after_s, 86_400)
    return f"{_words(timer.event)} after {f'{days} d' if days else f'{seconds} s'}"


def _words(value: Any) -> str:
    return str(value).replace("_", " ")


def written(page: str) -> str:
    """Return the page with every table between its markers replaced."""
    for machine in MACHINES:
        start, end = f"<!-- table: {machine.name} -->", "<!-- end -->"
        before, found, rest = page.partition(start)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            sys.exit(f"docs/rules.md has no place for the table of {machine.name}")
        page = f"{before}{start}\n{table(machine)}\n{end}{after}"
    return page


def main() -> None:
    """Write every picture and the tables of the page."""
    (DOCS / "machines").mkdir(exist_ok=True)
    for machine in MACHINES:
        (DOCS / "machines" / f"{machine.name}.svg").write_text(draw(machine), encoding="utf-8")
    rules = DOCS / "rules.md"
    rules.write_text(written(rules.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
