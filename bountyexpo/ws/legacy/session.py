"""The sockets of old clients: ``/messages/subscribe`` and ``/events/subscribe`` (realtime §2.5).

A message socket is a session that speaks other words; membership, limits and order are the same.
An event socket is anonymous and hears what the public may know of every bounty.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import trio

from bountyexpo.close_codes import CloseCode
from bountyexpo.domain.events import Stream
from bountyexpo.errors import BountyExpoError, InvalidRequest, NotAuthenticated, TokenExpired
from bountyexpo.realtime.hub import PUBLIC_EVENTS
from bountyexpo.ws.legacy.serializer import LEGACY
from bountyexpo.ws.session import frame_splice
from bountyexpo.ws.session.session import Phase, Session
from bountyexpo.ws.v1 import protocol
from bountyexpo.ws.v1.serializer import serializer_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from bountyexpo.ws.gateway import SessionGateway
    from bountyexpo.ws.transport.connection import Connection
    from bountyexpo.ws.transport.handshake import UpgradeRequest
    from bountyexpo.ws.v1.serializer import Serializer

EVENTS_PATH: Final = "/events/subscribe"
MESSAGES_PATH: Final = "/messages/subscribe"

# Frames that make no sense, within a minute, that end an old socket.
BAD_FRAMES_MAX: Final = 20
BAD_FRAMES_WINDOW_S: Final = 60.0

# Partners of whose presence an old socket hears.
PARTNERS_MAX: Final = 200

# What an old client may send once it is signed in, under the names of the protocol.
KNOWN: Final = {
    "authenticate": "auth.refresh",
    "join": "join",
    "leave": "leave",
    "typing": "typing",
    "send_message": "send_message",
}


class MessagesSession(Session):
    """A session in the old words; it cannot resume or sync, for its client knows neither."""

    __slots__ = ("_bad_at", "_shared")

    def __init__(
        self, connection: Connection, gateway: SessionGateway, upgrade: UpgradeRequest
    ) -> None:
        super().__init__(connection, gateway, upgrade)
        self._bad_at: list[float] = []
        self._shared: Mapping[str, Any] = {}
        self.bearer = upgrade.query.get("token") or upgrade.bearer
        if self.bearer:
            self._enqueue(protocol.Envelope("hello"), {"v": protocol.VERSION})

    @property
    def serializer(self) -> Serializer:
        """The old words."""
        return LEGACY

    # -- what the transport calls

    def on_message(self, payload: bytes, *, is_text: bool) -> None:  # noqa: ARG002 - text always
        """Translate a frame; what makes no sense is ignored, and counted."""
        if self.phase > Phase.OPEN:
            return
        try:
            frame = LEGACY.decode(payload)
        except InvalidRequest:
            self._count_bad()
            return
        kind = frame.get("type")
        if not self._take_allowance(protocol.Envelope("legacy")):
            return
        if kind == "ping":
            self.send_now(protocol.pong(self.context.now(), None))
        elif kind not in KNOWN:
            self._count_bad()
        elif self.phase is Phase.NEW and not self.bearer:
            self._authenticate(frame)
        else:
            self._enqueue(protocol.Envelope(KNOWN[kind]), {"isTyping": False, **frame})

    def on_tick(self, now: float) -> float:
        """Refuse whoever did not sign in, in the old way."""
        if self.phase is Phase.NEW and now >= self._due_at:
            self.fail(NotAuthenticated())
        return super().on_tick(now)

    # -- what the hub calls

    def deliver_ephemeral(self, stream: str, frame: bytes, key: Hashable = None) -> None:
        """Send a passing frame; presence once for each conversation that is shared."""
        kind, _, user_id = stream.partition(":")
        if kind != Stream.PRESENCE:
            super().deliver_ephemeral(stream, frame, key)
            return
        for conversation_id in self._shared.get(user_id, ()):
            told = frame_splice.with_fields(LEGACY, frame, conversationId=conversation_id)
            of = Stream.CONVERSATION.of(conversation_id)
            super().deliver_ephemeral(of, told, (key, conversation_id))

    # -- for the handlers of frames

    def fail(self, cause: BountyExpoError, re: str | None = None) -> None:
        """Close with 4401 for any credentials that are not good."""
        super().fail(NotAuthenticated() if isinstance(cause, TokenExpired) else cause, re)

    def reject_malformed(self, message: str, re: str | None = None) -> None:  # noqa: ARG002
        """Ignore a frame that does not fit, but count it."""
        self._count_bad()

    async def release(self, floors: Mapping[str, int]) -> None:
        """Go live, and hear of the people one talks to."""
        await super().release(floors)
        # Presence is best effort: without a database there is none.
        with suppress(BountyExpoError):
            self._shared = await self.context.reader.partners(self.user_id, PARTNERS_MAX)
            self.check_open()
            self.context.presence.watch(self, self._shared)

    def tell_missed(self) -> None:
        """Say nothing: old clients have no word for a gap, and read the list again anyway."""
        self._missed = None

    def send_now(self, message: dict[str, Any]) -> bool:
        """Send what has a translation."""
        frame = LEGACY.frame(message)
        return not frame or self.connection.send(frame)

    # -- private parts

    def _authenticate(self, frame: dict[str, Any]) -> None:
        if frame.get("type") == "authenticate" and isinstance(frame.get("token"), str):
            self.bearer = frame["token"]
            self._enqueue(protocol.Envelope("hello"), {"v": protocol.VERSION})

    def _count_bad(self) -> None:
        now = trio.current_time()
        self._bad_at = [at for at in self._bad_at if now - at < BAD_FRAMES_WINDOW_S] + [now]
        if len(self._bad_at) > BAD_FRAMES_MAX:
            self.disconnect(CloseCode.PROTOCOL_VIOLATION, "too many bad frames")

    def _send_reply(self, frame: bytes) -> None:
        if frame:
            super()._send_reply(frame)


class EventsListener:
    """An anonymous socket that hears the public state of bounties, and says nothing itself."""

    __slots__ = ("connection", "context", "gateway", "is_connected", "serializer")

    user_id = ""
    session_id = None

    def __init__(self, connection: Connection, gateway: SessionGateway) -> None:
        self.connection = connection
        self.serializer = serializer_of(connection.subprotocol)
        self.gateway = gateway
        self.context = gateway.context
        self.is_connected = True
        self.context.hub.subscribe(self, PUBLIC_EVENTS)
        self.send_now(
            {
                "type": "connection",
                "message": "Connected to the event stream",
                "timestamp": self.context.now(),
            }
        )

    def send_now(self, message: dict[str, Any]) -> bool:
        """Send one frame; False when there was no room."""
        return self.connection.send(self.serializer.frame(message))

    def deliver(self, stream: str, seq: int, frame: bytes) -> None:
        """Take a numbered event: there are none for it."""

    def deliver_ephemeral(
        self,
        stream: str,  # noqa: ARG002 - there is one
        frame: bytes,
        key: Hashable = None,  # noqa: ARG002 - every change of a status counts
    ) -> None:
        """Send the state of a bounty."""
        self.connection.send(frame, ephemeral=True)

    def miss(self, stream: str) -> None:
        """Learn that events were lost: an old client cannot be told."""

    def disconnect(self, code: int, reason: str) -> None:
        """Close the socket."""
        self._leave(code)
        self.connection.close(code, reason)

    def on_message(self, payload: bytes, *, is_text: bool) -> None:
        """Ignore whatever the client says."""

    def on_closed(self, code: int) -> None:
        """Leave."""
        self._leave(code)

    def on_drained(self) -> None:
        """Go on; what was lost is not repeated."""

    def on_tick(self, now: float) -> float:  # noqa: ARG002 - time asks for nothing
        """Wait; the transport keeps the heartbeat."""
        return math.inf

    def _leave(self, code: int) -> None:
        if self.is_connected:
            self.is_connected = False
            self.context.hub.unsubscribe(self, PUBLIC_EVENTS)
            self.gateway.forget_listener(self, code)
