"""A run for the terminal: a line of progress every second, and the table at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.load.report.result import PERCENTILES

if TYPE_CHECKING:
    from bountyexpo.load.report.histogram import Histogram
    from bountyexpo.load.report.result import Result
    from bountyexpo.load.report.stats import Second


def progress(number: int, second: Second, main_name: str, cpu: float) -> str:
    """One second of a run."""
    parts = [f"{number + 1:>4} s"]
    if second.counts["sent"]:
        parts.append(f"sent {second.counts['sent']:,}")
    for name, histogram in second.times.items():
        if ":" not in name:
            parts.append(f"{name} {histogram.count:,}")
    if main_name in second.times:
        main = second.times[main_name]
        parts.append(f"p95 {milliseconds(main.percentile_s(0.95))}")
        parts.append(f"max {milliseconds(main.max_s)}")
    errors = sum(second.errors.values())
    parts.append(f"errors {errors:,}" if errors else "")
    parts.append(f"client {cpu:.0%}")
    return "   ".join(part for part in parts if part)


def table(result: Result) -> str:
    """The final table."""
    total = result.timeline.total
    heads = "".join(f"{name:>10}" for _, name in PERCENTILES)
    options = result.options
    title = f"{options.scenario}: {options.connections:,} connections, {result.elapsed_s:.1f} s"
    lines = [
        "",
        title,
        "",
        f"{'':<22}{'count':>11}{'per s':>11}{heads}{'max':>10}",
    ]
    for name, histogram in sorted(
        total.times.items(), key=lambda item: (item[0] != result.main_name, ":" in item[0])
    ):
        lines.append(_time_line(name, histogram, result.rate_per_s(name)))
    for name, count in sorted(total.counts.items()):
        lines.append(f"{name:<22}{count:>11,}{result.rate_per_s(name):>11,.1f}")
    for name, count in total.errors.most_common():
        lines.append(f"{'error ' + name:<22}{count:>11,}")
    for name, value in {**result.facts, **result.server}.items():
        lines.append(f"{name:<22}{value:>11,.6g}")
    lines.append("")
    lines += [f"  broken: {fault}" for fault in result.faults]
    lines += [f"  {'ok    ' if is_met else 'FAILED'}  {text}" for text, is_met in result.verdicts()]
    lines += [f"  note: {warning}" for warning in result.warnings()]
    return "\n".join(lines)


def milliseconds(seconds: float) -> str:
    """A time with as many digits as mean something."""
    value = seconds * 1000
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} ms"


def _time_line(name: str, histogram: Histogram, rate: float) -> str:
    times = [*(histogram.percentile_s(share) for share, _ in PERCENTILES), histogram.max_s]
    figures = "".join(f"{milliseconds(each):>10}" for each in times)
    return f"{name:<22}{histogram.count:>11,}{rate:>11,.1f}{figures}"
