"""What one client has heard: its place in each stream, and every event once and in order.

Streams are gapless (contract realtime §4.4), so an event with the next number is taken, one from
the past is a repeat, and one from the future is buffered until what lies between was asked for and
came. The sender of a message hears of it by its ``ack`` and not by an event, so an ack also fills
its place. Everything here is plain data: it can be stored, and carried over to a new connection.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Frame = dict[str, Any]


@dataclass
class Place:
    """How far one stream was heard, what is buffered, and what was learned by acks."""

    seq: int = 0
    epoch: str | None = None
    buffered: dict[int, Frame] = field(default_factory=dict)
    own: dict[int, Frame] = field(default_factory=dict)


@dataclass
class StreamLog:
    """All that was heard, in order, and what was wrong with it."""

    events: list[Frame] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def known(self) -> dict[str, dict[str, Any]]:
        """The streams and places to name in ``hello`` and ``sync``."""
        return {stream: self.place(stream) for stream, at in self.places.items() if at.epoch}

    def place(self, stream: str) -> dict[str, Any]:
        """The place in one stream, as the wire says it."""
        at = self.places.setdefault(stream, Place())
        return {"seq": at.seq, "epoch": at.epoch}

    def is_behind(self, stream: str, head: Frame) -> bool:
        """Learn the head of a stream; tell whether events up to it are missing."""
        at = self.places.setdefault(stream, Place())
        self._check_epoch(stream, at, head.get("epoch"))
        seq: int = head.get("seq", 0)
        return seq > at.seq

    def hear(self, frame: Frame) -> bool:
        """Take one event; tell whether something before it is missing."""
        stream: str | None = frame.get("stream")
        seq: int | None = frame.get("seq")
        if stream is None or seq is None:
            self.events.append(frame)
            return False
        at = self.places.setdefault(stream, Place())
        self._check_epoch(stream, at, frame.get("epoch"))
        if seq > at.seq:
            at.buffered.setdefault(seq, frame)
            self._advance(at)
            return seq > at.seq
        if seq not in at.own and not frame.get("replay"):
            self.faults.append(f"{stream} gave number {seq} ({frame.get('type')}) twice")
        return False

    def hear_own(self, stream: str, seq: int, frame: Frame) -> None:
        """Learn from an ack that a number of the stream is one's own message."""
        at = self.places.setdefault(stream, Place())
        if seq > at.seq:
            at.buffered.setdefault(seq, frame)
        at.own[seq] = frame
        self._advance(at)

    def replayed(self, stream: str) -> None:
        """Take what is buffered: a completed replay has said all that this client may see."""
        at = self.places.setdefault(stream, Place())
        while at.buffered:
            first = min(at.buffered)
            if not stream.startswith("bounty:"):  # only these hold events for other people
                self.faults.append(f"{stream} has nothing from {at.seq + 1} to {first - 1}")
            at.seq = first - 1
            self._advance(at)

    def _advance(self, at: Place) -> None:
        while (frame := at.buffered.pop(at.seq + 1, None)) is not None:
            at.seq += 1
            self.events.append(frame)

    def _check_epoch(self, stream: str, at: Place, epoch: Any) -> None:
        if at.epoch is not None and epoch is not None and epoch != at.epoch:
            self.faults.append(f"{stream} was numbered anew ({at.epoch} became {epoch})")
            at.seq = 0
            at.buffered.clear()
        at.epoch = epoch or at.epoch
