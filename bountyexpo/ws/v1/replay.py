"""Stream recovery: replay what a client missed, stream by stream, within bounds (realtime §4.4).

The session is registered with the hub, and buffers live events, before anything is read here. So
every event is either committed before the read, and replayed, or published to the session, and
buffered behind the replay; a watermark says up to which number a stream was replayed, and what
was buffered at or below it is a duplicate. A stream that cannot be replayed whole is listed as
``limited``: its live events go on after the head that was read, and the client fetches the rest
from the cursor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from bountyexpo.errors import BountyExpoError
from bountyexpo.observability import metrics
from bountyexpo.realtime import event_frame
from bountyexpo.ws.session import frame_splice
from bountyexpo.ws.v1 import protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bountyexpo.realtime.listener import Reader, SignOn, StreamEvent
    from bountyexpo.ws.session.session import Session
    from bountyexpo.ws.v1.protocol import Position

    Heads = Mapping[str, tuple[int, Any]]
    # A stream, the number after which to read, and how many events at most.
    Wanted: TypeAlias = tuple[str, int, int]

CONVERSATION: Final = "conv:"


# What is read in one statement: events at most, and streams at most.
PAGE_EVENTS: Final = 400
PAGE_STREAMS: Final = 200

# What a stream is at before its first event.
NOT_BEGUN: Final = (0, None)


def outside_conversations(streams: Iterable[str]) -> list[str]:
    """Return the streams whose heads a sign-on has to name; conversations come by themselves."""
    return [each for each in streams if not each.startswith(CONVERSATION)]


def known_heads(found: SignOn | None, heads: Heads, streams: Iterable[str]) -> Heads:
    """Return what a sign-on told: heads of ``streams``, and of the user's own conversations."""
    known = {name: heads.get(name, NOT_BEGUN) for name in outside_conversations(streams)}
    for conversation_id, seq, epoch in found.conversations if found else ():
        known[f"{CONVERSATION}{conversation_id}"] = (seq, epoch)
    return known


async def all_heads(reader: Reader, streams: Iterable[str], known: Heads) -> Heads:
    """Return ``known`` with the heads of those ``streams`` that are not in it."""
    unknown = [stream for stream in streams if stream not in known]
    return {**known, **await reader.heads(unknown)} if unknown else known


class _Behind(NamedTuple):
    """A stream of which events are missing: all after one number, up to its head."""

    stream: str
    after: int
    head: tuple[int, Any]


