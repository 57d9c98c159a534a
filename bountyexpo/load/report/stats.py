"""What a run counts: times and events per second of the run, errors, and broken promises.

A worker fills one ``Stats`` and hands every full second to the process that started it; there the
seconds of all workers add up in a ``Timeline``.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bountyexpo.load.report.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

# The first faults are told in words; a broken server breaks promises by the thousand.
FAULTS_TOLD = 20


@dataclass
class Second:
    """One second of a run, or all of them together."""

    times: dict[str, Histogram] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, other: Second) -> None:
        """Count all that the other one counted."""
        for name, histogram in other.times.items():
            self.times.setdefault(name, Histogram()).add(histogram)
        self.counts.update(other.counts)
        self.errors.update(other.errors)

    def dump(self) -> dict[str, Any]:
        """Write it down for another process."""
        times = {name: histogram.dump() for name, histogram in self.times.items()}
        return {"times": times, "counts": dict(self.counts), "errors": dict(self.errors)}

    @classmethod
    def load(cls, written: dict[str, Any]) -> Second:
        """Read what ``dump`` wrote."""
        times = {name: Histogram.load(each) for name, each in written["times"].items()}
        return cls(times, Counter(written["counts"]), Counter(written["errors"]))


class Stats:
    """What one worker counts; ``emit`` gets each second when it is over."""

    def __init__(self, emit: Callable[[dict[str, Any]], None]) -> None:
        self.faults: list[str] = []
        self.fault_count = 0
        self._emit = emit
        self._second = Second()
        self._number = 0
        self._started = float("inf")
        self._next = float("inf")
        self._cpu_s = 0.0

    def begin(self, started: float) -> None:
        """Begin the first second at this monotonic time; what was counted before is forgotten."""
        self._second = Second()
        self._started = started
        self._next = started + 1
        self._cpu_s = time.process_time()

    def record(self, name: str, seconds: float) -> None:
        """Count a time, in the second in which it ended."""
        histogram = self._second.times.get(name)
        if histogram is None:
            histogram = self._second.times[name] = Histogram()
        histogram.record(seconds)

    def count(self, name: str, number: int = 1) -> None:
        """Count something."""
        self._second.counts[name] += number

    def error(self, code: str) -> None:
        """Count a refusal, or a connection that ended."""
        self._second.errors[code] += 1

    def fault(self, text: str, kind: str = "broken", number: int = 1) -> None:
        """Note a promise that was broken ``number`` times: any fails the run."""
        self.fault_count += number
        self.count(kind, number)
        if len(self.faults) < FAULTS_TOLD:
            self.faults.append(text)

    def tick(self, now: float) -> None:
        """Hand over the second that is over, if one is."""
        if now >= self._next:
            self.flush(now)

    def flush(self, now: float) -> None:
        """Hand over what was counted until now."""
        cpu_s = time.process_time()
        share = (cpu_s - self._cpu_s) / max(now - (self._next - 1), 0.001)
        self._emit({"kind": "second", "second": self._number, "cpu": share, **self._second.dump()})
        self._second = Second()
        self._cpu_s = cpu_s
        self._number = max(self._number + 1, int(now - self._started))
        self._next = self._started + self._number + 1


@dataclass
class Timeline:
    """All seconds of all workers."""

    seconds: dict[int, Second] = field(default_factory=dict)
    total: Second = field(default_factory=Second)
    # The share of a core that each worker used, second by second.
    cpu: dict[int, list[float]] = field(default_factory=dict)

    def add(self, worker: int, message: dict[str, Any]) -> None:
        """Add one second of one worker."""
        second = Second.load(message)
        self.seconds.setdefault(message["second"], Second()).add(second)
        self.total.add(second)
        self.cpu.setdefault(worker, []).append(message["cpu"])

    def busiest_cpu(self) -> float:
        """The highest mean share of a core that a worker used, its last part second left out."""
        means = [
            sum(shares[:-1] or shares) / len(shares[:-1] or shares) for shares in self.cpu.values()
        ]
        return max(means, default=0.0)
