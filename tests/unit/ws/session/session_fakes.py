"""What surrounds a session in tests: a socket, tokens, a clock, and a world with all of it."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from types import SimpleNamespace

import msgspec
import trio
from bountyexpo.domain.access import AccessLevel, grant_to, rows
from bountyexpo.domain.chat.conversation import TYPING_ENDS_AFTER_S
from bountyexpo.errors import (
    NotAllowed,
)
from bountyexpo.operations.call import Call, RawReply
from bountyexpo.operations.catalogue import READ, WRITE, Catalogue
from bountyexpo.operations.rate_limits import RateLimiter
from bountyexpo.realtime.chat.typing_tracker import TypingTracker
from bountyexpo.realtime.chat.unread_counts import UnreadCounts
from bountyexpo.realtime.hub import Hub
from bountyexpo.realtime.users.last_seen import LastSeen
from bountyexpo.realtime.users.live_users import LiveUsers
from bountyexpo.realtime.users.presence import Presence
from bountyexpo.realtime.users.standing_watch import StandingWatch
from bountyexpo.ws.admission import Admission
from bountyexpo.ws.chat.typing import TypingFeature
from bountyexpo.ws.chat.unread import UnreadFeature
from bountyexpo.ws.gateway import SessionGateway
from bountyexpo.ws.legacy.partners import LegacyPartnersFeature
from bountyexpo.ws.session.context import SessionContext
from bountyexpo.ws.session.feature import Features
from bountyexpo.ws.session.frame_rate import FrameRate
from bountyexpo.ws.session.limits import SessionLimits, Timings
from bountyexpo.ws.session.resumable import ResumableSessions
from bountyexpo.ws.users.presence import PresenceFeature
from bountyexpo.ws.v1 import serializer

from tests.unit.ws.session.fake_authority import Authority, Verifier
from tests.unit.ws.session.fake_database import START, Database, Event

__all__ = ["START", "Connection", "Database", "Event", "World", "declare_operations", "payload_of"]


class Clock:
    """The wall clock of the tests; it goes with trio's mock clock."""

    def now(self):
        return START + timedelta(seconds=trio.current_time())

    def monotonic(self):
        return trio.current_time()


class Connection:
    """A socket that keeps what it was sent; ``room`` is how many frames still fit."""

    def __init__(self, used_codec=serializer.JSON):
        self.serializer, self.subprotocol = used_codec, used_codec.subprotocol
        self.peer = "192.0.2.1"
        self.raw = []
        self.closed_with = None
        self.room = None
        self.handler = None
        self.next_look = 0.0
        self.changed = trio.Event()

    @property
    def is_open(self):
        return self.closed_with is None

    @property
    def is_over_half(self):
        return self.room == 0

    def send(self, frame, *, ephemeral=False):
        if not self.is_open or self.room == 0:
            return False
        if self.room is not None:
            self.room -= 1
        self.raw.append(frame)
        self._change()
        return True

    def close(self, code, reason=""):
        if self.is_open:
            self.closed_with = code
            self._change()
            if self.handler is not None:
                self.handler.on_closed(code)

    def drain(self, room=None):
        self.room = room
        self.handler.on_drained()

    @property
    def frames(self):
        return [self.serializer.decode(payload_of(frame)) for frame in self.raw]

    def types(self):
        return [frame["type"] for frame in self.frames]

    def seqs(self, stream):
        return [frame["seq"] for frame in self.frames if frame.get("stream") == stream]

    def say(self, **frame):
        payload = self.serializer.encode(frame)
        self.handler.on_message(payload, is_text=self.serializer.is_text)

    async def until(self, condition):
        with trio.fail_after(1000):
            while not condition():
                await self.changed.wait()

    async def reply_to(self, frame_id):
        def found():
            return [frame for frame in self.frames if frame.get("re") == frame_id]

        await self.until(found)
        return found()[-1]

    async def closed(self):
        await self.until(lambda: not self.is_open)
        return self.closed_with

    def _change(self):
        self.changed.set()
        self.changed = trio.Event()


def payload_of(frame):
    length = frame[1] & 127
    return frame[{126: 4, 127: 10}.get(length, 2) :]


OPERATIONS = rows(
    *(
        grant_to(AccessLevel.USER, name, "It is the caller's own.")
        for name in (
            "message.send",
            "conversation.typing",
            "clock.now",
            "fault.raise",
            "blob.get",
            "large.get",
        )
    )
)


