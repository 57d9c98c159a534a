"""The receiving half of a session: events go in from the hub, in order, and out to the socket.

A client that wants to resume gets each event with the session's own number ``n``, and the last of
them are kept in a ring; a session without a socket goes on writing there.

Some things may stand between the hub and the socket, each absent for a session at rest:

* ``held``: while a replay runs, live events wait behind it.
* ``floors``: what a replay has sent is not sent again, should its live copy come late.
* ``missed``: a stream that lost an event gets no later one until the client was told, because
  events are dropped only as a suffix. ``gap`` tells, ``sync`` heals.
* ``latest``: while the queue is over half, the last passing frame of each kind waits for room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import trio

from bountyexpo.observability import metrics
from bountyexpo.ws.session import frame_splice
from bountyexpo.ws.session.replay_buffer import Entry, ReplayRing
from bountyexpo.ws.v1 import protocol
from bountyexpo.ws.v1.serializer import serializer_of

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Mapping, Sequence

    from bountyexpo.ws.gateway import SessionGateway
    from bountyexpo.ws.transport.connection import Connection
    from bountyexpo.ws.v1.serializer import Serializer


# Passing frames that wait for room; each is the last of its kind, so few are ever needed.
LATEST_MAX: Final = 64

# What a socket that was away is told as state when it comes back.
RECEIPTS: Final = ("message.delivered", "message.read")


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
        "_last_n",
        "_latest",
        "_missed",
        "_muted",
        "_ring",
        "_room",
        "_serializer",
        "connection",
        "context",
        "gateway",
        "is_batching",
        "unheard",
        "user_id",
    )

    def __init__(self, connection: Connection, gateway: SessionGateway) -> None:
        self.connection = connection
        self._serializer = serializer_of(connection.subprotocol)
        self.gateway = gateway
        self.context = gateway.context
        self.user_id = ""
        self.is_batching = False
        # The number of the last event, None for a client that cannot resume.
        self._last_n: int | None = None
        self._ring: ReplayRing | None = None
        self._held: Held | None = None
        self._floors: dict[str, int] | None = None
        self._floors_until = 0.0
        self._latest: dict[Hashable, bytes] | None = None
        # The first number that is missing of each stream, None where it is not known.
        self._missed: dict[str, int | None] | None = None
        self._muted: set[str] | None = None
        self._room: trio.Event | None = None
        # Conversations whose receipts went by while the socket was away.
        self.unheard: set[str] | None = None

    @property
    def serializer(self) -> Serializer:
        """How this socket's frames are written."""
        return self._serializer

    @property
    def is_numbered(self) -> bool:
        """True when events carry ``n``, so that the session can be resumed."""
        return self._last_n is not None

    # -- what the hub calls

    def deliver(self, stream: str, seq: int, frame: bytes) -> None:
        """Send a numbered event, or keep or drop it as the class says."""
        if self._missed is not None and stream in self._missed:
            return
        held = self._held
        if held is not None and held.covers(stream):
            if not held.add(stream, seq, frame):
                self._note_missed(stream, seq)
        elif self._floors is not None and not self._is_news(stream, seq):
            return
        elif not self._emit(frame):
            self._note_missed(stream, seq)

    def deliver_ephemeral(self, stream: str, frame: bytes, key: Hashable = None) -> None:
        """Send a frame that may be lost, unless its stream is muted or nothing was said yet."""
        if self._held is not None and self._held.streams is None:
            self._note_unheard(stream, key)
            return
        if self._muted is not None and stream in self._muted:
            return
        if key is None or not self.connection.is_over_half:
            if not self.connection.send(frame, ephemeral=True):
                self._note_unheard(stream, key)
        else:
            self._keep_latest(key, frame)

    def miss(self, stream: str) -> None:
        """Tell the client that events of ``stream`` were lost, now or when there is room."""
        self._note_missed(stream)
        self.tell_missed()

    # -- replay

    def hold(self, streams: Collection[str] | None) -> None:
        """Let live events of ``streams`` wait; what was missed of them will be replayed."""
        limits = self.context.limits
        self._held = Held(streams, frames=limits.held_frames_max, size=limits.held_bytes_max)
        if self._missed is not None and streams is not None:
            left = {name: seq for name, seq in self._missed.items() if name not in streams}
            self._missed = left or None

    async def release(self, floors: Mapping[str, int]) -> None:
        """Send what waited, except what the replay has sent, and go on live."""
        held = self._held
        if held is None:
            return
        if floors:
            self._floors = {**(self._floors or {}), **floors}
            self._floors_until = trio.current_time() + self.context.timings.floor_s
            self.connection.next_look = 0.0
        while held.frames:
            await self.send_events(self._take_held(held))
        self._held = None
        self.tell_missed()

    async def send_patiently(self, frame: bytes) -> None:
        """Send one frame, waiting for room.

        Raises:
            SocketGone: the socket closed, or no room came.
        """
        while not self.connection.send(frame):
            await self._wait_for_room()

    async def send_events(self, frames: Sequence[bytes], *, is_replay: bool = False) -> None:
        """Send events in order, waiting for room, in batches where the client takes them.

        Raises:
            SocketGone: the socket closed, or no room came.
        """
        runs = frame_splice.chunks(frames) if self.is_batching else [[frame] for frame in frames]
        for run in runs:
            while not self._emit_run(run, is_replay=is_replay):
                await self._wait_for_room()

    # -- what the transport calls

    def on_drained(self) -> None:
        """Use the room that returned."""
        self._wake()
        latest, self._latest = self._latest or {}, None
        for frame in latest.values():
            self.connection.send(frame, ephemeral=True)
        self.tell_missed()

    # -- for the session

    def mute(self, stream: str) -> bool:
        """Keep ephemeral frames of ``stream`` from this socket; False when too many are kept."""
        if self._muted is None:
            self._muted = set()
        if stream not in self._muted:
            if len(self._muted) >= self.context.limits.subscriptions_max:
                return False
            self._muted.add(stream)
        return True

    def unmute(self, stream: str) -> bool:
        """End ``mute``; tells whether the stream was muted."""
        if self._muted is None or stream not in self._muted:
            return False
        self._muted.discard(stream)
        if not self._muted:
            self._muted = None
        return True

    def tell_missed(self) -> None:
        """Announce the streams that lost events, if anything may be said now."""
        if not self._missed or (self._held is not None and self._held.streams is None):
            return
        if self.connection.send(
            self.serializer.frame(protocol.gap(self.context.now(), self._missed))
        ):
            metrics.WS_GAPS.inc(len(self._missed))
            self._missed = None

    def send_now(self, message: dict[str, Any]) -> bool:
        """Encode and send one message; False when there was no room."""
        return self.connection.send(self.serializer.frame(message))

    # -- numbering

    def number_events(self) -> None:
        """Give every event from now on a number, so that the session can be resumed."""
        self._last_n = self._last_n or 0

    def covers(self, n: int) -> bool:
        """Tell whether everything behind ``n`` is still here."""
        return self._last_n is not None and self._entries_after(n) is not None

    async def replay_ring(self, n: int) -> int:
        """Send again what followed ``n``, under its numbers; returns how much that was.

        Raises:
            SocketGone: the socket closed, or no room came.
        """
        entries = self._entries_after(n) or []
        for entry in entries:
            fields: dict[str, Any] = {"n": entry.n}
            if not entry.is_replay:
                fields["replay"] = True
            await self.send_patiently(
                frame_splice.with_fields(self.serializer, entry.frame, **fields)
            )
        return len(entries)

    def _entries_after(self, n: int) -> list[Entry] | None:
        assert self._last_n is not None
        if self._ring is None:
            return [] if n == self._last_n else None
        self.gateway.parking.trim(self._ring, trio.current_time())
        return self._ring.after(n, self._last_n)

    def _emit(self, frame: bytes) -> bool:
        """Send one event; False when there was no room."""
        if self._last_n is None:
            return self.connection.send(frame)
        return self._emit_numbered([frame], is_replay=False)

    def _emit_run(self, frames: list[bytes], *, is_replay: bool) -> bool:
        if self._last_n is not None:
            return self._emit_numbered(frames, is_replay=is_replay)
        whole = frames[0] if len(frames) == 1 else frame_splice.batch(self.serializer, frames)
        return self.connection.send(whole)

    def _emit_numbered(self, frames: list[bytes], *, is_replay: bool) -> bool:
        """Send events with their numbers and keep them; without a socket only keep them."""
        assert self._last_n is not None
        serializer, first_n = self.serializer, self._last_n + 1
        if self.connection.is_open:
            numbered = [
                frame_splice.with_fields(serializer, frame, n=n)
                for n, frame in enumerate(frames, first_n)
            ]
            whole = numbered[0] if len(numbered) == 1 else frame_splice.batch(serializer, numbered)
            # A socket that turned out to be dead is no lack of room.
            if not self.connection.send(whole) and self.connection.is_open:
                return False
        if self._ring is None:
            self._ring = ReplayRing()
            self.connection.next_look = 0.0
        now = trio.current_time()
        for n, frame in enumerate(frames, first_n):
            self._last_n = n
            self.gateway.parking.record(self._ring, Entry(n, now, frame, is_replay))
        return True

    def _forget_past(self) -> None:
        """Keep nothing; nobody will resume this session."""
        self._last_n = None
        ring, self._ring = self._ring, None
        self.gateway.parking.release(ring)

    def _trim_ring(self, now: float) -> None:
        if self._ring is not None:
            self.gateway.parking.trim(self._ring, now)
            if not self._ring:
                self._ring = None

    # -- private parts

    def _take_held(self, held: Held) -> list[bytes]:
        """Take what waited, except what the replay has sent."""
        waiting, held.frames = held.frames, []
        return [
            frame
            for stream, seq, frame in waiting
            if self._floors is None or self._is_news(stream, seq)
        ]

    async def _wait_for_room(self) -> None:
        if not self.connection.is_open:
            raise SocketGone
        self._room = trio.Event()
        with trio.move_on_after(self.context.timings.room_s) as scope:
            await self._room.wait()
        if scope.cancelled_caught:
            raise SocketGone

    def _keep_latest(self, key: Hashable, frame: bytes) -> None:
        if self._latest is None:
            self._latest = {}
        self._latest.pop(key, None)
        self._latest[key] = frame
        if len(self._latest) > LATEST_MAX:
            del self._latest[next(iter(self._latest))]

    def _note_unheard(self, stream: str, key: Hashable) -> None:
        """Remember whose receipts are to be told as state; all else that passes by is gone."""
        if isinstance(key, tuple) and key[0] in RECEIPTS:
            if self.unheard is None:
                self.unheard = set()
            if len(self.unheard) < self.context.limits.subscriptions_max:
                self.unheard.add(stream)

    def _note_missed(self, stream: str, seq: int | None = None) -> None:
        if not self.connection.is_open and self._last_n is None:
            return
        if self._missed is None:
            self._missed = {}
        self._missed.setdefault(stream, seq)

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
