"""A run as one HTML page that needs no other file: charts over time as SVG, and the table."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from bountyexpo.load.report.terminal import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.load.report.result import Result

WIDTH, HEIGHT, LEFT, BOTTOM = 860, 240, 70, 24
COLOURS = ("#1565c0", "#2e7d32", "#ef6c00", "#c62828")
STYLE = (
    "body{font:15px system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
    "pre{background:#f6f6f6;padding:1em;overflow-x:auto}svg{width:100%;height:auto}"
    "@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}pre{background:#222}}"
)

# A name, and its value in each second; None where there was none.
Line = tuple[str, "Sequence[float | None]"]


def page(result: Result) -> str:
    """The whole page."""
    verdict = "good" if result.is_good else "FAILED"
    title = f"bountyexpo load {result.options.scenario}: {verdict}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1><p>{escape(result.options.url)}</p>"
        f"<h2>Throughput, per second</h2>{chart(_rates(result))}"
        f"<h2>Latency of “{escape(result.main_name)}”, ms</h2>{chart(_latencies(result))}"
        f"<h2>Figures</h2><pre>{escape(table(result))}</pre></body></html>\n"
    )


def chart(lines: Sequence[Line]) -> str:
    """Lines over the seconds of a run, with a scale and a legend."""
    count = max((len(values) for _, values in lines), default=0)
    top = max((value for _, values in lines for value in values if value is not None), default=0)
    top = top or 1.0

    def place(second: int, value: float) -> str:
        x = LEFT + (WIDTH - LEFT - 10) * second / max(count - 1, 1)
        return f"{x:.1f},{HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 20) * value / top:.1f}"

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-size="12" fill="currentColor">']
    for step in range(5):
        y = HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 20) * step / 4
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{y:.1f}" y2="{y:.1f}" stroke="#8885"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{top * step / 4:,.4g}</text>'
        )
    for index, (name, values) in enumerate(lines):
        colour = COLOURS[index % len(COLOURS)]
        points = [place(at, value) for at, value in enumerate(values) if value is not None]
        line = " ".join(points)
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{line}"/>'
            f'<text x="{LEFT + 10 + 130 * index}" y="14" fill="{colour}">{escape(name)}</text>'
        )
    parts.append(
        f'<text x="{LEFT}" y="{HEIGHT - 6}">0 s</text>'
        f'<text x="{WIDTH - 10}" y="{HEIGHT - 6}" text-anchor="end">{max(count - 1, 0)} s</text>'
    )
    return "".join(parts) + "</svg>"


def _rates(result: Result) -> list[Line]:
    seconds = result.timeline.seconds
    span = range(max(seconds, default=-1) + 1)
    names = [name for name in result.timeline.total.times if ":" not in name]
    lines: list[Line] = [
        (
            name,
            [
                float(seconds[at].times[name].count)
                if at in seconds and name in seconds[at].times
                else 0.0
                for at in span
            ],
        )
        for name in names[:3]
    ]
    errors = [float(sum(seconds[at].errors.values())) if at in seconds else 0.0 for at in span]
    return [*lines, ("errors", errors)]


def _latencies(result: Result) -> list[Line]:
    seconds, name = result.timeline.seconds, result.main_name
    span = range(max(seconds, default=-1) + 1)
    return [
        (
            label,
            [
                seconds[at].times[name].percentile_s(share) * 1000
                if at in seconds and name in seconds[at].times
                else None
                for at in span
            ],
        )
        for share, label in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"), (1.0, "max"))
    ]
