"""What is on its way to many listeners: encoded once per serializer in use, whoever gets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from bountyexpo.domain.event_catalogue import spec_of
from bountyexpo.realtime import event_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from bountyexpo.domain.events import EventSpec
    from bountyexpo.realtime.listener import Encoding, Listener, StreamEvent


class Broadcast(Protocol):
    """A message on its way to a list of listeners."""

    def send_to(self, listener: Listener, /) -> None:
        """Hand it to one listener."""


class EventBroadcast:
    """A numbered event; who may not see a private one gets it redacted, under the same number."""

    __slots__ = ("_full", "_redacted", "_sender", "source")

    def __init__(self, source: StreamEvent) -> None:
        self.source = source
        spec = spec_of(source.stream, source.type)
        self._sender = spec.sender_of(source.payload) if spec is not None else None
        self._full: dict[str, bytes] = {}
        self._redacted: dict[str, bytes] = {}

    def send_to(self, listener: Listener) -> None:
        """Hand the shared bytes to one listener, unless its clients have no word for it."""
        source = self.source
        if listener.user_id == self._sender and listener.serializer.is_old:
            # An old client shows what its user has sent, and would show the copy as well.
            return
        if source.private and listener.user_id not in source.users:
            frame = self._frame(listener.serializer, self._redacted, event_frame.redacted)
        else:
            frame = self._frame(listener.serializer, self._full, event_frame.full)
        if frame:
            listener.deliver(source.stream, source.seq, frame)

    def _frame(
        self,
        serializer: Encoding,
        made: dict[str, bytes],
        make: Callable[[StreamEvent], dict[str, Any]],
    ) -> bytes:
        frame = made.get(serializer.name)
        if frame is None:
            frame = made[serializer.name] = serializer.frame(make(self.source))
        return frame


class Ephemeral:
    """Frames without a number, which a busy listener may lose: the feed, typing, presence."""

    __slots__ = ("_encoded", "_frames", "stream")

    def __init__(self, stream: str, frames: Sequence[dict[str, Any]]) -> None:
        self.stream = stream
        self._frames = frames
        self._encoded: dict[str, list[tuple[bytes, Hashable]]] = {}

    def send_to(self, listener: Listener) -> None:
        """Hand the shared bytes to one listener."""
        serializer = listener.serializer
        encoded = self._encoded.get(serializer.name)
        if encoded is None:
            encoded = self._encoded[serializer.name] = list(self._encode(serializer))
        for frame, key in encoded:
            listener.deliver_ephemeral(self.stream, frame, key)

    def _encode(self, serializer: Encoding) -> Iterator[tuple[bytes, Hashable]]:
        for frame in self._frames:
            spec = spec_of(self.stream, frame["type"])
            for told, key in _told(frame, spec, is_old=serializer.is_old):
                if encoded := serializer.frame(told):
                    yield encoded, key


def _told(
    frame: dict[str, Any], spec: EventSpec | None, *, is_old: bool
) -> Iterator[tuple[dict[str, Any], Hashable]]:
    """Tell a frame as it is; where old clients want one for each of several ids, so be it."""
    if spec is None:
        yield frame, None
        return
    key = spec.coalesce.key(frame) if spec.coalesce is not None else None
    each = spec.legacy_each
    if each is None or each not in frame:
        yield frame, key
        return
    told = {name: value for name, value in frame.items() if name != each}
    if not is_old:
        yield told, key
        return
    for one in frame[each]:
        yield told | {each.removesuffix("s"): one}, (key, one)


class Missed:
    """Tells listeners that events of a stream were lost on the way, so that they sync."""

    __slots__ = ("stream",)

    def __init__(self, stream: str) -> None:
        self.stream = stream

    def send_to(self, listener: Listener) -> None:
        """Mark the stream as missed for one listener."""
        listener.miss(self.stream)
