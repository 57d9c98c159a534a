"""A histogram of garbage collector pauses.

A collection can begin inside any allocation, also one that happens while a metric's lock is held.
An ordinary histogram, observed from the collector's callback, could therefore wait for a lock of
its own thread, for ever. This one keeps plain numbers and takes no lock at all.
"""

from __future__ import annotations

import gc
from bisect import bisect_left
from itertools import accumulate
from time import perf_counter
from typing import TYPE_CHECKING

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Upper bounds in seconds; a pause of 50 ms is felt by people who chat.
BOUNDS_S = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)

GENERATIONS = 3


class GcPauses(Collector):
    """Counts and sums of collector pauses, per generation."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        self._started_at = 0.0
        self._sums = [0.0] * GENERATIONS
        self._counts = [[0] * (len(BOUNDS_S) + 1) for _ in range(GENERATIONS)]

    def install(self) -> None:
        """Listen to the collector."""
        if self.on_gc not in gc.callbacks:
            gc.callbacks.append(self.on_gc)

    def on_gc(self, phase: str, info: Mapping[str, int]) -> None:
        """Note the begin or the end of one collection (the signature is the interpreter's)."""
        if phase == "start":
            self._started_at = perf_counter()
            return
        generation = info["generation"]
        pause_s = perf_counter() - self._started_at
        self._sums[generation] += pause_s
        self._counts[generation][bisect_left(BOUNDS_S, pause_s)] += 1

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield the histogram; called by the registry."""
        family = HistogramMetricFamily(self._name, self._text, labels=["generation"])
        bounds = [*(str(bound) for bound in BOUNDS_S), "+Inf"]
        for generation in range(GENERATIONS):
            buckets = list(
                zip(bounds, map(float, accumulate(self._counts[generation])), strict=True)
            )
            family.add_metric([str(generation)], buckets, self._sums[generation])
        yield family
