"""A door is what stands behind the port: it takes a connection whose first request is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from bountyexpo.edge.request_head import RequestHead


@dataclass(slots=True)
class Arrival:
    """A connection at the door.

    ``data`` is everything read so far and begins with the head. The acceptor closes the socket
    when ``serve`` returns, unless the door has taken it.
    """

    sock: socket.socket
    head: RequestHead
    data: bytes
    peer: str
    is_taken: bool = False


class Door(Protocol):
    """One way to serve a connection."""

    @property
    def open_sockets(self) -> int:
        """Descriptors that live on behind this door after ``serve`` has returned."""

    def accepts(self, head: RequestHead) -> bool:
        """Tell whether this door serves a connection that begins so."""

    async def serve(self, arrival: Arrival) -> None:
        """Serve the connection."""

    def start_draining(self) -> None:
        """Take no new work that lasts; end what is idle."""

    def stop(self) -> None:
        """Prepare for cancellation: nothing may hold ``serve`` for long any more."""


def choose_handler(doors: Sequence[Door], head: RequestHead) -> Door | None:
    """Return the first door that accepts; the order of ``doors`` is the order of preference."""
    return next((door for door in doors if door.accepts(head)), None)