class Recovery:
    """One replay for one session; what is public holds also when it is cut short.

    However many streams are named, and however far behind they are, it takes a few statements:
    one for each ``PAGE_EVENTS`` events or ``PAGE_STREAMS`` streams, and a handful besides.
    """

    def __init__(self, session: Session) -> None:
        limits = session.context.limits
        self.watermarks: dict[str, int] = {}
        self.limited: list[dict[str, Any]] = []
        self._session = session
        self._reader = session.context.reader
        self._stream_events_max = limits.replay_stream_events_max
        self._events_left = limits.replay_events_max
        self._bytes_left = limits.replay_bytes_max

    async def run(self, positions: Mapping[str, Position], known: Heads | None = None) -> None:
        """Replay every listed stream that the user may read.

        ``known`` is what ``known_heads`` made of a sign-on since the session listens.

        Raises:
            DatabaseUnavailable: what was sent until then is in ``watermarks``.
            SocketGone: nobody listens any more.
        """
        if known is None:
            asked = outside_conversations(positions)
            found, heads = await self._reader.sign_on(self._session.user_id, asked)
            known = known_heads(found, heads, positions)
        readable = await self._readable(positions, known)
        told = await all_heads(self._reader, readable, known)
        behind: list[_Behind] = []
        for stream, position in positions.items():
            if stream in readable:
                behind += self._judge(stream, position, told.get(stream, NOT_BEGUN))
            else:
                self.limited.append({"stream": stream, "code": "FORBIDDEN"})
                metrics.WS_REPLAYS.labels("refused").inc()
        await self._replay(behind)
        await tell_receipts(self._session, readable)

    async def _readable(self, streams: Iterable[str], known: Heads) -> list[str]:
        """Return what the user may read of these, in their order."""
        mine = {stream for stream in streams if stream.startswith(CONVERSATION) and stream in known}
        asked = [stream for stream in streams if stream not in mine]
        found = await self._reader.readable(self._session.user_id, asked) if asked else set()
        return [stream for stream in streams if stream in mine or stream in found]

    def _judge(self, stream: str, position: Position, head: tuple[int, Any]) -> list[_Behind]:
        """Return the stream if events are missing of it."""
        head_seq, epoch = head
        is_stale = position.epoch is not None and str(position.epoch) != str(epoch)
        if position.seq > head_seq or (is_stale and head_seq):
            self._limit(stream, 0, head, code="STALE_EPOCH")
            return []
        self.watermarks[stream] = position.seq
        if position.seq < head_seq:
            return [_Behind(stream, position.seq, head)]
        metrics.WS_REPLAYS.labels("whole").inc()
        return []

    async def _replay(self, behind: list[_Behind]) -> None:
        """Send what is missing, as far as it goes; the rest is limited."""
        for page in self._pages(behind):
            if self._bytes_left < 1:
                break
            found = await self._reader.read_all_after([wanted for _, wanted in page])
            for (each, _), events in zip(page, found, strict=True):
                await self._send(each, events)
        for each in behind:
            if self.watermarks[each.stream] < each.head[0]:
                self._limit(each.stream, self.watermarks[each.stream], each.head)
            else:
                metrics.WS_REPLAYS.labels("whole").inc()

    def _pages(self, behind: list[_Behind]) -> list[list[tuple[_Behind, Wanted]]]:
        """Return what to read together: each stream with the number and the most to read."""
        pages: list[list[tuple[_Behind, Wanted]]] = [[]]
        size = 0
        for each in behind:
            most = min(each.head[0] - each.after, self._stream_events_max, self._events_left)
            if most < 1:
                break
            self._events_left -= most
            size += most
            if size > PAGE_EVENTS or len(pages[-1]) >= PAGE_STREAMS:
                pages.append([])
                size = most
            pages[-1].append((each, (each.stream, each.after, most)))
        return [page for page in pages if page]

    async def _send(self, missing: _Behind, events: Iterable[StreamEvent]) -> None:
        frames: list[bytes] = []
        for event in events:
            # A hole means that old events were pruned: replaying the rest would hide it.
            if event.seq != missing.after + len(frames) + 1:
                break
            frame = self._frame(event)
            self._bytes_left -= len(frame)
            if self._bytes_left < 0:
                break
            frames.append(frame)
        await self._session.delivery.send_events(frames, is_replay=True)
        self.watermarks[missing.stream] = missing.after + len(frames)

    def _frame(self, event: StreamEvent) -> bytes:
        """Return the bytes that were sent live, with the mark of a replay in front."""
        is_hidden = event.private and self._session.user_id not in event.users
        frame = event_frame.redacted(event) if is_hidden else event_frame.full(event)
        serializer = self._session.serializer
        return frame_splice.with_fields(serializer, serializer.frame(frame), replay=True)

    def _limit(
        self, stream: str, last: int, head: tuple[int, Any], *, code: str | None = None
    ) -> None:
        head_seq, epoch = head
        entry: dict[str, Any] = {
            "stream": stream,
            "fromSeq": last + 1,
            "headSeq": head_seq,
            "epoch": epoch,
            "cursor": str(last),
        }
        if code is not None:
            entry["code"] = code
        self.limited.append(entry)
        self.watermarks[stream] = head_seq
        metrics.WS_REPLAYS.labels("limited").inc()


async def tell_receipts(session: Session, streams: Iterable[str]) -> None:
    """Send the present markers of each conversation among ``streams``: state, not events."""
    ids = [each.removeprefix(CONVERSATION) for each in streams if each.startswith(CONVERSATION)]
    if not ids:
        return
    context = session.context
    found = await context.reader.receipts(session.user_id, ids)
    for conversation_id, markers in found.items():
        frame = protocol.receipts(context.now(), conversation_id, markers)
        await session.delivery.send_patiently(session.serializer.frame(frame))


async def recover(
    session: Session,
    positions: Mapping[str, Position],
    re: str | None,
    known: Heads | None = None,
) -> None:
    """Replay what a session missed; live events were buffered before and go on behind it."""
    recovery, delivery = Recovery(session), session.delivery
    try:
        await recovery.run(positions, known)
        told = protocol.synced(session.context.now(), recovery.limited, re)
        await delivery.send_patiently(session.serializer.frame(told))
    except BountyExpoError as error:
        # What was replayed until now counts; the client may sync again.
        session.refuse(error, re)
    await delivery.release(recovery.watermarks)
