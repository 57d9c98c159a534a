"""A socket: one connection of a client, from its first frame to its last.

    NEW ── hello ──► AUTHENTICATING ── its session ──► OPEN ── close, refusal, loss ──► CLOSED

It reads, keeps the rate, and answers; who the client is and what it hears is its session's. A
socket at rest has no task: ``ping`` is answered where it arrives; any other frame goes to the
queue, and one task works the queue off, strictly in order, and ends when it is empty.
"""

from __future__ import annotations

import math
from collections import deque
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import trio

from bountyexpo.close_codes import CloseCode
from bountyexpo.domain.values import check_values
from bountyexpo.errors import BountyExpoError, InvalidRequest, RateLimited, TooLarge
from bountyexpo.observability import metrics
from bountyexpo.observability.logs import get_logger
from bountyexpo.operations.invalid import sentence
from bountyexpo.ws.session.event_writer import SocketGone
from bountyexpo.ws.session.frame_rate import Strikes
from bountyexpo.ws.session.session import Session
from bountyexpo.ws.v1 import protocol
from bountyexpo.ws.v1.serializer import serializer_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.identity import Identity
    from bountyexpo.ws.session.session import Context
    from bountyexpo.ws.transport.connection import Connection
    from bountyexpo.ws.v1.protocol import Envelope

log = get_logger(__name__)


class Phase(IntEnum):
    """Where a socket is in its life."""

    NEW = 0
    AUTHENTICATING = 1
    OPEN = 2
    CLOSED = 3


# Named once more, because looking a member up in its enum costs more than the comparison.
_CLOSED = Phase.CLOSED


class SocketOwner(Protocol):
    """What a socket needs of whoever holds all of them."""

    async def dispatch(self, socket: ClientSocket, envelope: Envelope, frame: Any) -> None:
        """Carry out one frame."""

    def start_work(self, socket: ClientSocket) -> None:
        """Start the task that works off the queue, or close a socket that comes too late."""

    def forget(self, socket: ClientSocket, code: int) -> None:
        """Drop a socket that closed."""


