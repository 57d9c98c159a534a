"""What "delivered" must mean: every acknowledged message, once, in order, under one number.

``StreamCheck`` judges what one person hears of one stream, ``MessageBook`` follows each message
from the moment it was due to its acknowledgement and to the ears of the other side.
"""

from __future__ import annotations

from array import array
from enum import Enum
from typing import Any


class Verdict(Enum):
    """What a numbered event was to the one who heard it."""

    NEW = "new"
    # Asked for by a replay, or one's own: harmless.
    KNOWN = "known"
    TWICE = "twice"
    BACKWARDS = "backwards"


class StreamCheck:
    """One stream as one person knows it; ``place`` is the end of what they have without a hole.

    It begins at a head that the server told. An event up to there may still come, if it was
    committed just then; nobody asked for it and it proves nothing.
    """

    __slots__ = ("_ahead", "_base", "_last", "epoch", "place")

    def __init__(self, place: int = 0, epoch: Any = None) -> None:
        self.place = place
        self.epoch = epoch
        self._base = place
        self._ahead: set[int] = set()
        self._last = 0

    @property
    def has_hole(self) -> bool:
        """Tell whether a number is missing below one that was heard."""
        return bool(self._ahead)

    def position(self) -> dict[str, Any]:
        """The place, as ``hello`` and ``sync`` say it."""
        return {"seq": self.place, "epoch": self.epoch}

    def reconnected(self) -> None:
        """Begin another connection: a replay may go back."""
        self._last = 0

    def hear(self, seq: int, *, is_replay: bool = False, is_own: bool = False) -> Verdict:
        """Take one numbered event."""
        if seq <= self.place or seq in self._ahead:
            is_harmless = is_replay or is_own or seq <= self._base
            return Verdict.KNOWN if is_harmless else Verdict.TWICE
        self.own(seq)
        if is_replay:
            return Verdict.NEW
        was_last, self._last = self._last, max(self._last, seq)
        return Verdict.NEW if seq > was_last else Verdict.BACKWARDS

    def own(self, seq: int) -> None:
        """Learn from an ack that a number is one's own."""
        if seq <= self.place:
            return
        self._ahead.add(seq)
        while self.place + 1 in self._ahead:
            self.place += 1
            self._ahead.remove(self.place)


class MessageBook:
    """All messages of a run by their number; times are monotonic seconds.

    A finished message costs eight bytes: its number in its stream, to know it again.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._seqs = array("q")
        self._due: dict[int, float] = {}
        self._acked: set[int] = set()
        self._delivered: set[int] = set()

    @property
    def is_settled(self) -> bool:
        """Tell whether everything sent was acknowledged and delivered."""
        return not self._due

    @property
    def lost(self) -> int:
        """How many were acknowledged and have not arrived."""
        return len(self._acked)

    @property
    def unanswered(self) -> int:
        """How many were neither acknowledged nor refused; they may or may not have arrived."""
        return len(self._due) - len(self._acked)

    def send(self, due: float) -> int:
        """Note one more message; returns its number."""
        number = len(self._seqs)
        self._seqs.append(0)
        self._due[number] = due
        return number

    def ack(self, number: int, seq: int, now: float) -> float | None:
        """Note an acknowledgement; returns its latency, or None for a repeated one."""
        self._number(number, seq)
        if number not in self._due or number in self._acked:
            return None
        latency_s = now - self._due[number]
        if number in self._delivered:
            self._finish(number)
        else:
            self._acked.add(number)
        return latency_s

    def deliver(self, number: int, seq: int, now: float) -> float | None:
        """Note an arrival; returns its latency, or None for one that had arrived before."""
        self._number(number, seq)
        if number not in self._due or number in self._delivered:
            return None
        latency_s = now - self._due[number]
        if number in self._acked:
            self._finish(number)
        else:
            self._delivered.add(number)
        return latency_s

    def refuse(self, number: int) -> None:
        """Note that a message was refused for good: it must not arrive."""
        if number in self._acked:
            self.faults.append(f"message {number} was acknowledged, then refused")
        self._due.pop(number, None)
        self._acked.discard(number)
        self._delivered.discard(number)
        self._seqs[number] = -1

    def _number(self, number: int, seq: int) -> None:
        known = self._seqs[number]
        if known == -1:
            self.faults.append(f"message {number} was refused, yet it is number {seq}")
        elif known not in (0, seq):
            self.faults.append(f"message {number} is in its stream as {known} and as {seq}")
        else:
            self._seqs[number] = seq

    def _finish(self, number: int) -> None:
        del self._due[number]
        self._acked.discard(number)
        self._delivered.discard(number)
