"""The lean sockets, against the library's own server."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from bountyexpo.load.client.fleet import (
    BINARY,
    CLOSE,
    TEXT,
    Fleet,
    FleetFailed,
    LeanSocket,
    make_frame,
    take_frames,
)
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.server import Server, ServerConnection, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 200_000]


def server_frame(payload: bytes, opcode: Opcode = Opcode.TEXT) -> bytes:
    return Frame(opcode, payload).serialize(mask=False)


@pytest.mark.parametrize("size", SIZES)
def test_a_frame_of_any_size_is_taken_whole(size: int) -> None:
    incoming = bytearray(server_frame(b"x" * size) + server_frame(b"next", Opcode.BINARY))

    assert list(take_frames(incoming)) == [(TEXT, b"x" * size), (BINARY, b"next")]
    assert not incoming


def test_a_frame_in_pieces_waits_for_its_end() -> None:
    whole = server_frame(b"y" * 300)
    incoming = bytearray()
    taken = []

    for byte in whole:
        incoming.append(byte)
        taken += take_frames(incoming)

    assert taken == [(TEXT, b"y" * 300)]


class Fellow:
    """An echo server in a thread; the text "ping" pings first, the text "bye" closes."""

    def __init__(self) -> None:
        self.pongs = 0
        self.tokens: list[str] = []
        self.server: Server = serve(
            self._handle,
            "127.0.0.1",
            0,
            subprotocols=["bounty.v1.json"],
            compression=None,
            process_request=self._judge,
        )
        self.address = self.server.socket.getsockname()
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()

    def _judge(self, connection: ServerConnection, request):
        self.tokens.append(request.headers["Authorization"])
        return (
            connection.respond(503, "")
            if request.headers["Authorization"] == "Bearer bad"
            else None
        )

    def _handle(self, connection: ServerConnection) -> None:
        try:
            for message in connection:
                if message == "ping":
                    connection.ping().wait()
                    self.pongs += 1
                if message == "bye":
                    connection.close(4409)
                connection.send(message)
        except ConnectionClosed:
            pass


@pytest.fixture
def fellow() -> Iterator[Fellow]:
    running = Fellow()
    yield running
    running.stop()


class Ears:
    """A fleet and what it has heard."""

    def __init__(self, fellow: Fellow) -> None:
        self.heard: list[tuple[int, bytes]] = []
        self.fleet = Fleet(fellow.address, on_message=self._hear, on_open=lambda _socket: None)

    def pump_until(self, count: int) -> None:
        for _ in range(500):
            if len(self.heard) >= count:
                return
            self.fleet.pump(0.02)
        raise AssertionError(f"heard only {len(self.heard)}")

    def _hear(self, client: LeanSocket, payload: bytes) -> None:
        self.heard.append((client.number, payload))


@pytest.fixture
def ears(fellow: Fellow) -> Iterator[Ears]:
    listening = Ears(fellow)
    yield listening
    listening.fleet.close()


def test_each_socket_opens_with_its_own_token(fellow: Fellow, ears: Ears) -> None:
    ears.fleet.open([f"t{number}" for number in range(20)], at_once=5)

    assert ears.fleet.open_count == 20
    assert sorted(fellow.tokens) == sorted(f"Bearer t{number}" for number in range(20))


@pytest.mark.parametrize("size", [5, 500, 70_000])
def test_a_frame_goes_and_comes(ears: Ears, size: int) -> None:
    ears.fleet.open(["a", "b"])

    ears.fleet.send(ears.fleet.sockets[1], make_frame(b"z" * size))
    ears.pump_until(1)

    assert ears.heard == [(1, b"z" * size)]


def test_what_the_kernel_does_not_take_follows_later(ears: Ears) -> None:
    ears.fleet.open(["a"])

    for _ in range(40):
        ears.fleet.send(ears.fleet.sockets[0], make_frame(b"w" * 100_000))
    ears.pump_until(40)

    assert {payload for _, payload in ears.heard} == {b"w" * 100_000}


def test_a_ping_is_answered(fellow: Fellow, ears: Ears) -> None:
    ears.fleet.open(["a"])

    ears.fleet.send(ears.fleet.sockets[0], make_frame(b"ping"))
    ears.pump_until(1)

    assert fellow.pongs == 1


def test_a_closed_socket_is_told_with_its_code(ears: Ears) -> None:
    ears.fleet.open(["a", "b"])

    ears.fleet.send(ears.fleet.sockets[0], make_frame(b"bye"))
    while not ears.fleet.closed:
        ears.fleet.pump(0.02)
    ears.fleet.send(ears.fleet.sockets[1], make_frame(b"still here"))
    ears.pump_until(1)

    assert [(each.number, each.close_code) for each in ears.fleet.closed] == [(0, 4409)]
    assert ears.heard == [(1, b"still here")]


def test_a_refused_upgrade_says_why(ears: Ears) -> None:
    with pytest.raises(FleetFailed, match="503"):
        ears.fleet.open(["bad"])


def test_a_close_frame_is_a_close_frame() -> None:
    assert next(take_frames(bytearray(server_frame(b"\x03\xe8", Opcode.CLOSE))))[0] == CLOSE
