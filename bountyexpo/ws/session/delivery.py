"""The sending half of a session: what the hub says goes in, in order, and out to the client.

Some things may stand between the two, each absent for a session at rest:

* ``buffered``: while a replay runs, live events wait behind it.
* ``watermarks``: what a replay has sent is not sent again, should its live copy come late.
* ``gaps``: a stream that lost an event gets no later one until the client was told, because
  events are dropped only as a suffix. The frame ``gap`` tells, ``sync`` heals.
* ``passing``: what waits or is not wanted of the frames that may be lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from bountyexpo.observability import metrics
from bountyexpo.ws.session.buffering import Buffered, Watermarks
from bountyexpo.ws.session.event_writer import EventWriter
from bountyexpo.ws.session.passing import Passing, is_receipt
from bountyexpo.ws.v1 import protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Mapping

    from bountyexpo.ws.session.context import SessionContext
    from bountyexpo.ws.v1.serializer import Serializer


class Delivery(EventWriter):
    """Delivers to the socket of one session, or to its replay buffer.

    When full: passing frames vanish; a numbered event vanishes with all later ones of its stream
    until ``gap`` was sent.
    """

    __slots__ = ("_buffered", "_gaps", "_passing", "_untold", "_watermarks")

    def __init__(self, context: SessionContext[Any], serializer: Serializer) -> None:
        super().__init__(context, serializer)
        self._buffered: Buffered | None = None
        self._watermarks: Watermarks | None = None
        # The first number that is missing of each stream, None where it is not known.
        self._gaps: dict[str, int | None] | None = None
        # Gaps that are about to be told; back among the others if the socket is lost before.
        self._untold: dict[str, int | None] | None = None
        self._passing: Passing | None = None

    def detach(self) -> None:
        """Part with the socket; what waits for it is kept for the next one."""
        self.part()
        if self._passing is not None:
            self._passing.forget_socket()
        buffered, self._buffered = self._buffered, None
        untold, self._untold = self._untold or {}, None
        for frame in self._take(buffered, but=untold) if buffered is not None else ():
            self._write(frame)
        if untold:
            self._gaps = {**(self._gaps or {}), **untold}

    def end(self) -> None:
        """Deliver to nobody, and keep nothing."""
        self.part()
        self.forget_past()

    # -- what the hub calls, by way of the session

    def deliver(self, stream: str, seq: int, frame: bytes) -> None:
        """Send a numbered event, or keep or drop it as the class says."""
        if self._gaps is not None and stream in self._gaps:
            return
        buffered = self._buffered
        if buffered is not None and buffered.covers(stream):
            if not buffered.add(stream, seq, frame):
                self._note_gap(stream, seq)
        elif self._watermarks is not None and not self._is_news(stream, seq):
            return
        elif not self._write(frame):
            self._note_gap(stream, seq)

    def deliver_ephemeral(self, stream: str, frame: bytes, key: Hashable = None) -> None:
        """Send a frame that may be lost, unless its stream is muted or nothing was said yet."""
        connection, buffered = self._connection, self._buffered
        if connection is None or (buffered is not None and buffered.streams is None):
            self._note_unheard(stream, key)
        elif self._passing is not None and stream in self._passing.muted:
            return
        elif key is not None and connection.is_over_half:
            self._make_passing().keep_latest(key, frame)
        elif not connection.send(frame, ephemeral=True):
            self._note_unheard(stream, key)

    def miss(self, stream: str) -> None:
        """Tell the client that events of ``stream`` were lost, now or when there is room."""
        self._note_gap(stream, None)
        self.tell_gaps()

    # -- what the transport calls, by way of the socket

    def on_drained(self) -> None:
        """Use the room that returned."""
        self._wake()
        if self._passing is not None and self._connection is not None:
            for frame in self._passing.take_latest():
                self._connection.send(frame, ephemeral=True)
        self.tell_gaps()

    def on_tick(self, now: float) -> bool:
        """Drop what is too old; tells whether anything is left that will be."""
        if self._watermarks is not None and now >= self._watermarks.until:
            self._watermarks = None
        self._trim(now)
        return self._watermarks is not None or self._replay is not None

    # -- buffering behind a replay

    @property
    def is_buffering(self) -> bool:
        """True while events wait behind a replay."""
        return self._buffered is not None

    def buffer(self, streams: Collection[str] | None) -> None:
        """Let live events of ``streams`` (None: of all) wait; their gaps will be replayed."""
        limits = self.context.limits
        self._buffered = Buffered(
            streams,
            frames_max=limits.buffered_frames_max,
            bytes_max=limits.buffered_bytes_max,
        )
        if self._gaps is not None and streams is not None:
            left = {name: seq for name, seq in self._gaps.items() if name not in streams}
            self._gaps = left or None

    async def release(self, watermarks: Mapping[str, int]) -> None:
        """Send what waited, except what the replay has sent, and go on live.

        Raises:
            SocketGone: the socket closed, or no room came.
        """
        buffered = self._buffered
        if buffered is None:
            return
        if watermarks:
            self._raise_watermarks(watermarks)
        while buffered:
            await self.send_events(self._take(buffered))
        self._buffered = None
        self.tell_gaps()

    # -- gaps

    def take_gaps(self) -> dict[str, int | None]:
        """Return the streams that lost events, with their first missing number.

        They are forgotten with ``note_told``.
        """
        self._untold, self._gaps = self._gaps, None
        return dict(self._untold or {})

    def note_told(self) -> None:
        """Forget the gaps that were taken: the client knows."""
        self._untold = None

    def tell_gaps(self) -> None:
        """Announce the streams that lost events, if anything may be said now."""
        if not self._gaps or self._connection is None or self._is_silent:
            return
        frame = self._serializer.frame(protocol.gap(self.context.now(), self._gaps))
        if not frame:
            # Old clients have no word for it, and read the list again anyway.
            self._gaps = None
        elif self._connection.send(frame):
            metrics.WS_GAPS.inc(len(self._gaps))
            self._gaps = None

    # -- passing frames

    def mute(self, stream: str) -> bool:
        """Keep passing frames of ``stream`` from this socket; False when too many are muted."""
        return self._make_passing().mute(stream)

    def unmute(self, stream: str) -> bool:
        """End ``mute``; tells whether the stream was muted."""
        if self._passing is None or stream not in self._passing.muted:
            return False
        self._passing.muted.discard(stream)
        return True

    def take_unheard(self) -> Collection[str]:
        """Return the conversations whose receipts went by, and forget them."""
        if self._passing is None:
            return ()
        unheard, self._passing.unheard = self._passing.unheard, set()
        return unheard

    # -- private parts

    @property
    def _is_silent(self) -> bool:
        """True as long as nothing may be said but the answer to the hello."""
        return self._buffered is not None and self._buffered.streams is None

    def _take(self, buffered: Buffered, *, but: Collection[str] = ()) -> list[bytes]:
        """Take what waited, except what the replay has sent and what is behind a gap."""
        return [
            frame
            for stream, seq, frame in buffered.take()
            if stream not in but and (self._watermarks is None or self._is_news(stream, seq))
        ]

    def _raise_watermarks(self, marks: Mapping[str, int]) -> None:
        until = trio.current_time() + self.context.timings.watermark_s
        if self._watermarks is None:
            self._watermarks = Watermarks(marks, until)
        else:
            self._watermarks.raise_to(marks, until)
        self._look_soon()

    def _is_news(self, stream: str, seq: int) -> bool:
        """Tell whether no replay has sent this event; what is beyond all of them forgets them."""
        if self._watermarks is None:
            return True
        is_news = self._watermarks.passes(stream, seq)
        if not self._watermarks:
            self._watermarks = None
        return is_news

    def _note_gap(self, stream: str, seq: int | None) -> None:
        is_open = self._connection is not None and self._connection.is_open
        if is_open or self._last_n is not None:
            if self._gaps is None:
                self._gaps = {}
            self._gaps.setdefault(stream, seq)

    def _note_unheard(self, stream: str, key: Hashable) -> None:
        """Remember whose receipts are to be told as state; all else that passes by is gone."""
        if is_receipt(key):
            self._make_passing().note_unheard(stream)

    def _make_passing(self) -> Passing:
        if self._passing is None:
            self._passing = Passing(self.context.limits.subscriptions_max)
        return self._passing
