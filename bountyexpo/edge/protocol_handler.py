"""What stands behind the port: each handler serves the requests that it knows by their heads.

Proxies keep connections and send along them whatever comes next, so which handler serves is
decided anew for each request: a handler that has answered one and meets another's hands the
connection back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from bountyexpo.edge.request_head import RequestHead
    from bountyexpo.edge.seats import Seat


@dataclass(slots=True)
class Arrival:
    """A connection on which a request has arrived that no handler has taken yet.

    ``data`` is everything read and not answered so far, and begins with the head. The acceptor
    closes the socket when it is not handed back, unless the handler has taken it. The handler
    tells ``seat`` whenever it waits for the client to ask something, and when it was asked.
    """

    sock: socket.socket
    head: RequestHead
    data: bytes
    peer: str
    seat: Seat
    is_taken: bool = False


class ProtocolHandler(Protocol):
    """One way to serve a connection."""

    @property
    def open_sockets(self) -> int:
        """Descriptors that this handler holds on to after ``serve`` has returned."""

    def accepts(self, head: RequestHead) -> bool:
        """Tell whether this handler serves a request that begins so."""

    async def serve(self, arrival: Arrival) -> bytes | None:
        """Serve the request, and those behind it as far as they are for this handler.

        Return what was read of the first one that may be for another, its whole head at least, or
        None when the connection has ended or is taken. Nothing is handed back unanswered, so that
        no request goes in circles.
        """

    def start_draining(self) -> None:
        """Take no new work that lasts; end what is idle."""

    def stop(self) -> None:
        """Prepare for cancellation: nothing may hold ``serve`` for long any more."""


def choose_handler(
    handlers: Sequence[ProtocolHandler], head: RequestHead
) -> ProtocolHandler | None:
    """Return the first handler that accepts; their order is the order of preference."""
    return next((handler for handler in handlers if handler.accepts(head)), None)
