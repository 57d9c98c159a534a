"""The generic cell rate algorithm: a bucket of calls that is one number.

The number is the moment at which the bucket would be full again (the "theoretical arrival time").
Each call moves it on by the interval between two calls; a call is allowed as long as the bucket
does not lack more than it holds.
"""

from __future__ import annotations

from typing import Final

# A rounding error of the clock must not refuse the last call of a burst.
_TOLERANCE: Final = 1e-9


def charge(full_at: float, now: float, interval_s: float, capacity_s: float) -> tuple[float, float]:
    """Take one call out of a bucket that holds ``capacity_s / interval_s`` of them.

    Returns when the bucket is full again after it, and by how much the call comes too early: 0
    when it is allowed. Of a call that is refused the caller keeps nothing.
    """
    assert interval_s > 0, "a bucket is filled in the course of time"
    full_at = max(now, full_at) + interval_s
    early_s = full_at - now - capacity_s
    if early_s <= 0 or early_s <= _TOLERANCE * max(1.0, now):
        return full_at, 0.0
    return full_at, early_s
