"""Delivery to many listeners: at once to a few, in bounded chunks to a crowd."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from bountyexpo.close_codes import CloseCode
from bountyexpo.observability.logs import get_logger
from bountyexpo.realtime.broadcasts import Missed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.realtime.broadcasts import Broadcast
    from bountyexpo.realtime.listener import Listener

log = get_logger(__name__)

# Deliveries between two checkpoints, about 2 ms; 10,000 in one go would hold the loop for 100 ms.
CHUNK: Final = 128

# Broadcasts that may wait; beyond it a stream's events are dropped and its listeners are told.
BACKLOG_MAX: Final = 4_096


class Delivery(NamedTuple):
    """A broadcast that waits for its turn."""

    stream: str
    listeners: Sequence[Listener]
    broadcast: Broadcast


class FanOut:
    """Delivers broadcasts: small ones at once, large ones in chunks by ``run``.

    A stream with a waiting broadcast sends everything behind it, so its order holds. Bounded by
    ``BACKLOG_MAX``: when full, a stream's events are dropped and one ``Missed`` follows.
    """

    def __init__(self) -> None:
        self._waiting: deque[Delivery] = deque()
        self._position = 0
        self._backlog: dict[str, int] = {}
        self._overflowed: set[str] = set()
        self._work = trio.Event()

    def submit(self, stream: str, listeners: Sequence[Listener], broadcast: Broadcast) -> None:
        """Deliver now or queue; never blocks."""
        if len(listeners) <= CHUNK and stream not in self._backlog:
            deliver(listeners, broadcast)
        elif stream in self._overflowed:
            return
        elif len(self._waiting) < BACKLOG_MAX:
            self._enqueue(Delivery(stream, listeners, broadcast))
        else:
            self._overflowed.add(stream)
            self._enqueue(Delivery(stream, listeners, Missed(stream)))

    @property
    def waiting(self) -> int:
        """Broadcasts not yet delivered to all."""
        return len(self._waiting)

    async def run(self) -> None:
        """Work off what waits, for ever; continues where a cancelled run stopped."""
        while True:
            while self._waiting:
                self._advance(self._waiting[0])
                await trio.lowlevel.checkpoint()
            self._work = trio.Event()
            await self._work.wait()

    def _enqueue(self, delivery: Delivery) -> None:
        self._waiting.append(delivery)
        self._backlog[delivery.stream] = self._backlog.get(delivery.stream, 0) + 1
        self._work.set()

    def _advance(self, delivery: Delivery) -> None:
        end = self._position + CHUNK
        chunk = delivery.listeners[self._position : end]
        self._position = end
        deliver(chunk, delivery.broadcast)
        if end >= len(delivery.listeners):
            self._finish(delivery)

    def _finish(self, delivery: Delivery) -> None:
        self._waiting.popleft()
        self._position = 0
        if isinstance(delivery.broadcast, Missed):
            self._overflowed.discard(delivery.stream)
        left = self._backlog[delivery.stream] - 1
        if left:
            self._backlog[delivery.stream] = left
        else:
            del self._backlog[delivery.stream]


def deliver(listeners: Sequence[Listener], broadcast: Broadcast) -> None:
    """Send to each listener; the fault of one ends that one only."""
    for listener in listeners:
        try:
            broadcast.send_to(listener)
        except Exception:
            log.exception("delivery failed", user_id=listener.user_id)
            listener.disconnect(CloseCode.SERVER_ERROR, "internal error")
