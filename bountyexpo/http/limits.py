"""How much a client may send over HTTP, and how long it may take: the same on both ways."""

from __future__ import annotations

from dataclasses import dataclass

from bountyexpo.edge.request_head import HEAD_BYTES_MAX, HEAD_S
from bountyexpo.operations.catalogue import Limit, RateClass

# What is no operation: pages, preflights, what is not there, what is refused before an operation
# counts it; and webhooks that are not signed.
OTHER = RateClass("other", per_address=Limit(1200, 60))
UNSIGNED = RateClass("unsigned", per_address=Limit(60, 60))

# A larger body is refused unread (operations §13).
BODY_BYTES_MAX = 1024 * 1024

# How long a whole body may take.
BODY_S = 30.0


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bounds and times of one connection."""

    head_bytes_max: int = HEAD_BYTES_MAX
    # The fast path leaves a larger body to the fallback, which refuses it.
    body_bytes_max: int = BODY_BYTES_MAX
    head_s: float = HEAD_S
    body_s: float = BODY_S
    # For a body that the application does not read; its own limit, of the whole, comes before.
    body_read_s: float = BODY_S + 5
    keep_alive_s: float = 65.0
    send_s: float = 20.0
    # How long a client that does not read may hold up the end of the process.
    stop_grace_s: float = 2.0
    # Requests of one client that sends ahead, before all others get their turn.
    requests_per_turn: int = 16
    # How often the fast path looks at its time limits; they are late by this much at most.
    watch_s: float = 0.5
