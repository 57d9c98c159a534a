"""The bounded queue in front of one actor.

An empty deque takes 760 bytes, most of what an idle actor may cost, so the queue exists only
while something is in it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, TypeAlias

from bountyexpo.errors import MailboxFull
from bountyexpo.runtime._ask import Ask
from bountyexpo.runtime._message import Continuation, Message

Item: TypeAlias = Message[Any, Any] | Continuation[Any] | Ask


@dataclass(frozen=True, slots=True)
class MailboxStatistics:
    """What a mailbox holds."""

    depth: int
    depth_max: int
    waiting_askers: int


class Mailbox:
    """First in, first out, at most ``depth_max`` items.

    When full, ``put`` raises ``MailboxFull`` and takes nothing: the sender learns it at once.
    ``put_own`` and ``put_back`` ignore the bound, because what the actor itself set going (a
    timer, a finished job) and what it already accepted must not be lost.
    """

    __slots__ = ("_queue", "depth_max")

    def __init__(self, depth_max: int) -> None:
        assert depth_max > 0, "a mailbox must hold something"
        self.depth_max = depth_max
        self._queue: deque[Item] | None = None

    def __len__(self) -> int:
        return len(self._queue) if self._queue is not None else 0

    def __repr__(self) -> str:
        return f"<Mailbox {len(self)}/{self.depth_max}>"

    def put(self, item: Item) -> None:
        """Queue ``item``.

        Raises:
            MailboxFull: nothing was queued.
        """
        queue = self._queue
        if queue is None:
            self._queue = deque((item,))
        elif len(queue) < self.depth_max:
            queue.append(item)
        else:
            raise MailboxFull

    def put_own(self, item: Item) -> None:
        """Queue ``item``, bound or not."""
        if self._queue is None:
            self._queue = deque()
        self._queue.append(item)

    def put_back(self, item: Item) -> None:
        """Queue ``item`` in front of all others."""
        if self._queue is None:
            self._queue = deque()
        self._queue.appendleft(item)

    def open(self) -> deque[Item]:
        """Return the live queue for the one task that empties it."""
        if self._queue is None:
            self._queue = deque()
        return self._queue

    def take_all(self) -> list[Item]:
        """Empty the mailbox and return what was in it, oldest first."""
        items = list(self._queue or ())
        self._queue = None
        return items

    def trim(self) -> None:
        """Give back the memory of an empty queue."""
        if not self._queue:
            self._queue = None

    def statistics(self) -> MailboxStatistics:
        """Return what is queued now."""
        asks = sum(isinstance(item, Ask) and item.is_waiting for item in self._queue or ())
        return MailboxStatistics(len(self), self.depth_max, asks)
