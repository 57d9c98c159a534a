"""One message for many listeners: encoded once per serializer, delivered in bounded chunks."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import trio

from bountyexpo.observability.logs import get_logger
from bountyexpo.ws.v1 import protocol

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from bountyexpo.realtime.listener import Encoding, Listener, StreamEvent

log = get_logger(__name__)

# Deliveries between two checkpoints, about 2 ms; 10,000 in one go would hold the loop for 100 ms.
CHUNK: Final = 128

# Broadcasts that may wait; beyond it a stream's events are dropped and its listeners are told.
BACKLOG_MAX: Final = 4_096


class Broadcast(Protocol):
    """A message on its way to a list of listeners."""

    def send_to(self, listener: Listener, /) -> None:
        """Hand it to one listener."""


class EventBroadcast:
    """A numbered event; who may not see a private one gets it redacted, under the same number."""

    __slots__ = ("_full", "_redacted", "source")

    def __init__(self, source: StreamEvent) -> None:
        self.source = source
        self._full: dict[str, bytes] = {}
        self._redacted: dict[str, bytes] | None = None

    def send_to(self, listener: Listener) -> None:
        """Hand the shared bytes to one listener."""
        source = self.source
        if source.private and listener.user_id not in source.users:
            frame = self._redacted_frame(listener.serializer)
        else:
            serializer = listener.serializer
            frame = self._full.get(serializer.name) or self._full.setdefault(
                serializer.name, serializer.frame(protocol.event(source))
            )
        listener.deliver(source.stream, source.seq, frame)

    def _redacted_frame(self, serializer: Encoding) -> bytes:
        if self._redacted is None:
            self._redacted = {}
        return self._redacted.get(serializer.name) or self._redacted.setdefault(
            serializer.name, serializer.frame(protocol.redacted_event(self.source))
        )


class Notice:
    """Messages without a number, which a busy listener may lose: the feed, typing, presence."""

    __slots__ = ("_frames", "messages", "stream")

    def __init__(self, stream: str, messages: Sequence[dict[str, Any]]) -> None:
        self.stream = stream
        self.messages = messages
        self._frames: dict[str, list[tuple[bytes, Hashable]]] = {}

    def send_to(self, listener: Listener) -> None:
        """Hand the shared bytes to one listener."""
        serializer = listener.serializer
        frames = self._frames.get(serializer.name)
        if frames is None:
            frames = self._frames[serializer.name] = [
                (serializer.frame(each), coalescing_key(each)) for each in self._told(serializer)
            ]
        for frame, key in frames:
            listener.deliver_ephemeral(self.stream, frame, key)

    def _told(self, serializer: Encoding) -> Sequence[dict[str, Any]]:  # noqa: ARG002 - for all
        return self.messages


class Receipt(Notice):
    """A marker that went on: one message, or for old clients one for each that it went over."""

    __slots__ = ("message_ids",)

    def __init__(self, stream: str, message: dict[str, Any]) -> None:
        told = dict(message)
        self.message_ids: list[str] = told.pop("messageIds")
        super().__init__(stream, [told])

    def _told(self, serializer: Encoding) -> Sequence[dict[str, Any]]:
        if not serializer.is_old:
            return self.messages
        told = dict(self.messages[0])
        del told["upToSeq"]
        return [told | {"messageId": each} for each in self.message_ids]


def coalescing_key(message: Mapping[str, Any]) -> Hashable:
    """Return what a later message must share with this one to stand for it (realtime §4.7)."""
    kind: str = message.get("type", "")
    who = message.get("senderId")
    match kind:
        case "typing.start" | "typing.stop":
            return "typing", who, message.get("conversationId")
        case "message.delivered" | "message.read":
            is_cumulative = "upToSeq" in message
            return kind, who, message.get("conversationId" if is_cumulative else "messageId")
        case "presence.update":
            return kind, message.get("userId")
        case "unread" | "wallet.balance":
            return kind
        case "bounty.updated":
            return kind, message.get("bountyId", message.get("id"))
    return None


class Missed:
    """Tells listeners that events of a stream were lost on the way, so that they sync."""

    __slots__ = ("stream",)

    def __init__(self, stream: str) -> None:
        self.stream = stream

    def send_to(self, listener: Listener) -> None:
        """Mark the stream as missed for one listener."""
        listener.miss(self.stream)


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
            listener.disconnect(1011, "internal error")
