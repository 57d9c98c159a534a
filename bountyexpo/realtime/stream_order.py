"""The order of numbered streams within one process.

Commits of one stream happen in the order of their numbers, but the tasks that committed may wake
in any order, so an event can be published before its predecessor. Here each stream's last
released number is kept; an early event waits until the hole before it is filled.

A stream is known from its first event or from a head that a session read. A head that was only
read is a lower bound for holes and never a reason to drop: an event up to it may be committed,
counted by that read, and still on its way to a session that came earlier. Of a stream that is not
known the first event goes out at once; should an earlier one follow, it is too late for it, and
``is_lost`` says that its audience must be told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.realtime.listener import StreamEvent

# Early events kept per stream while its hole is open. The repair reads on to the end of the
# stream, so what does not fit is found there.
HELD_MAX: Final = 1_000


class Track:
    """What is known of one stream.

    ``first`` is the first number released, None while the head was only read. ``held`` exists
    only while a hole is open.
    """

    __slots__ = ("epoch", "first", "head", "held")

    def __init__(self, head: int, epoch: Any, *, first: int | None = None) -> None:
        self.head = head
        self.epoch = epoch
        self.first = first
        self.held: dict[int, StreamEvent] | None = None


class StreamOrder:
    """Lets events pass in the order of their numbers, each once.

    Keeps a stream for one to two turns of ``rotate`` after its last event.
    """

    def __init__(self) -> None:
        self._tracks: dict[str, Track] = {}
        self._older: dict[str, Track] = {}

    def admit(self, event: StreamEvent) -> tuple[StreamEvent, ...]:
        """Return the events that may go out now: none, this one, or this and those it freed."""
        track = self._find(event.stream)
        if track is None or track.epoch not in (event.epoch, None):
            self._tracks[event.stream] = Track(event.seq, event.epoch, first=event.seq)
            return (event,)
        if event.seq == track.head + 1 or (event.seq <= track.head and track.first is None):
            track.head = event.seq
            if track.first is None:
                track.first, track.epoch = event.seq, event.epoch
            return (event,) if track.held is None else (event, *_freed(track))
        if event.seq > track.head:
            _hold(track, event)
        return ()

    def is_lost(self, event: StreamEvent) -> bool:
        """Tell whether ``event`` came too late to go out, before the first of its stream here."""
        track = self._find(event.stream)
        return track is not None and track.first is not None and event.seq < track.first

    def observe(self, stream: str, seq: int, epoch: Any) -> None:
        """Note the head that somebody read, unless the stream is known better.

        A stream that does not exist yet has the head 0 and no epoch.
        """
        if self._find(stream) is None:
            self._tracks[stream] = Track(seq, epoch)

    def head(self, stream: str) -> int:
        """Return the last number released, or 0 for an unknown stream."""
        track = self._find(stream)
        return 0 if track is None else track.head

    def has_hole(self, stream: str) -> bool:
        """Tell whether events of ``stream`` wait for an earlier one."""
        track = self._find(stream)
        return track is not None and track.held is not None

    def skip_hole(self, stream: str) -> tuple[StreamEvent, ...]:
        """Give up what is missing and return the events that waited for it."""
        track = self._find(stream)
        if track is None or track.held is None:
            return ()
        track.head = min(track.held) - 1
        if track.first is None:
            track.first = track.head + 1
        return tuple(_freed(track))

    def forget(self, stream: str) -> None:
        """Drop a stream that nobody listens to."""
        self._tracks.pop(stream, None)
        self._older.pop(stream, None)

    def rotate(self, is_followed: Callable[[str], bool]) -> None:
        """Forget the streams that were quiet since the last turn, but those that are followed."""
        kept = {stream: track for stream, track in self._older.items() if is_followed(stream)}
        self._older, self._tracks = {**kept, **self._tracks}, {}

    def __len__(self) -> int:
        return len(self._tracks) + len(self._older)

    def _find(self, stream: str) -> Track | None:
        track = self._tracks.get(stream)
        if track is None and self._older:
            track = self._older.pop(stream, None)
            if track is not None:
                self._tracks[stream] = track
        return track


def _hold(track: Track, event: StreamEvent) -> None:
    if track.held is None:
        track.held = {}
    if len(track.held) < HELD_MAX:
        track.held[event.seq] = event


def _freed(track: Track) -> list[StreamEvent]:
    """Take the waiting events that follow the head without a hole."""
    held = track.held or {}
    freed = []
    while (event := held.pop(track.head + 1, None)) is not None:
        track.head = event.seq
        freed.append(event)
    # What a repair has overtaken would otherwise keep the hole open for ever.
    track.held = {seq: event for seq, event in held.items() if seq > track.head} or None
    return freed
