"""One timer wheel for thousands of deadlines.

A ``trio`` cancel scope with a deadline costs 9 µs and a task per timer costs memory for as long
as it waits. Here a deadline is one entry in the slot (a dict, so that order is kept and removal
is constant) of the 10 ms in which it falls. A single task sleeps until the earliest slot. An
entry never fires early, and at most one tick late.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, Protocol

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator

# How finely deadlines are told apart: 10 ms, far below any deadline a person notices.
TICKS_PER_S = 100


class Entry(Protocol):
    """Something that can wait on a wheel; ``due`` belongs to the wheel, 0 when off it."""

    due: int

    def fire(self) -> None:
        """Do what is due. Must not raise: one task serves all timers."""
        ...


class TimerWheel:
    """Deadlines of one pool; ``run`` is the one task that serves them."""

    __slots__ = ("_fired", "_order", "_slots", "_woken")

    def __init__(self) -> None:
        self._slots: dict[int, dict[Entry, None]] = {}
        self._order: list[int] = []
        self._woken = trio.Event()
        # The tick last served. What is due no later goes into the next one, so that an entry
        # which puts itself back at once cannot hold the loop.
        self._fired = -1

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))

    def __iter__(self) -> Iterator[Entry]:
        """Go through a snapshot of all that waits, earliest slot first."""
        return iter([entry for tick in sorted(self._slots) for entry in self._slots[tick]])

    def __repr__(self) -> str:
        return f"<TimerWheel waiting={len(self)}>"

    def add(self, entry: Entry, after_s: float) -> None:
        """Let ``entry`` fire in ``after_s`` seconds. It must not be waiting already."""
        tick = math.ceil((trio.current_time() + after_s) * TICKS_PER_S)
        if tick <= self._fired:
            tick = self._fired + 1
        slot = self._slots.get(tick)
        if slot is None:
            slot = self._open_slot(tick)
        slot[entry] = None
        entry.due = tick

    def discard(self, entry: Entry) -> None:
        """Forget ``entry``, whether or not it still waits."""
        slot = self._slots.get(entry.due)
        if slot is not None:
            slot.pop(entry, None)
        entry.due = 0

    def clear(self) -> None:
        """Forget everything."""
        self._slots.clear()
        self._order.clear()

    async def run(self) -> None:
        """Fire what is due, for ever."""
        while True:
            self._woken = trio.Event()
            until = self._order[0] / TICKS_PER_S if self._order else math.inf
            with trio.move_on_at(until):
                await self._woken.wait()
            self._fire_due()

    def _open_slot(self, tick: int) -> dict[Entry, None]:
        slot: dict[Entry, None] = {}
        self._slots[tick] = slot
        heapq.heappush(self._order, tick)
        if self._order[0] == tick:
            self._woken.set()
        return slot

    def _fire_due(self) -> None:
        now = trio.current_time()
        # The same division as in ``run``: compared in ticks, a rounded product could stay below
        # the tick for ever while the clock of a test stands still.
        while self._order and self._order[0] / TICKS_PER_S <= now:
            tick = self._fired = self._order[0]
            slot = self._slots[tick]
            while slot:
                # One by one, and in place: an entry that fires may take another one off.
                entry = next(iter(slot))
                del slot[entry]
                entry.due = 0
                entry.fire()
            heapq.heappop(self._order)
            del self._slots[tick]
