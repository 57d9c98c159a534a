"""A door is what stands behind the port: it takes a connection whose first request is known."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import trio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.edge.request_head import RequestHead

# How long a refused client is read from, so that the reset of a closed descriptor with unread
# bytes does not overtake the answer.
LINGER_S = 1.0

# What is read and thrown away in that time, at most.
LINGER_BYTES_MAX = 256 * 1024


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


async def answer(sock: socket.socket, response: bytes, *, timeout_s: float = 5.0) -> None:
    """Send a last answer and let it arrive; the caller closes the socket."""
    rest = memoryview(response)
    with trio.move_on_after(timeout_s):
        try:
            while rest:
                try:
                    rest = rest[sock.send(rest) :]
                except BlockingIOError:
                    await trio.lowlevel.wait_writable(sock)
            sock.shutdown(socket.SHUT_WR)
            await read_away(sock)
        except OSError:
            return


async def read_away(sock: socket.socket) -> None:
    """Throw away what a client still sends, for a short while.

    Raises:
        OSError: The connection is broken.
    """
    left = LINGER_BYTES_MAX
    with trio.move_on_after(LINGER_S):
        while left > 0:
            try:
                data = sock.recv(65536)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(sock)
                continue
            if not data:
                return
            left -= len(data)
