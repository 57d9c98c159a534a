"""When each thing is due: an open loop, which no slow answer can slow down.

A client that waits for an answer before it asks again asks less while the server stalls, and so
leaves the stall out of its figures (coordinated omission). Here the due times are fixed before the
run, and every latency counts from them: a stall of one second costs everything that was due in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Schedule:
    """``rate_per_s`` for ``duration_s``; over the first ``ramp_s`` the rate grows from nothing."""

    rate_per_s: float
    duration_s: float
    ramp_s: float = 0.0

    @property
    def total(self) -> int:
        """How many are due in all."""
        ramp_s = min(self.ramp_s, self.duration_s)
        slope = ramp_s * self.rate_per_s * (ramp_s / self.ramp_s) / 2 if self.ramp_s else 0.0
        return math.floor(slope + (self.duration_s - ramp_s) * self.rate_per_s + 1e-9)

    def due_s(self, number: int) -> float:
        """When the one with this number (from 0) is due, from the start of the run."""
        if self.ramp_s:
            in_ramp = self.rate_per_s * self.ramp_s / 2
            if number < in_ramp:
                return math.sqrt(2 * number * self.ramp_s / self.rate_per_s)
            return self.ramp_s + (number - in_ramp) / self.rate_per_s
        return number / self.rate_per_s

    def __iter__(self) -> Iterator[float]:
        """Every due time in order."""
        return (self.due_s(number) for number in range(self.total))


def share_of(total: int, part: int, parts: int) -> int:
    """How many of ``total`` fall to one of several parts; they differ by one at most."""
    return total // parts + (part < total % parts)
