"""Faults to order from the Stripe emulator, so that unhappy paths can be tried by hand and tested.

A fault is ordered for a path prefix and a number of requests; it is forgotten at a restart.
"""

from __future__ import annotations

from typing import Literal

import msgspec

FaultKind = Literal["lost_reply", "server_error", "server_error_after", "rate_limit"]


class Fault(msgspec.Struct):
    """What shall go wrong.

    ``server_error`` and ``rate_limit`` happen before anything is done; ``server_error_after`` and
    ``lost_reply`` happen when all is done and only the answer is missing.
    """

    kind: FaultKind
    path: str = "/v1/"
    times: int = 1


class Faults:
    """The faults still to happen."""

    def __init__(self) -> None:
        self._ordered: list[Fault] = []

    def order(self, fault: Fault) -> None:
        """Let it happen to the next requests of its path."""
        self._ordered.append(fault)

    def clear(self) -> None:
        """Let nothing more go wrong."""
        self._ordered.clear()

    def take(self, path: str) -> FaultKind | None:
        """Return what shall happen to this request, and count it."""
        for fault in self._ordered:
            if path.startswith(fault.path) and fault.times > 0:
                fault.times -= 1
                return fault.kind
        return None
