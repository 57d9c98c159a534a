"""Who hears what: the one fan-out point of a process (design §3).

Committed events come in by ``publish``, which is synchronous and never raises, because it is
called from the commit that made them. An event goes to the live sessions of its ``users`` and to
the subscribers of the topic named like its stream. Every viewer of a stream sees every number:
where a private event is not for them, they are shown that something has changed, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import trio

from bountyexpo.domain.event_catalogue import spec_of
from bountyexpo.domain.events import FEED_STREAM, Stream
from bountyexpo.errors import BountyExpoError
from bountyexpo.observability.logs import get_logger
from bountyexpo.observability.metrics import ACTIVE_USERS
from bountyexpo.realtime import event_frame
from bountyexpo.realtime.broadcasts import Ephemeral, EventBroadcast, Missed
from bountyexpo.realtime.fan_out import FanOut
from bountyexpo.realtime.feeds import NoFeeds
from bountyexpo.realtime.stream_order import StreamOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from bountyexpo.domain.events import Event, EventType
    from bountyexpo.realtime.feeds import Feeds
    from bountyexpo.realtime.listener import Listener, ReadAfter, StreamEvent

log = get_logger(__name__)

# What anonymous listeners of the old event path follow (contract realtime §2.1).
PUBLIC_EVENTS: Final = "events:public"

# How long an early event waits for its predecessor before the database is asked.
HOLE_S: Final = 0.1
REPAIR_TIMEOUT_S: Final = 5.0
REPAIR_PAGE: Final = 500
FEED_INTERVAL_S: Final = 1.0
ROTATE_INTERVAL_S: Final = 600.0

FEEDS: Final = Stream.FEED.of("")


class Hub:
    """The audience map of one process, and the order in which it hears.

    Bounded: early events by ``stream_order.HELD_MAX`` per stream, large broadcasts by
    ``fan_out.BACKLOG_MAX``; whoever loses something by either is told with a ``gap`` frame.
    """

    def __init__(self, now: Callable[[], datetime], feeds: Feeds | None = None) -> None:
        # What the filters of feeds mean; a hub by itself has the whole feed only.
        self.feeds: Feeds = feeds or NoFeeds()
        self.users: dict[str, tuple[Listener, ...]] = {}
        self.topics: dict[str, set[Listener]] = {}
        self._now = now
        self._order = StreamOrder()
        self._fan_out = FanOut()
        self._holes: dict[str, float] = {}
        self._hole_opened = trio.Event()
        self._feed: dict[str, dict[str, Any]] = {}
        self._feed_changed = trio.Event()
        self._origins: dict[tuple[str, str], Listener] = {}
        self._watchers: dict[str, Callable[[StreamEvent], None]] = {}
        self._counts = {"published": 0, "repaired": 0, "skipped": 0}

    async def run(
        self,
        read_after: ReadAfter,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve large broadcasts, holes and the feed until cancelled; holes by ``read_after``."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._fan_out.run)
            nursery.start_soon(self._repair_holes, read_after)
            nursery.start_soon(self._flush_feed)
            nursery.start_soon(self._rotate)
            task_status.started()

    # -- the audience

    def register(self, listener: Listener) -> None:
        """Make a session live."""
        self.users[listener.user_id] = (*self.users.get(listener.user_id, ()), listener)
        ACTIVE_USERS.set(len(self.users))

    def surplus(self, user_id: str, sockets_max: int) -> Sequence[Listener]:
        """Return the oldest connected sessions of a user who is about to have one too many."""
        connected = [each for each in self.users.get(user_id, ()) if each.is_connected]
        return connected[: max(0, len(connected) + 1 - sockets_max)]

    def unregister(self, listener: Listener, topics: Iterable[str] = ()) -> None:
        """Forget a session and its topics; harmless when repeated."""
        left = tuple(each for each in self.users.get(listener.user_id, ()) if each is not listener)
        if left:
            self.users[listener.user_id] = left
        elif self.users.pop(listener.user_id, None) is not None:
            self._order.forget(f"user:{listener.user_id}")
        ACTIVE_USERS.set(len(self.users))
        for topic in topics:
            self.unsubscribe(listener, topic)

    def subscribe(self, listener: Listener, topic: str) -> None:
        """Add a session to a topic that it may read."""
        if topic not in self.topics:
            self.topics[topic] = set()
            if _is_filtered(topic):
                self.feeds.open(topic)
        self.topics[topic].add(listener)

    def unsubscribe(self, listener: Listener, topic: str) -> None:
        """Take a session off a topic."""
        listeners = self.topics.get(topic)
        if listeners is not None:
            listeners.discard(listener)
            if not listeners:
                del self.topics[topic]
                if _is_filtered(topic):
                    self.feeds.close(topic)

    def observe(self, streams: Iterable[str], heads: Mapping[str, tuple[int, Any]]) -> None:
        """Learn from the heads that a session read which number comes next in ``streams``."""
        for stream in streams:
            self._order.observe(stream, *heads.get(stream, (0, None)))

    def watch(self, kind: EventType, watcher: Callable[[StreamEvent], None]) -> None:
        """Let ``watcher`` be told of each event of this kind as it is delivered."""
        self._watchers[kind.spec().type] = watcher

    def unwatch(self, kind: EventType) -> None:
        """End ``watch``; harmless when nobody did."""
        self._watchers.pop(kind.spec().type, None)

    def expect_origin(self, listener: Listener, client_id: str) -> None:
        """Note that ``listener`` is sending this message, so its ack is its copy."""
        self._origins[listener.user_id, client_id] = listener

    def forget_origin(self, listener: Listener, client_id: str) -> None:
        """End ``expect_origin``."""
        key = (listener.user_id, client_id)
        if self._origins.get(key) is listener:
            del self._origins[key]

    # -- publishing

    def publish(self, events: Sequence[StreamEvent]) -> None:
        """Send committed events to their live audience, each stream in order."""
        for event in events:
            try:
                self._publish(event)
            except Exception:
                log.exception("event not published", stream=event.stream, seq=event.seq)

    def tell(self, event: Event, of: str, users: Iterable[str]) -> None:
        """Send an event that nobody will miss to the sessions of users."""
        self.notify(event, of, [s for user_id in users for s in self.users.get(user_id, ())])

    def notify(self, event: Event, of: str, listeners: Sequence[Listener]) -> None:
        """Send an event that nobody will miss to these sessions."""
        spec = event.spec()
        assert not spec.is_durable, spec.type
        frame = event_frame.ephemeral(event, self._now())
        self._pass_by(spec.stream.of(of), listeners, [frame])

    def publish_feed(self, entity_id: str, event: Event, subject: Any) -> None:
        """Announce the newest public state of an entity.

        Who follows all hears at most one of each and second; who follows a filter that ``subject``
        matches hears it at once, and once, however many of their filters it matches.
        """
        listeners: set[Listener] = set()
        for topic in self.feeds.matching(subject):
            listeners |= self.topics.get(topic, set())
        if listeners:
            frame = event_frame.ephemeral(event, self._now())
            self._pass_by(FEED_STREAM, list(listeners), [frame])
        if FEED_STREAM in self.topics:
            self._feed[entity_id] = event_frame.ephemeral(event, self._now())
            self._feed_changed.set()

    def statistics(self) -> dict[str, int]:
        """Sizes and counts, for the admin page."""
        return {
            "users": len(self.users),
            "topics": len(self.topics),
            "streams": len(self._order),
            "holes": len(self._holes),
            "backlog": self._fan_out.waiting,
            **self._counts,
        }

    # -- private parts

    def _publish(self, event: StreamEvent) -> None:
        self._counts["published"] += 1
        stream = event.stream
        ready = self._order.admit(event)
        for each in ready:
            self._deliver(each)
        if not ready and self._order.is_lost(event):
            self._fan_out.submit(stream, self._audience(event), Missed(stream))
        if self._order.has_hole(stream):
            if stream not in self._holes:
                self._holes[stream] = trio.current_time() + HOLE_S
                self._hole_opened.set()
        elif self._holes:
            self._holes.pop(stream, None)

    def _deliver(self, event: StreamEvent) -> None:
        if not event.private and PUBLIC_EVENTS in self.topics:
            self._announce_publicly(event)
        watcher = self._watchers.get(event.type)
        if watcher is not None:
            watcher(event)
        listeners = self._audience(event)
        if listeners:
            self._fan_out.submit(event.stream, listeners, EventBroadcast(event))
        elif not any(self.users.get(user_id) for user_id in event.users):
            self._order.forget(event.stream)

    def _announce_publicly(self, event: StreamEvent) -> None:
        """Tell anonymous listeners what the catalogue lets anybody know of this event."""
        spec = spec_of(event.stream, event.type)
        if spec is None or not spec.public_fields:
            return
        told = {name: event.payload.get(name) for name in spec.public_fields}
        frame = {"type": event.type, **told, "timestamp": event.created_at}
        self._pass_by(PUBLIC_EVENTS, list(self.topics[PUBLIC_EVENTS]), [frame])

    def _pass_by(
        self, stream: str, listeners: Sequence[Listener], frames: Sequence[dict[str, Any]]
    ) -> None:
        """Send frames without a number, if anybody is there."""
        if listeners:
            self._fan_out.submit(stream, listeners, Ephemeral(stream, frames))

    def _audience(self, event: StreamEvent) -> Sequence[Listener]:
        listeners: Sequence[Listener] = [
            each for user_id in set(event.users) for each in self.users.get(user_id, ())
        ]
        subscribed = self.topics.get(event.stream)
        if subscribed:
            listeners = list(subscribed.union(listeners))
        origin = self._origin(event) if self._origins else None
        return listeners if origin is None else [each for each in listeners if each is not origin]

    def _origin(self, event: StreamEvent) -> Listener | None:
        """Return the session whose own call brought this event about."""
        spec = spec_of(event.stream, event.type)
        if spec is None or spec.origin is None:
            return None
        sender, client_id = spec.origin
        return self._origins.get((event.payload.get(sender, ""), event.payload.get(client_id, "")))

    def _is_followed(self, stream: str) -> bool:
        """Tell whether the hub itself knows somebody who follows ``stream``."""
        kind, _, entity_id = stream.partition(":")
        return stream in self.topics or (kind == "user" and entity_id in self.users)

    async def _repair_holes(self, read_after: ReadAfter) -> None:
        while True:
            while self._holes:
                stream, due_at = next(iter(self._holes.items()))
                await trio.sleep_until(due_at)
                if self._holes.get(stream) == due_at:
                    await self._repair(stream, read_after)
            self._hole_opened = trio.Event()
            await self._hole_opened.wait()

    async def _repair(self, stream: str, read_after: ReadAfter) -> None:
        """Fill the hole of one stream from the database, or give it up and say so."""
        try:
            with trio.fail_after(REPAIR_TIMEOUT_S):
                await self._read_on(stream, read_after)
        except (BountyExpoError, trio.TooSlowError):
            log.warning("hole not repaired", stream=stream, head=self._order.head(stream))
        except Exception:
            log.exception("hole not repaired", stream=stream)
        self._holes.pop(stream, None)
        waiting = self._order.skip_hole(stream)
        if not waiting:
            return
        self._counts["skipped"] += 1
        for event in waiting:
            self._deliver(event)
        self._fan_out.submit(stream, self._audience(waiting[-1]), Missed(stream))
        if self._order.has_hole(stream):
            self._holes[stream] = trio.current_time()

    async def _read_on(self, stream: str, read_after: ReadAfter) -> None:
        size = REPAIR_PAGE
        while size == REPAIR_PAGE:
            head = self._order.head(stream)
            page = await read_after(stream, head, REPAIR_PAGE)
            size = len(page)
            for event in page:
                for ready in self._order.admit(event):
                    self._counts["repaired"] += 1
                    self._deliver(ready)

    async def _flush_feed(self) -> None:
        while True:
            await self._feed_changed.wait()
            self._feed_changed = trio.Event()
            messages, self._feed = list(self._feed.values()), {}
            self._pass_by(FEED_STREAM, list(self.topics.get(FEED_STREAM, ())), messages)
            await trio.sleep(FEED_INTERVAL_S)

    async def _rotate(self) -> None:
        while True:
            await trio.sleep(ROTATE_INTERVAL_S)
            self._order.rotate(self._is_followed)


def _is_filtered(topic: str) -> bool:
    return topic.startswith(FEEDS) and topic != FEED_STREAM
