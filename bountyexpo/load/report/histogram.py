"""A log-linear histogram of times: any percentile within 1.6 %, in little memory.

Values are whole microseconds. Each power of two is cut into 64 equal buckets, so that a bucket is
at most 1/64 of its value wide, from a microsecond to hours. Only buckets in use are kept; they
add up over seconds and processes.
"""

from __future__ import annotations

from typing import Any

# Buckets per power of two, as a power of two.
PRECISION_BITS = 6


class Histogram:
    """Counts of times, in seconds."""

    __slots__ = ("buckets", "count", "max_s", "sum_s")

    def __init__(self) -> None:
        self.buckets: dict[int, int] = {}
        self.count = 0
        self.sum_s = 0.0
        self.max_s = 0.0

    def record(self, seconds: float) -> None:
        """Count one time; what is negative by a hair counts as nothing."""
        index = bucket_of(max(0, int(seconds * 1e6)))
        self.buckets[index] = self.buckets.get(index, 0) + 1
        self.count += 1
        self.sum_s += seconds
        self.max_s = max(self.max_s, seconds)

    def add(self, other: Histogram) -> None:
        """Count all that the other one counted."""
        for index, count in other.buckets.items():
            self.buckets[index] = self.buckets.get(index, 0) + count
        self.count += other.count
        self.sum_s += other.sum_s
        self.max_s = max(self.max_s, other.max_s)

    def percentile_s(self, share: float) -> float:
        """The time within which this share of all lies; 0 when there are none."""
        wanted = max(1, -int(-self.count * share // 1))
        seen = 0
        for index in sorted(self.buckets):
            seen += self.buckets[index]
            if seen >= wanted:
                return min(top_of(index) / 1e6, self.max_s)
        return 0.0

    @property
    def mean_s(self) -> float:
        """The mean time."""
        return self.sum_s / self.count if self.count else 0.0

    def dump(self) -> dict[str, Any]:
        """Write it down for another process."""
        return {
            "buckets": list(self.buckets.items()),
            "count": self.count,
            "sum": self.sum_s,
            "max": self.max_s,
        }

    @classmethod
    def load(cls, written: dict[str, Any]) -> Histogram:
        """Read what ``dump`` wrote."""
        made = cls()
        made.buckets = {int(index): int(count) for index, count in written["buckets"]}
        made.count, made.sum_s = int(written["count"]), float(written["sum"])
        made.max_s = float(written["max"])
        return made


def bucket_of(microseconds: int) -> int:
    """The bucket of a value: exact below 64, then 64 for each power of two."""
    shift = max(0, microseconds.bit_length() - PRECISION_BITS - 1)
    return (shift << PRECISION_BITS) + (microseconds >> shift)


def top_of(bucket: int) -> int:
    """The largest value of a bucket."""
    shift = max(0, (bucket >> PRECISION_BITS) - 1)
    return ((bucket - (shift << PRECISION_BITS) + 1) << shift) - 1
