"""A session: one client, from its welcome until it will not come back.

    WELCOMING ── welcomed ──► OPEN ── lost, if it may be resumed ──► DETACHED ── 120 s ──► ENDED
        │                      ▲                                       │  ▲
        └──► REFUSED           └── has heard what it missed ── RESUMING ◄─┘

A socket lives as long as its connection and carries a session. A client that comes back has
another socket and the same session, so whoever delivers to it need not know. Every state may end
at once: by a close code that does not let the client resume, by a refusal, by a revoked sign-in.
An idle session is this object and its delivery: no task, no queue, no timer.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import trio

from bountyexpo.close_codes import CloseCode, may_resume
from bountyexpo.errors import TokenExpired
from bountyexpo.ws.session.delivery import Delivery
from bountyexpo.ws.session.event_writer import SocketGone
from bountyexpo.ws.v1 import protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Mapping

    from bountyexpo.domain.identity import Identity
    from bountyexpo.errors import BountyExpoError
    from bountyexpo.ws.session.context import SessionContext
    from bountyexpo.ws.transport.connection import Connection
    from bountyexpo.ws.v1.protocol import Envelope
    from bountyexpo.ws.v1.serializer import Serializer

    Context: TypeAlias = "SessionContext[Session]"

# What a client may be able to do (contract realtime §4.2); features add to it.
CAP_BATCH: Final = "batch"
CAP_RESUME: Final = "resume"

# What it asks for in a field of its own, and is kept among the capabilities.
ECHO: Final = "echo"


class State(IntEnum):
    """Where a session is in its life."""

    WELCOMING = 0
    OPEN = 1
    DETACHED = 2
    RESUMING = 3
    ENDED = 4
    # Ended before it was welcomed.
    REFUSED = 5


class AttachedSocket(Protocol):
    """What a session needs of the socket that carries it."""

    @property
    def connection(self) -> Connection:
        """Its connection."""

    def send_now(self, message: dict[str, Any]) -> bool:
        """Send one message; False when there was no room."""

    def say(self, message: dict[str, Any]) -> None:
        """Send a message that the client cannot do without."""

    def reply(self, envelope: Envelope, fields: Mapping[str, Any]) -> None:
        """Send the ``ack`` that a frame asked for."""

    def refuse(self, cause: BountyExpoError, re: str | None = None) -> None:
        """Send an ``error``."""

    def fail(self, cause: BountyExpoError, re: str | None = None) -> None:
        """Send an ``error`` and close with the code that belongs to it."""

    def disconnect(self, code: int, reason: str) -> None:
        """Close."""


class Session:
    """One client of one user; implements ``realtime.listener.Listener``.

    Owns:      its identity, subscriptions and delivery.
    When full: see ``Delivery``; a reply for which there is no room ends the socket.
    """

    __slots__ = (
        "_ends_at",
        "_is_ending",
        "_topics",
        "caller",
        "capabilities",
        "delivery",
        "identity",
        "is_served",
        "serializer",
        "sid",
        "socket",
        "state",
        "user_id",
    )

    def __init__(self, context: Context, serializer: Serializer, identity: Identity) -> None:
        self.serializer = serializer
        self.delivery = Delivery(context, serializer)
        self.sid = context.new_id()
        self.state = State.WELCOMING
        self.socket: AttachedSocket | None = None
        # True while a frame of the client is worked on: nobody takes the session over then.
        self.is_served = False
        # What the client said of itself in its last hello.
        self.capabilities: Collection[str] = ()
        # Who the last token named, and that with the rights of the frame that is worked on.
        self.identity = self.caller = identity
        self.user_id = identity.user_id
        self._ends_at = self._end_of(identity)
        self._is_ending = False
        self._topics: set[str] | None = None

    @property
    def context(self) -> Context:
        """What every session works with."""
        return self.delivery.context

    @property
    def is_connected(self) -> bool:
        """True while the session has a socket, from its welcome on."""
        return self.state is State.OPEN

    @property
    def is_welcomed(self) -> bool:
        """True from the first welcome on, also after the end."""
        return self.state not in (State.WELCOMING, State.REFUSED)

    @property
    def is_echoed(self) -> bool:
        """True when the client wants to hear its own messages, too."""
        return ECHO in self.capabilities

    @property
    def peer(self) -> str:
        """The address of the client."""
        return "" if self.socket is None else self.socket.connection.peer

    # -- what the hub calls

    def deliver(self, stream: str, seq: int, frame: bytes) -> None:
        """Take a numbered event."""
        self.delivery.deliver(stream, seq, frame)

    def deliver_ephemeral(self, stream: str, frame: bytes, key: Hashable = None) -> None:
        """Take a frame that may be lost."""
        self.delivery.deliver_ephemeral(stream, frame, key)

    def send_now(self, message: dict[str, Any]) -> bool:
        """Send one message; False when there was no room, or no socket."""
        return self.socket is not None and self.socket.send_now(message)

    def miss(self, stream: str) -> None:
        """Learn that events of ``stream`` were lost on the way."""
        self.delivery.miss(stream)

    def disconnect(self, code: int, reason: str) -> None:
        """Close the socket; without one, end if the client may not come back after ``code``."""
        if self.socket is not None:
            self.socket.disconnect(code, reason)
        elif not may_resume(code):
            self.end()

    # -- its socket

    def attach(self, socket: AttachedSocket) -> None:
        """Go on over ``socket``, which works on the hello that asked for it."""
        assert self.socket is None, "the last socket was not parted with"
        if self.state is State.DETACHED:
            self.state = State.RESUMING
        self.socket = socket
        self.is_served = True
        self.delivery.attach(socket.connection)
        self.context.features.attached(self)

    def leave_socket(self) -> None:
        """Part with a socket that is still open: the client has come back over another one."""
        socket = self.socket
        if socket is not None:
            self._detach()
            socket.disconnect(CloseCode.REPLACED, "resumed")

    def lose_socket(self, code: int) -> None:
        """Wait for the client if it may come back after ``code``, else end."""
        # A replay that was cut short cannot be gone on with.
        is_whole = self.state is State.RESUMING or not self.delivery.is_buffering
        if may_resume(code) and is_whole and self.context.resumable.keeps(self):
            self._detach()
            self.context.resumable.wait(self)
        else:
            self.end()

    def check_attached(self) -> None:
        """Stop what is under way for a socket that closed meanwhile.

        Raises:
            SocketGone: it did.
        """
        if self.socket is None:
            raise SocketGone

    def on_tick(self, now: float) -> float:
        """Enforce the end of the token; return when time asks for something again."""
        is_untidy = self.delivery.on_tick(now)
        if now >= self._due_at and self.state is State.OPEN:
            self._on_due()
        return now if is_untidy else self._due_at

    # -- its life

    def sign_in(self, identity: Identity) -> None:
        """Take on an identity, and its end."""
        self.identity = identity
        self._ends_at = self._end_of(identity)
        self._is_ending = False
        if self.socket is not None:
            self.socket.connection.next_look = 0.0

    def open(self) -> None:
        """End the hello; the client has been told what the session is called.

        Raises:
            SocketGone: the socket closed meanwhile.
        """
        self.check_attached()
        is_back, self.state = self.is_welcomed, State.OPEN
        if self.delivery.is_numbered:
            self.context.resumable.add(self)
        features = self.context.features
        (features.resumed if is_back else features.opened)(self)

    def is_resumable(self, n: int) -> bool:
        """Tell whether a client that has everything up to ``n`` can go on here."""
        is_whole = self.state in (State.OPEN, State.DETACHED) and not self.is_served
        return is_whole and self.delivery.covers(n)

    def give_up(self) -> None:
        """End a session that will not be resumed; one with a socket stays, but forgets."""
        if self.socket is None:
            self.end()
        else:
            self.context.resumable.discard(self)
            self.delivery.forget_past()

    def end(self) -> None:
        """Take leave of everybody; harmless when repeated."""
        if self.state in (State.ENDED, State.REFUSED):
            return
        self.state = State.ENDED if self.is_welcomed else State.REFUSED
        socket, self.socket = self.socket, None
        topics, self._topics = self._topics or (), None
        context = self.context
        context.hub.unregister(self, topics)
        if socket is not None:
            context.features.detached(self)
        context.features.ended(self)
        context.resumable.discard(self)
        self.delivery.end()

    # -- what the handlers of frames use

    def add_topic(self, topic: str) -> bool:
        """Subscribe; False when the session has too many topics.

        Raises:
            SocketGone: the socket closed meanwhile.
        """
        self.check_attached()
        if self._topics is None:
            self._topics = set()
        if topic not in self._topics:
            if len(self._topics) >= self.context.limits.subscriptions_max:
                return False
            self._topics.add(topic)
            self.context.hub.subscribe(self, topic)
        return True

    def remove_topic(self, topic: str) -> None:
        """Unsubscribe; harmless when not subscribed."""
        if self._topics is not None and topic in self._topics:
            self._topics.discard(topic)
            self.context.hub.unsubscribe(self, topic)

    def reply(self, envelope: Envelope, fields: Mapping[str, Any]) -> None:
        """Send the ``ack`` that a frame asked for by its ``id``; without a socket nobody waits."""
        if self.socket is not None:
            self.socket.reply(envelope, fields)

    def say(self, message: dict[str, Any]) -> None:
        """Send a message that the client cannot do without."""
        if self.socket is not None:
            self.socket.say(message)

    def refuse(self, cause: BountyExpoError, re: str | None = None) -> None:
        """Send an ``error``; the socket stays."""
        if self.socket is not None:
            self.socket.refuse(cause, re)

    # -- private parts

    @property
    def _due_at(self) -> float:
        """When the end of the token is to be told, or after that to be enforced."""
        timings = self.context.timings
        if self._is_ending:
            return self._ends_at + timings.expiry_grace_s
        # The notice must come before the end, even for a token with little left.
        return self._ends_at - max(0.001, timings.expiry_notice_s)

    def _end_of(self, identity: Identity) -> float:
        return trio.current_time() + identity.expires_at - self.context.now().timestamp()

    def _on_due(self) -> None:
        assert self.socket is not None, "an open session has a socket"
        if self._is_ending:
            self.socket.fail(TokenExpired())
            return
        self._is_ending = True
        ends_at = datetime.fromtimestamp(self.identity.expires_at, UTC)
        self.socket.send_now(protocol.auth_expiring(self.context.now(), ends_at))

    def _detach(self) -> None:
        self.socket, self.state = None, State.DETACHED
        self.delivery.detach()
        self.context.features.detached(self)
