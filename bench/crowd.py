"""A crowd of signed-in people with one open socket each, for the socket benchmarks."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import msgspec
from bountyexpo.load.client.fleet import Fleet, FleetFailed, LeanSocket, make_frame

from bench.server import token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bountyexpo.load.client.connections import Connections

HELLO = make_frame(b'{"type":"hello","v":1}')
# How many may wait for their welcome at a time: each is a new account, thus a transaction.
WELCOMES_AT_ONCE = 64


class Heard(msgspec.Struct, rename="camel"):
    """What the benchmarks read of a frame; anything else is skipped unparsed."""

    type: str
    re: str | None = None
    seq: int | None = None
    client_msg_id: str | None = None
    code: str | None = None
    message: str | None = None


class Crowd:
    """People with sockets; ``on_frame(number, frame)`` gets what they hear after the welcome."""

    def __init__(
        self, port: int, on_frame: Callable[[int, Heard], None] = lambda _number, _frame: None
    ) -> None:
        self.on_frame = on_frame
        self.welcomed = 0
        self._first = 0
        self._decoder = msgspec.json.Decoder(Heard)
        self._upgraded: deque[LeanSocket] = deque()
        self.fleet = Fleet(
            ("127.0.0.1", port), on_message=self._on_message, on_open=self._upgraded.append
        )

    def join(self, numbers: Iterable[int]) -> None:
        """Open a socket for each of these people, and wait for all the welcomes.

        The numbers go on from those who came before.
        """
        tokens = [token(number) for number in numbers]
        for start in range(0, len(tokens), WELCOMES_AT_ONCE):
            group = tokens[start : start + WELCOMES_AT_ONCE]
            self.fleet.open(group)
            wanted = self.welcomed + len(group)
            while self._upgraded:
                self.fleet.send(self._upgraded.popleft(), HELLO)
            while self.welcomed < wanted:
                self.fleet.pump(0.1)
                self.check()

    def send(self, number: int, frame: bytes) -> None:
        """Send one ready frame."""
        self.fleet.send(self.fleet.sockets[number], frame)

    def check(self) -> None:
        """Stop when a socket was closed: the figures would be of something else.

        Raises:
            FleetFailed: When one was closed.
        """
        if self.fleet.closed:
            lost = self.fleet.closed
            raise FleetFailed(f"{len(lost)} sockets were closed, one with {lost[0].close_code}")

    def close(self) -> None:
        """Close all sockets."""
        self.fleet.close()

    def _on_message(self, client: LeanSocket, payload: bytes) -> None:
        frame = self._decoder.decode(payload)
        if frame.type == "welcome":
            self.welcomed += 1
        elif frame.type == "error" and frame.re is None:
            raise FleetFailed(f"the server said {frame.code}: {frame.message}")
        else:
            self.on_frame(client.number, frame)


def pump_for(connections: Connections, seconds: float) -> None:
    """Serve connections for some time, with nothing else to do."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        connections.pump(left)