class World:
    """A gateway with everything around it; ``async with`` runs it."""

    def __init__(
        self,
        *,
        database=None,
        limits=None,
        timings=None,
        limiter=None,
        resumable=None,
        features=(),
    ):
        self.database = database or Database()
        self.catalogue = Catalogue(OPERATIONS)
        self.pause = trio.lowlevel.checkpoint
        self.tickets = {}
        self.crashes = []
        # Whose typing was ended for them, and where.
        self.stopped = []
        clock = Clock()
        self.hub = Hub(clock.now)
        seen = LastSeen(self.database.last_seen, self.database.save_last_seen)
        self.presence = Presence(self.hub, clock.now, seen)
        self.typing = TypingTracker(
            self.hub, lambda *which: self.stopped.append(which), TYPING_ENDS_AFTER_S
        )
        self.unread = UnreadCounts(self.hub, self.database.unread)
        self.users = LiveUsers(self.hub, self.presence)
        self.admission = Admission(
            RateLimiter(trio.current_time, enabled=False) if limiter is None else limiter
        )
        self.verifier = Verifier()
        self.authority = Authority(self.verifier)
        self.watch = StandingWatch(self.hub, self.authority, self.authority)
        ids = count(1)
        services = SimpleNamespace(
            verifier=self.verifier,
            clock=clock,
            rate_limiter=RateLimiter(trio.current_time, enabled=False),
        )
        limits = limits or SessionLimits()
        self.resumable = ResumableSessions() if resumable is None else resumable
        self.context = SessionContext(
            now=clock.now,
            new_id=lambda: f"s{next(ids)}",
            hub=self.hub,
            reader=self.database,
            services=services,
            admission=self.admission,
            frame_rate=FrameRate(limits, self.admission.is_exempt),
            authority=self.authority,
            redeem=lambda ticket: self.tickets.pop(ticket, None),
            features=Features(
                PresenceFeature(self.presence),
                TypingFeature(self.typing),
                UnreadFeature(self.unread),
                LegacyPartnersFeature(self.presence.watch),
                *features,
            ),
            resumable=self.resumable,
            catalogue=self.catalogue,
            limits=limits,
            timings=timings or Timings(),
        )
        self.gateway = SessionGateway(self.context)

    async def __aenter__(self):
        self._manager = trio.open_nursery()
        self.nursery = await self._manager.__aenter__()
        await self.nursery.start(self.hub.run, self.database.read_after)
        await self.nursery.start(self.watch.run)
        await self.nursery.start(self._live)
        return self

    async def _live(self, *, task_status):
        self._end = trio.Event()
        try:
            with trio.CancelScope() as self._life:
                await self.gateway.run(task_status=task_status)
        except* RuntimeError as crash:
            self.crashes += crash.exceptions
        self._end.set()

    async def crash_gateway(self):
        """End the gateway's tasks, and start it again as its supervisor does."""
        self._life.cancel()
        await self.revive_gateway()

    async def revive_gateway(self):
        """Start a gateway that has crashed again."""
        await self._end.wait()
        await self.nursery.start(self._live)

    async def __aexit__(self, *failure):
        self.nursery.cancel_scope.cancel()
        return await self._manager.__aexit__(*failure)

    def upgrade(self, *, bearer=None, query=None, path="/v1/socket", subprotocols=()):
        return SimpleNamespace(
            path=path,
            subprotocols=subprotocols,
            bearer=bearer,
            headers={},
            query=query or {},
            peer="192.0.2.1",
        )

    def connect(self, *, used_codec=serializer.JSON, upgrade=None, **asked):
        connection = Connection(used_codec)
        wanted = upgrade or self.upgrade(**asked)
        connection.handler = self.gateway.handler_factory(connection, wanted)
        return connection

    async def open(self, user_id, *, used_codec=serializer.JSON, **hello):
        connection = self.connect(used_codec=used_codec)
        connection.say(type="hello", v=1, token=user_id, **hello)
        await connection.until(lambda: "welcome" in connection.types())
        delivery = connection.handler.session.delivery
        await connection.until(lambda: not delivery.is_buffering) if hello.get("streams") else None
        return connection

    def publish(self, stream, **fields):
        event = self.database.commit(stream, **fields)
        self.hub.publish([event])
        return event

    async def tick(self, connection, seconds):
        """Let time go by as the transport tells it: once a second."""
        for _ in range(seconds):
            await trio.sleep(1)
            if connection.is_open:
                connection.handler.on_tick(trio.current_time())


class Send(msgspec.Struct, rename="camel"):
    conversation_id: str
    client_msg_id: str
    text: str = ""


class Typing(msgspec.Struct, rename="camel"):
    conversation_id: str
    is_typing: bool = False


class Sent(msgspec.Struct, rename="camel"):
    message_id: str
    seq: int


def declare_operations(world):
    operation = world.catalogue.operation
    world.calls = []

    @operation("message.send", rate=WRITE, frame="message.send")
    async def send(call: Call, request: Send) -> Sent:
        """Send a message."""
        world.calls.append(call)
        await trio.sleep(0.1)
        payload = {"senderId": call.user_id, "clientMsgId": request.client_msg_id}
        users = tuple(world.database.members[request.conversation_id])
        event = world.publish(f"conv:{request.conversation_id}", payload=payload, users=users)
        return Sent(message_id=f"m{event.seq}", seq=event.seq)

    @operation("conversation.typing", rate=READ, frame="typing")
    async def report_typing(call: Call, request: Typing) -> dict:
        """Say that one types."""
        await world.pause()
        if request.conversation_id == "foreign":
            raise NotAllowed
        return {}

    @operation("clock.now", rate=READ)
    async def now(call: Call) -> dict:
        """Tell the time."""
        world.calls.append(call)
        return {"now": START, "user": call.user_id}

    @operation("fault.raise", rate=READ)
    async def fault(call: Call) -> None:
        """Fail as the test wishes."""
        raise world.failure

    @operation("blob.get", rate=READ)
    async def blob(call: Call) -> RawReply:
        """Reply with something that is not a map."""
        return RawReply()

    @operation("large.get", rate=READ)
    async def large(call: Call) -> str:
        """Reply with too much."""
        return "x" * 300_000
