"""What a connection and its writer need of the poller that drives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from bountyexpo.ws.transport.limits import Limits

Driven_contra = TypeVar("Driven_contra", contravariant=True)


class WriteDriver(Protocol):
    """What a writer needs."""

    limits: Limits
    now: float

    def watch_writable(self, fd: int, *, wanted: bool) -> None:
        """Start or stop to report room in the kernel's buffer."""

    def current_time(self) -> float:
        """Return the time now; ``now`` is that of the last wake."""


class Driver(WriteDriver, Protocol[Driven_contra]):
    """What a connection needs."""

    frames_sent: int
    frames_received: int
    faults: int
    slow_consumers: int

    def settle_soon(self, connection: Driven_contra) -> None:
        """Call ``connection.settle()`` soon, outside whatever runs now."""

    def resume_soon(self, connection: Driven_contra) -> None:
        """Call ``connection.resume()`` when others have had their turn."""

    def remove(self, connection: Driven_contra) -> None:
        """Forget the connection and close its descriptor."""
