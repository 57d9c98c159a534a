"""The receiving half of a session: events go in from the hub, in order, and out to the socket.

Three things may stand between the hub and the socket, each absent for a session at rest:

* ``held``: while a replay runs, live events wait behind it.
* ``floors``: what a replay has sent is not sent again, should its live copy come late.
* ``missed``: a stream that lost an event gets no later one until the client was told, because
  events are dropped only as a suffix. ``gap`` tells, ``sync`` heals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from bountyexpo.ws import protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bountyexpo.ws.codec import Codec
    from bountyexpo.ws.connection import Connection
    from bountyexpo.ws.gateway import SessionGateway


class SocketGone(Exception):
    """The socket closed while something was under way for it; nobody is left to tell."""


class Held:
    """Live events that wait behind a replay of ``streams`` (None: of all).

    Bounded in frames and bytes; ``add`` returns False when full.
    """

    __slots__ = ("bytes_left", "frames", "frames_left", "streams")

    def __init__(self, streams: Collection[str] | None, *, frames: int, size: int) -> None:
        self.streams = streams
        self.frames: list[tuple[str, int, bytes]] = []
        self.frames_left = frames
        self.bytes_left = size

    def covers(self, stream: str) -> bool:
        """Tell whether events of ``stream`` wait here."""
        return self.streams is None or stream in self.streams

    def add(self, stream: str, seq: int, frame: bytes) -> bool:
        """Keep one event."""
        if self.frames_left < 1 or self.bytes_left < len(frame):
            return False
        self.frames_left -= 1
        self.bytes_left -= len(frame)
        self.frames.append((stream, seq, frame))
        return True


class Receiver:
    """Delivers to one socket.

    When full: ephemeral frames vanish; a numbered event vanishes with all later ones of its
    stream until ``gap`` was sent; a reply ends the socket, for nobody can ask again for it.
    """

    __slots__ = (
        "_floors",
        "_floors_until",
        "_held",
        "_missed",
        "_muted",
        "_room",
        "connection",
        "gateway",
        "user_id",
    )

    def __init__(self, connection: Connection, gateway: SessionGateway) -> None:
        self.connection = connection
        self.gateway = gateway
        self.user_id = ""
        self._held: Held | None = None
        self._floors: dict[str, int] | None = None
        self._floors_until = 0.0
        self._missed: set[str] | None = None
        self._muted: set[str] | None = None
        self._room: trio.Event | None = None

    @property
    def codec(self) -> Codec:
        """How this socket's frames are written."""
        return self.connection.codec

    # -- what the hub calls

    def deliver(self, stream: str, seq: int, frame: bytes) -> None:
        """Send a numbered event, or keep or drop it as the class says."""
        if self._missed is not None and stream in self._missed:
            return
        held = self._held
        if held is not None and held.covers(stream):
            if not held.add(stream, seq, frame):
                self._note_missed(stream)
        elif self._floors is not None and not self._is_news(stream, seq):
            return
        elif not self.connection.send(frame):
            self._note_missed(stream)

    def deliver_ephemeral(self, stream: str, frame: bytes) -> None:
        """Send a frame that may be lost, unless its stream is muted or nothing was said yet."""
        if self._held is not None and self._held.streams is None:
            return
        if self._muted is None or stream not in self._muted:
            self.connection.send(frame, ephemeral=True)

    def miss(self, stream: str) -> None:
        """Tell the client that events of ``stream`` were lost, now or when there is room."""
        self._note_missed(stream)
        self.tell_missed()

    # -- replay

    def hold(self, streams: Collection[str] | None) -> None:
        """Let live events of ``streams`` wait; what was missed of them will be replayed."""
        limits = self.gateway.limits
        self._held = Held(streams, frames=limits.held_frames_max, size=limits.held_bytes_max)
        if self._missed is not None and streams is not None:
            self._missed = self._missed.difference(streams) or None

    async def release(self, floors: Mapping[str, int]) -> None:
        """Send what waited, except what the replay has sent, and go on live."""
        held = self._held
        if held is None:
            return
        if floors:
            self._floors = {**(self._floors or {}), **floors}
            self._floors_until = trio.current_time() + self.gateway.timings.floor_s
        while held.frames:
            waiting, held.frames = held.frames, []
            for stream, seq, frame in waiting:
                if self._floors is None or self._is_news(stream, seq):
                    await self.send_patiently(frame)
        self._held = None
        self.tell_missed()

    async def send_patiently(self, frame: bytes) -> None:
        """Send one frame, waiting for room.

        Raises:
            SocketGone: the socket closed, or no room came.
        """
        while not self.connection.send(frame):
            if not self.connection.is_open:
                raise SocketGone
            self._room = trio.Event()
            with trio.move_on_after(self.gateway.timings.room_s) as scope:
                await self._room.wait()
            if scope.cancelled_caught:
                raise SocketGone

    # -- what the transport calls

    def on_drained(self) -> None:
        """Use the room that returned."""
        self._wake()
        self.tell_missed()

    # -- for the session

    def mute(self, stream: str) -> None:
        """Keep ephemeral frames of ``stream`` from this socket."""
        if self._muted is None:
            self._muted = set()
        if len(self._muted) < self.gateway.limits.subscriptions_max:
            self._muted.add(stream)

    def unmute(self, stream: str) -> None:
        """End ``mute``."""
        if self._muted is not None:
            self._muted.discard(stream)

    def tell_missed(self) -> None:
        """Announce the streams that lost events, if anything may be said now."""
        if not self._missed or (self._held is not None and self._held.streams is None):
            return
        if self.connection.send(self.codec.frame(protocol.gap(self.gateway.now(), self._missed))):
            self._missed = None

    def send_now(self, message: dict[str, Any]) -> bool:
        """Encode and send one message; False when there was no room."""
        return self.connection.send(self.codec.frame(message))

    def _note_missed(self, stream: str) -> None:
        if not self.connection.is_open:
            return
        if self._missed is None:
            self._missed = set()
        self._missed.add(stream)

    def _is_news(self, stream: str, seq: int) -> bool:
        """Tell whether the event is beyond what a replay sent; the first such ends the check."""
        floors = self._floors
        if floors is None:
            return True
        floor = floors.get(stream)
        if floor is None:
            return True
        if seq <= floor:
            return False
        del floors[stream]
        if not floors:
            self._floors = None
        return True

    def _drop_old_floors(self, now: float) -> None:
        if self._floors is not None and now >= self._floors_until:
            self._floors = None

    def _wake(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None
