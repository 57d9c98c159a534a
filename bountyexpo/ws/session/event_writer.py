"""Writing events to one client: to its socket, under the session's own numbers, or for later.

A client that wants to resume gets each event with a number ``n``, and the last of them are kept;
without a socket they are only kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from bountyexpo.ws.session import frame_splice
from bountyexpo.ws.session.replay_buffer import Entry, ReplayBuffer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.ws.session.context import SessionContext
    from bountyexpo.ws.transport.connection import Connection
    from bountyexpo.ws.v1.serializer import Serializer


class SocketGone(Exception):
    """The socket closed while something was under way for it; nobody is left to tell."""


class EventWriter:
    """The way to the socket of one session, and what went along it.

    Bounded by the queue of the socket: nothing is written where there is no room, and whoever
    writes decides to wait or to drop.
    """

    __slots__ = (
        "_connection",
        "_last_n",
        "_replay",
        "_room",
        "_serializer",
        "context",
        "is_batching",
    )

    def __init__(self, context: SessionContext[Any], serializer: Serializer) -> None:
        self.context = context
        self._serializer = serializer
        self._connection: Connection | None = None
        # Whether the client takes several events in one frame.
        self.is_batching = False
        # The number of the last event, None for a client that cannot resume.
        self._last_n: int | None = None
        # The last events; nothing while none is young enough to be sent again.
        self._replay: ReplayBuffer | None = None
        self._room: trio.Event | None = None

    def attach(self, connection: Connection) -> None:
        """Write to this connection from now on."""
        self._connection = connection
        self._look_soon()

    def part(self) -> None:
        """Write to no connection any more; whoever waits for its room learns that it is gone."""
        self._connection = None
        self._wake()

    # -- writing

    async def send_patiently(self, frame: bytes) -> None:
        """Send one frame, waiting for room.

        Raises:
            SocketGone: the socket closed, or no room came.
        """
        while self._connection is None or not self._connection.send(frame):
            await self._wait_for_room()

    async def send_events(self, frames: Sequence[bytes], *, is_replay: bool = False) -> None:
        """Send events in order, waiting for room, in batches where the client takes them.

        Raises:
            SocketGone: the socket closed, or no room came.
        """
        runs = frame_splice.chunks(frames) if self.is_batching else [[frame] for frame in frames]
        for run in runs:
            while not self._write_run(run, is_replay=is_replay):
                await self._wait_for_room()

    # -- numbers, and what is kept under them

    @property
    def is_numbered(self) -> bool:
        """True when events carry ``n``, so that the session can be resumed."""
        return self._last_n is not None

    def number_events(self) -> None:
        """Give every event from now on a number, so that the session can be resumed."""
        self._last_n = self._last_n or 0

    def covers(self, n: int) -> bool:
        """Tell whether everything behind ``n`` is still here."""
        self._trim(trio.current_time())
        return self._entries_after(n) is not None

    async def replay_after(self, n: int) -> int:
        """Send again what followed ``n``, under its numbers; returns how much that was.

        Raises:
            SocketGone: the socket closed, or no room came.
        """
        entries = self._entries_after(n) or []
        for entry in entries:
            fields: dict[str, Any] = {"n": entry.n}
            if not entry.is_replay:
                fields["replay"] = True
            frame = frame_splice.with_fields(self._serializer, entry.frame, **fields)
            await self.send_patiently(frame)
        return len(entries)

    def forget_past(self) -> None:
        """Keep nothing, and number no more; nobody will resume this session."""
        self._last_n = None
        replay, self._replay = self._replay, None
        if replay is not None:
            self.context.resumable.release(replay)

    # -- private parts

    def _entries_after(self, n: int) -> list[Entry] | None:
        if self._last_n is None:
            return None
        if self._replay is None:
            return [] if n == self._last_n else None
        return self._replay.after(n, self._last_n)

    def _trim(self, now: float) -> None:
        """Drop what is too old to be sent again."""
        if self._replay is not None:
            self.context.resumable.trim(self._replay, now)
            if not self._replay:
                self._replay = None

    def _write(self, frame: bytes) -> bool:
        """Write one event; False when there was no room."""
        if self._last_n is None:
            return self._connection is not None and self._connection.send(frame)
        return self._write_numbered(self._last_n, [frame], is_replay=False)

    def _write_run(self, frames: Sequence[bytes], *, is_replay: bool) -> bool:
        if self._last_n is not None:
            return self._write_numbered(self._last_n, frames, is_replay=is_replay)
        return self._connection is not None and self._connection.send(self._joined(frames))

    def _write_numbered(self, last_n: int, frames: Sequence[bytes], *, is_replay: bool) -> bool:
        """Write events with their numbers and keep them; without a socket only keep them."""
        connection = self._connection
        if connection is not None and connection.is_open:
            numbered = [
                frame_splice.with_fields(self._serializer, frame, n=n)
                for n, frame in enumerate(frames, last_n + 1)
            ]
            # A socket that turned out to be dead is no lack of room.
            if not connection.send(self._joined(numbered)) and connection.is_open:
                return False
        if self._replay is None:
            self._replay = ReplayBuffer()
            self._look_soon()
        now = trio.current_time()
        for n, frame in enumerate(frames, last_n + 1):
            self._last_n = n
            self.context.resumable.record(self._replay, Entry(n, now, frame, is_replay))
        return True

    def _joined(self, frames: Sequence[bytes]) -> bytes:
        return frames[0] if len(frames) == 1 else frame_splice.batch(self._serializer, frames)

    async def _wait_for_room(self) -> None:
        if self._connection is None or not self._connection.is_open:
            raise SocketGone
        self._room = trio.Event()
        with trio.move_on_after(self.context.timings.room_s) as scope:
            await self._room.wait()
        if scope.cancelled_caught:
            raise SocketGone

    def _look_soon(self) -> None:
        """Let the transport ask again when time is up for something here."""
        if self._connection is not None:
            self._connection.next_look = 0.0

    def _wake(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None
