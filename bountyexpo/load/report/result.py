"""What came of a run: its figures, and whether it may be called good."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bountyexpo.load.plan import MAIN_TIME
from bountyexpo.load.report.histogram import Histogram
from bountyexpo.load.report.stats import Timeline

if TYPE_CHECKING:
    from bountyexpo.load.options import Options

# Above this share of a core a worker of ours is what was measured, not the server.
BUSY_SHARE = 0.9
# Options that a report does not tell.
SECRET = frozenset({"jwt_secret", "admin_token", "database_url"})
PERCENTILES = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"), (0.999, "p99.9"))


@dataclass
class Result:
    """One finished run."""

    options: Options
    timeline: Timeline = field(default_factory=Timeline)
    elapsed_s: float = 0.0
    faults: list[str] = field(default_factory=list)
    fault_count: int = 0
    facts: dict[str, float] = field(default_factory=dict)
    server: dict[str, float] = field(default_factory=dict)
    # What must be zero; nothing where nobody has looked.
    books: dict[str, int] = field(default_factory=dict)

    @property
    def main_name(self) -> str:
        """The name of the time that this scenario is judged by."""
        return MAIN_TIME[self.options.scenario]

    @property
    def main(self) -> Histogram:
        """The time that this scenario is judged by."""
        return self.timeline.total.times.get(self.main_name, Histogram())

    @property
    def error_count(self) -> int:
        """All refusals and broken connections."""
        return sum(self.timeline.total.errors.values())

    def rate_per_s(self, name: str) -> float:
        """How many of a time or a count there were per second of the run."""
        total = self.timeline.total
        number = total.times[name].count if name in total.times else total.counts[name]
        return number / self.elapsed_s if self.elapsed_s else 0.0

    def verdicts(self) -> list[tuple[str, bool]]:
        """Every threshold as a sentence, and whether it is met."""
        options = self.options
        found = [
            (
                f"nothing lost, doubled or out of order: {self.fault_count} faults",
                self.fault_count == 0,
            ),
            (
                f"errors {self.error_count:,} <= {options.max_errors:,}",
                self.error_count <= options.max_errors,
            ),
            (
                f"something was measured: {self.main.count:,} {self.main_name}",
                self.main.count > 0 or options.scenario == "idle",
            ),
        ]
        found += [(f"books: {value:,} {name}", value == 0) for name, value in self.books.items()]
        if options.max_p95_ms is not None:
            p95_ms = self.main.percentile_s(0.95) * 1000
            text = f"p95 {p95_ms:,.1f} ms <= {options.max_p95_ms:,g} ms"
            found.append((text, p95_ms <= options.max_p95_ms))
        if options.min_rate is not None:
            rate = self.rate_per_s(self.main_name)
            found.append((f"{rate:,.0f}/s >= {options.min_rate:,g}/s", rate >= options.min_rate))
        return found

    @property
    def is_good(self) -> bool:
        """Tell whether every threshold is met."""
        return all(is_met for _, is_met in self.verdicts())

    def warnings(self) -> list[str]:
        """What makes the figures mean less than they seem to."""
        said = []
        share = self.timeline.busiest_cpu()
        if share > BUSY_SHARE:
            said.append(
                f"a client process used {share:.0%} of a core: the client may be the bottleneck; "
                "use more --processes, and more cores for them"
            )
        if self.options.scenario == "story" and not self.books:
            said.append("nobody has looked at the books: name their --database")
        if self.options.scenario == "story" and self.options.admin_token is None:
            said.append("nothing was disputed: nobody may judge without an --admin-token")
        return said

    def summary(self) -> dict[str, Any]:
        """Everything as plain data."""
        total = self.timeline.total
        return {
            "scenario": self.options.scenario,
            "options": {
                name: value
                for name, value in vars(self.options).items()
                if isinstance(value, str | int | float) and name not in SECRET
            },
            "isGood": self.is_good,
            "verdicts": [{"text": text, "isMet": is_met} for text, is_met in self.verdicts()],
            "warnings": self.warnings(),
            "elapsedS": self.elapsed_s,
            "times": {
                name: time_summary(histogram, self.elapsed_s)
                for name, histogram in total.times.items()
            },
            "counts": dict(total.counts),
            "errors": dict(total.errors),
            "faults": self.faults,
            "faultCount": self.fault_count,
            "facts": self.facts,
            "server": self.server,
            "books": self.books,
            "clientCpu": self.timeline.busiest_cpu(),
            "seconds": [
                {
                    "second": number,
                    "times": {
                        name: time_summary(histogram, 1.0)
                        for name, histogram in second.times.items()
                    },
                    "counts": dict(second.counts),
                    "errors": dict(second.errors),
                }
                for number, second in sorted(self.timeline.seconds.items())
            ],
        }


def time_summary(histogram: Histogram, elapsed_s: float) -> dict[str, float]:
    """One time as plain figures, in milliseconds."""
    found: dict[str, float] = {
        "count": histogram.count,
        "perS": histogram.count / elapsed_s if elapsed_s else 0.0,
        "mean": histogram.mean_s * 1000,
        "max": histogram.max_s * 1000,
    }
    found |= {name: histogram.percentile_s(share) * 1000 for share, name in PERCENTILES}
    return found
