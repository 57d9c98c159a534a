"""The buckets of one limit, bounded: what is full again is dropped, or else what is nearest to it.

A bucket is one number, the moment at which it would be full again (``domain.gcra``). One that is
full is the same as one that was never seen. Those that are nearest to it say least, so a crowd of
keys that were used once never drives out a bucket that somebody has emptied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

K = TypeVar("K", bound="Hashable")

# In how many steps the time in which a bucket fills is looked at.
SLOTS = 32


class BucketTable(Generic[K]):
    """Moments by key, at most ``keys_max``; a bucket is empty for ``capacity_s`` at most."""

    __slots__ = ("_full_at", "_keys_max", "_slot_s", "_slots")

    def __init__(self, keys_max: int, capacity_s: float) -> None:
        assert keys_max > 0
        assert capacity_s > 0
        self._keys_max = keys_max
        self._slot_s = capacity_s / SLOTS
        self._full_at: dict[K, float] = {}
        # The keys by the step in which their buckets are full again.
        self._slots: dict[int, dict[K, None]] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def full_at(self, key: K, now: float) -> float:
        """Return when the bucket is full; now for one that is not known."""
        return self._full_at.get(key, now)

    def store(self, key: K, full_at: float, now: float) -> None:
        """Keep when a bucket is full again."""
        slot, known = int(full_at // self._slot_s), self._full_at.get(key)
        before = slot if known is None else int(known // self._slot_s)
        if known is None or before != slot:
            if known is not None:
                self._leave(before, key)
            if slot not in self._slots:
                self._drop_full(now)
                self._slots[slot] = {}
            self._slots[slot][key] = None
        self._full_at[key] = full_at
        if len(self._full_at) > self._keys_max:
            self._drop_nearest()

    def _drop_full(self, now: float) -> None:
        """Forget what is full by now; done once for each step of the time."""
        present = now // self._slot_s
        for slot in [each for each in self._slots if each < present]:
            for key in self._slots.pop(slot):
                del self._full_at[key]

    def _drop_nearest(self) -> None:
        slot = min(self._slots)
        key = next(iter(self._slots[slot]))
        self._leave(slot, key)
        del self._full_at[key]

    def _leave(self, slot: int, key: K) -> None:
        keys = self._slots[slot]
        del keys[key]
        if not keys:
            del self._slots[slot]
