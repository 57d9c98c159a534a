"""What stands behind the port: each handler takes connections whose first request it knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from bountyexpo.edge.request_head import RequestHead


@dataclass(slots=True)
class Arrival:
    """A connection that no handler has taken yet.

    ``data`` is everything read so far and begins with the head. The acceptor closes the socket
    when ``serve`` returns, unless the handler has taken it.
    """

    sock: socket.socket
    head: RequestHead
    data: bytes
    peer: str
    is_taken: bool = False


class ProtocolHandler(Protocol):
    """One way to serve a connection."""

    @property
    def open_sockets(self) -> int:
        """Descriptors that this handler holds on to after ``serve`` has returned."""

    def accepts(self, head: RequestHead) -> bool:
        """Tell whether this handler serves a connection that begins so."""

    async def serve(self, arrival: Arrival) -> None:
        """Serve the connection."""

    def start_draining(self) -> None:
        """Take no new work that lasts; end what is idle."""

    def stop(self) -> None:
        """Prepare for cancellation: nothing may hold ``serve`` for long any more."""


def choose_handler(
    handlers: Sequence[ProtocolHandler], head: RequestHead
) -> ProtocolHandler | None:
    """Return the first handler that accepts; their order is the order of preference."""
    return next((handler for handler in handlers if handler.accepts(head)), None)
