"""What a connection is bounded by."""

from __future__ import annotations

from dataclasses import dataclass

# A peer is pinged after this share of the interval without a word of theirs.
PING_SHARE = 5 / 6


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds and times of every connection of one poller (contract realtime §4.1, §4.3, §4.7).

    The session layer tells clients of these very values, so what is told is what is enforced.
    """

    message_bytes_max: int = 64 * 1024
    queue_frames_max: int = 256
    queue_bytes_max: int = 256 * 1024
    read_bytes_max: int = 64 * 1024
    idle_timeout_s: float = 60.0
    ping_interval_s: float = 30.0
    close_timeout_s: float = 5.0
    queue_full_s: float = 10.0
    no_progress_s: float = 20.0
    tick_interval_s: float = 2.0

    @property
    def heartbeat_s(self) -> float:
        """How often clients are asked to say something; whoever is silent for longer is pinged."""
        return self.ping_interval_s * PING_SHARE