class ClientSocket:
    """One connection of a client; implements ``ConnectionHandler`` and ``AttachedSocket``.

    Owns:      its phase, frame rate, and the queue of frames.
    When full: a frame beyond the queue is refused with OVERLOADED; a reply for which there is no
               room ends the socket, for nobody can ask again for it.
    """

    __slots__ = (
        "_due_at",
        "_full_at",
        "_owner",
        "_queue",
        "_strikes",
        "connection",
        "context",
        "credential",
        "phase",
        "serializer",
        "session",
    )

    def __init__(
        self,
        connection: Connection,
        context: Context,
        owner: SocketOwner,
        credential: str | Identity | None = None,
    ) -> None:
        self.connection = connection
        self.serializer = serializer_of(connection.subprotocol)
        self.context = context
        self.phase = Phase.NEW
        # Who the upgrade said it was: a token, or by a ticket the caller themselves.
        self.credential = credential
        self.session: Session | None = None
        self._owner = owner
        self._due_at = trio.current_time() + context.timings.hello_s
        # The frame rate as one number: when the allowance will be full again.
        self._full_at = 0.0
        # None while there is no task that works it off.
        self._queue: deque[tuple[Envelope, dict[str, Any]]] | None = None
        self._strikes: Strikes | None = None

    # -- what the transport calls

    def on_message(self, payload: bytes, *, is_text: bool) -> None:  # noqa: ARG002 - it knows
        """Decode a frame; answer a ping, queue anything else."""
        if self.phase is _CLOSED:
            return
        try:
            frame = self.serializer.decode(payload)
        except InvalidRequest:
            self.disconnect(CloseCode.UNDECODABLE, "undecodable")
            return
        try:
            envelope = msgspec.convert(frame, protocol.Envelope)
        except msgspec.ValidationError:
            self.reject_malformed("A frame needs a type and, at most, an id of 64 characters.")
            return
        if not self._take_allowance(envelope):
            return
        if envelope.type == "ping":
            self._answer_ping(envelope, frame.get("t"))
        elif envelope.type != "pong":
            self._enqueue(envelope, frame)

    def on_closed(self, code: int) -> None:
        """Leave; nothing can be sent any more."""
        if self.phase is not _CLOSED:
            self._leave(code)

    def on_drained(self) -> None:
        """Use the room that returned."""
        if self.session is not None:
            self.session.delivery.on_drained()

    def on_tick(self, now: float) -> float:
        """Enforce the time of the hello, then the session's; return when there is more to do."""
        if self.session is not None:
            return self.session.on_tick(now)
        if now >= self._due_at:
            self.disconnect(CloseCode.IDLE, "no hello")
        return self._due_at

    # -- for the hello

    def begin_hello(self) -> None:
        """Stop the clock of the hello; from now on its answer has a deadline of its own."""
        self.phase = Phase.AUTHENTICATING
        self._due_at = math.inf

    def check_open(self) -> None:
        """Stop what is under way for a socket that closed meanwhile.

        Raises:
            SocketGone: it did.
        """
        if self.phase is _CLOSED:
            raise SocketGone

    def create_session(self, identity: Identity) -> Session:
        """Make the session of a new client."""
        return Session(self.context, self.serializer, identity)

    def attach(self, session: Session) -> None:
        """Carry a session from now on, a new one or one that goes on."""
        assert self.session is None, "a socket carries one session"
        self.session = session
        self.credential = None
        self.phase = Phase.OPEN
        session.attach(self)

    # -- answers

    def send_now(self, message: dict[str, Any]) -> bool:
        """Encode and send one message; False when there was no room."""
        return self._send(self.serializer.frame(message))

    def say(self, message: dict[str, Any]) -> None:
        """Send a message that the client cannot do without."""
        self._send_reply(self.serializer.frame(message))

    def reply(self, envelope: Envelope, fields: Mapping[str, Any]) -> None:
        """Send the ``ack`` that a frame asked for by its ``id``."""
        if envelope.id is None:
            return
        frame = self.serializer.frame(protocol.ack(self.context.now(), envelope.id, fields))
        if len(frame) > self.context.limits.reply_bytes_max:
            self.refuse(TooLarge("The reply is larger than a frame may be."), envelope.id)
            return
        self._send_reply(frame)

    def refuse(self, cause: BountyExpoError, re: str | None = None) -> None:
        """Send an ``error``; the socket stays."""
        self.say(protocol.error(self.context.now(), cause, re))

    def fail(self, cause: BountyExpoError, re: str | None = None) -> None:
        """Send an ``error`` and close with the code that belongs to it."""
        if isinstance(cause, RateLimited):
            metrics.WS_RATE_LIMITED.labels("socket").inc()
        self.send_now(protocol.error(self.context.now(), cause, re))
        self.disconnect(cause.close_code, type(cause).code)

    def reject_malformed(self, message: str, re: str | None = None) -> None:
        """Refuse a frame that is not of the protocol; too many of them end the socket."""
        self.refuse(InvalidRequest(message, code="BAD_FRAME"), re)
        self._strike(CloseCode.PROTOCOL_VIOLATION)

    def disconnect(self, code: int, reason: str) -> None:
        """Leave at once and close; the code says whether the client may resume."""
        if self.phase is _CLOSED:
            return
        if code == CloseCode.REVOKED:
            self.send_now(protocol.session_revoked(self.context.now(), reason))
        self._leave(code)
        self.connection.close(code, reason)

    # -- its task

    async def work(self) -> None:
        """Work the queue off, then end; the one task of a socket."""
        is_finished = False
        try:
            while self._queue and self.phase is not _CLOSED:
                envelope, frame = self._queue.popleft()
                await self._handle(envelope, frame)
            is_finished = True
        finally:
            self._queue = None
            if self.session is not None:
                self.session.is_served = False
            if not is_finished:
                # Cancelled: whatever was under way for this socket is half done.
                self.disconnect(CloseCode.RESTART, "restart")

    # -- private parts

    async def _handle(self, envelope: Envelope, frame: dict[str, Any]) -> None:
        try:
            await self._owner.dispatch(self, envelope, frame)
        except BountyExpoError as error:
            self.refuse(error, envelope.id)
        except msgspec.ValidationError as error:
            self.reject_malformed(sentence(error), envelope.id)
        except SocketGone:
            # A socket that is closed already says so itself, with the code that counts.
            if self.connection.is_open:
                self.disconnect(CloseCode.SLOW_CONSUMER, "reading too slowly")
        except Exception:
            log.exception("frame failed", frame=envelope.type)
            self.disconnect(CloseCode.SERVER_ERROR, "internal error")

    def _answer_ping(self, envelope: Envelope, echoed: Any) -> None:
        """Give back what came with a ping, if it can be said in this encoding."""
        try:
            check_values({"t": echoed})
        except InvalidRequest as error:
            self.refuse(error, envelope.id)
        else:
            self.send_now(protocol.pong(self.context.now(), echoed))

    def _enqueue(self, envelope: Envelope, frame: dict[str, Any]) -> None:
        if self._queue is None:
            self._queue = deque(((envelope, frame),))
            self._owner.start_work(self)
            if self.session is not None:
                self.session.is_served = self._queue is not None
        elif len(self._queue) < self.context.limits.queue_frames_max:
            self._queue.append((envelope, frame))
        else:
            overload = RateLimited("Too many frames are waiting.", code="OVERLOADED")
            self.refuse(overload, envelope.id)

    def _take_allowance(self, envelope: Envelope) -> bool:
        full_at = self.context.frame_rate.take(self._full_at, self.connection.peer)
        if full_at is None:
            metrics.WS_RATE_LIMITED.labels("frame").inc()
            self.refuse(RateLimited(retry_after_s=1), envelope.id)
            self._strike(CloseCode.RATE_LIMITED)
            return False
        self._full_at = full_at
        return True

    def _strike(self, code: int) -> None:
        """Count a breach; as many as the limits say within the window close with ``code``."""
        if self._strikes is None:
            limits = self.context.limits
            self._strikes = Strikes(limits.strikes_max, limits.strikes_window_s)
        if self._strikes.count(code):
            self.disconnect(code, "too many breaches")

    def _send(self, frame: bytes) -> bool:
        """Send a frame; an empty one is what this encoding has no words for."""
        return not frame or self.connection.send(frame)

    def _send_reply(self, frame: bytes) -> None:
        # What cannot be said to a lost socket is asked for again by its client.
        if not self._send(frame) and self.connection.is_open:
            self.disconnect(CloseCode.SLOW_CONSUMER, "reading too slowly")

    def _leave(self, code: int) -> None:
        """Part with the session and with whoever holds the sockets."""
        self.phase = _CLOSED
        self._due_at = math.inf
        self._queue = None
        session = self.session
        # Who has taken the session over has parted with this socket before.
        if session is not None and session.socket is self:
            session.lose_socket(code)
        self._owner.forget(self, code)
