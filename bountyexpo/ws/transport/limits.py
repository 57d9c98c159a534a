"""What a connection is bounded by, what it calls, and what it needs of its poller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from bountyexpo.ws.transport.connection import Connection

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


class ConnectionHandler(Protocol):
    """What a session implements. All calls are synchronous; one that raises ends its connection."""

    def on_message(self, payload: bytes, *, is_text: bool) -> None:
        """Take one whole message; text is valid UTF-8."""

    def on_closed(self, code: int) -> None:
        """Learn, once and last, that the connection is over."""

    def on_drained(self) -> None:
        """Learn that the queue, which had been over half, is empty."""

    def on_tick(self, now: float) -> float:
        """Do what time asks for; return when it asks next.

        The connection calls again at that time, give or take ``tick_interval_s``, or earlier. Who
        begins to wait for something in between sets the connection's ``next_look`` to 0.
        """


class Driver(Protocol):
    """What a connection needs of its poller."""

    limits: Limits
    now: float
    frames_sent: int
    frames_received: int
    faults: int
    slow_consumers: int

    def watch_writable(self, connection: Connection, *, wanted: bool) -> None:
        """Start or stop to report room in the kernel's buffer."""

    def settle_soon(self, connection: Connection) -> None:
        """Call ``connection.settle()`` soon, outside whatever runs now."""

    def resume_soon(self, connection: Connection) -> None:
        """Call ``connection.resume()`` when others have had their turn."""

    def remove(self, connection: Connection) -> None:
        """Forget the connection and close its descriptor."""

    def current_time(self) -> float:
        """Return the time now; ``now`` is that of the last wake."""
