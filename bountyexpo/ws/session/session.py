"""A session: one signed-in socket, from its first frame to its last.

    NEW ── hello ──► GREETING ── welcome ──► OPEN ── close, refusal, expiry ──► CLOSED
                        ▲                     │ lost, if it may be resumed         ▲
                        └── another socket ── PARKED ── 120 s, overflow ───────────┘

A resumed session is the same object with another socket, so whoever delivers to it need not know.
An idle session is this object and nothing else: no task, no queue, no timer. ``ping`` is answered
where it arrives; any other frame goes to the inbox, and one task works the inbox off, strictly in
order, and ends when it is empty.
"""

from __future__ import annotations

import math
from collections import deque
from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from bountyexpo.close_codes import CloseCode, may_resume
from bountyexpo.errors import BountyExpoError, InvalidRequest, RateLimited, TokenExpired, TooLarge
from bountyexpo.observability import metrics
from bountyexpo.observability.logs import get_logger
from bountyexpo.operations.invalid import sentence
from bountyexpo.ws.session.delivery import Receiver, SocketGone
from bountyexpo.ws.v1 import frame_handlers, protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.identity import Identity
    from bountyexpo.ws.gateway import SessionGateway
    from bountyexpo.ws.transport.connection import Connection
    from bountyexpo.ws.transport.handshake import UpgradeRequest

log = get_logger(__name__)


class Phase(IntEnum):
    """Where a session is in its life."""

    NEW = 0
    GREETING = 1
    OPEN = 2
    PARKED = 3
    CLOSED = 4


class Session(Receiver):
    """One socket of one user; implements ``ConnectionHandler`` and ``Listener``.

    Owns:      its phase, identity, subscriptions, frame rate and inbox.
    When full: a frame beyond the inbox is refused with OVERLOADED; see also ``Receiver``.
    """

    __slots__ = (
        "_due_at",
        "_expires_at",
        "_full_at",
        "_inbox",
        "_is_working",
        "_strikes",
        "_topics",
        "bearer",
        "heir",
        "identity",
        "is_echoed",
        "is_welcomed",
        "phase",
        "sid",
    )

    def __init__(
        self, connection: Connection, gateway: SessionGateway, upgrade: UpgradeRequest
    ) -> None:
        super().__init__(connection, gateway)
        now = trio.current_time()
        self.phase = Phase.NEW
        self.sid = ""
        self.identity: Identity | None = None
        # Who the upgrade said it was: a token, or by a ticket the caller himself.
        self.bearer: str | Identity | None = gateway.credential_of(upgrade)
        # The session that took over this one's socket.
        self.heir: Session | None = None
        self.is_welcomed = False
        self.is_echoed = False
        self._due_at = now + self.context.timings.hello_s
        self._expires_at = math.inf
        # The frame rate as one number: when the allowance will be full again (GCRA).
        self._full_at = now
        self._inbox: deque[tuple[protocol.Envelope, dict[str, Any]]] | None = None
        self._is_working = False
        self._strikes: dict[int, list[float]] | None = None
        self._topics: set[str] | None = None

    @property
    def is_connected(self) -> bool:
        """True while the session has a socket, from its welcome on."""
        return self.phase is Phase.OPEN

    @property
    def session_id(self) -> str | None:
        """The sign-in at the auth server that the token came from."""
        return self.identity.session_id if self.identity is not None else None

    # -- what the transport calls

    def on_message(self, payload: bytes, *, is_text: bool) -> None:  # noqa: ARG002 - it knows
        """Decode a frame; answer a ping, queue anything else."""
        if self.phase > Phase.OPEN:
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
            self.send_now(protocol.pong(self.context.now(), frame.get("t")))
        elif envelope.type != "pong":
            self._enqueue(envelope, frame)

    def on_closed(self, code: int) -> None:
        """Leave, or wait for the client; nothing can be sent any more."""
        if self.phase < Phase.PARKED:
            self._end(code)

    def on_tick(self, now: float) -> float:
        """Enforce the time of the hello and of the token; return when there is more to do."""
        self._drop_old_floors(now)
        self._trim_ring(now)
        if now >= self._due_at and self.phase is not Phase.GREETING:
            self._on_due()
        is_untidy = self._floors is not None or self._ring is not None
        return now if is_untidy else self._due_at

    def _on_due(self) -> None:
        timings = self.context.timings
        if self.phase is Phase.NEW:
            self.disconnect(CloseCode.IDLE, "no hello")
        elif self._due_at < self._expires_at:
            self._due_at = self._expires_at + timings.expiry_grace_s
            if self.identity is not None:
                expires_at = datetime.fromtimestamp(self.identity.expires_at, UTC)
                self.send_now(protocol.auth_expiring(self.context.now(), expires_at))
        else:
            self.fail(TokenExpired())

    # -- for the handlers of frames

    def begin_greeting(self) -> None:
        """Stop the clock of the hello; from now on the greeting has its own deadline."""
        self.phase = Phase.GREETING
        self._due_at = math.inf

    def sign_in(self, identity: Identity) -> None:
        """Take on an identity, and its end."""
        self.identity = identity
        self.user_id = identity.user_id
        self.bearer = None
        left_s = identity.expires_at - self.context.now().timestamp()
        self._expires_at = trio.current_time() + left_s
        # The notice must come before the end, even for a token with little left.
        self._due_at = self._expires_at - max(0.001, self.context.timings.expiry_notice_s)
        self.connection.next_look = 0.0

    def open(self) -> None:
        """End the greeting; the client learns what the session is called."""
        self.check_open()
        self.phase = Phase.OPEN
        self.is_welcomed = True
        if self._last_n is not None:
            self.gateway.parking.add(self)
        self.context.presence.arrived(self)

    def check_open(self) -> None:
        """Stop what is under way for a socket that closed meanwhile.

        Raises:
            SocketGone: it did.
        """
        if self.phase > Phase.OPEN:
            raise SocketGone

    def is_resumable(self, n: int) -> bool:
        """Tell whether a client that has everything up to ``n`` can go on here."""
        return self.phase in (Phase.OPEN, Phase.PARKED) and not self._is_working and self.covers(n)

    def adopt(self, other: Session) -> None:
        """Take over the socket of ``other``, which asked for this session."""
        if self.phase is Phase.OPEN:
            # The network of a phone changes faster than its old socket is found dead.
            old = self.connection
            old.handler = None
            old.close(CloseCode.REPLACED, "resumed")
            self.gateway.detach(self, CloseCode.REPLACED)
        self.connection = other.connection
        self.connection.next_look = 0.0
        self.connection.handler = self
        self._inbox, other._inbox = other._inbox, None
        self._is_working = True
        self._full_at, self._latest = other._full_at, None
        other.phase, other.heir = Phase.CLOSED, self
        self.phase = Phase.GREETING
        self.gateway.hand_over(other, self)

    def take_missed(self) -> dict[str, int | None]:
        """Return the streams that lost events, with their first missing number, and forget them."""
        missed, self._missed = self._missed or {}, None
        return missed

    def give_up(self) -> None:
        """End a session that will not be resumed; one with a socket stays, but forgets."""
        if self.phase is Phase.PARKED:
            self._leave()
        else:
            self.gateway.parking.discard(self)
            self._forget_past()

    def add_topic(self, topic: str) -> bool:
        """Subscribe; False when the session has too many topics."""
        self.check_open()
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

    def reply(self, envelope: protocol.Envelope, fields: Mapping[str, Any]) -> None:
        """Send the ``ack`` that the frame asked for by its ``id``."""
        if envelope.id is None:
            return
        frame = self.serializer.frame(protocol.ack(self.context.now(), envelope.id, fields))
        if len(frame) > self.context.limits.reply_bytes_max:
            self.refuse(TooLarge("The reply is larger than a frame may be."), envelope.id)
            return
        self._send_reply(frame)

    def say(self, message: dict[str, Any]) -> None:
        """Send a frame that the client cannot do without."""
        self._send_reply(self.serializer.frame(message))

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
        """Leave at once and close the socket; the code says whether the client may resume."""
        if self.phase > Phase.OPEN:
            if self.phase is Phase.PARKED and not may_resume(code):
                self._leave()
            return
        if code == CloseCode.REVOKED:
            self.send_now(protocol.session_revoked(self.context.now(), reason))
        self._end(code)
        self.connection.close(code, reason)

    async def work(self) -> None:
        """Work the inbox off, then end; the one task of a session."""
        is_finished = False
        try:
            while self._inbox and self.phase < Phase.PARKED:
                envelope, frame = self._inbox.popleft()
                await self._handle(envelope, frame)
            if self.heir is not None:
                await self.heir.work()
            is_finished = True
        finally:
            self._is_working = False
            self._inbox = None
            if not is_finished:
                # Cancelled: whatever was under way for this socket is half done.
                self.disconnect(CloseCode.RESTART, "restart")

    # -- private parts

    async def _handle(self, envelope: protocol.Envelope, frame: dict[str, Any]) -> None:
        try:
            await frame_handlers.handle(self, envelope, frame)
        except BountyExpoError as error:
            self.refuse(error, envelope.id)
        except msgspec.ValidationError as error:
            self.reject_malformed(sentence(error), envelope.id)
        except SocketGone:
            target = self.heir or self
            # A socket that is closed already says so itself, with the code that counts.
            if target.connection.is_open and target.phase < Phase.PARKED:
                target.disconnect(CloseCode.SLOW_CONSUMER, "reading too slowly")
        except Exception:
            log.exception("frame failed", sid=self.sid, frame=envelope.type)
            (self.heir or self).disconnect(CloseCode.SERVER_ERROR, "internal error")

    def _enqueue(self, envelope: protocol.Envelope, frame: dict[str, Any]) -> None:
        if self._inbox is None:
            self._inbox = deque()
        if len(self._inbox) >= self.context.limits.inbox_frames_max:
            overload = RateLimited("Too many frames are waiting.", code="OVERLOADED")
            self.refuse(overload, envelope.id)
            return
        self._inbox.append((envelope, frame))
        if not self._is_working:
            self._is_working = self.gateway.start_work(self)

    def _take_allowance(self, envelope: protocol.Envelope) -> bool:
        limits = self.context.limits
        if not limits.enabled or self.context.admission.is_exempt(self.connection.peer):
            return True
        now = trio.current_time()
        full_at = max(now, self._full_at) + 1 / limits.frames_per_s
        # A hair of tolerance: sixty times one twentieth is not quite three.
        if full_at - now > limits.frames_burst / limits.frames_per_s + 1e-6:
            metrics.WS_RATE_LIMITED.labels("frame").inc()
            self.refuse(RateLimited(retry_after_s=1), envelope.id)
            self._strike(CloseCode.RATE_LIMITED)
            return False
        self._full_at = full_at
        return True

    def _strike(self, code: int) -> None:
        """Count a breach; as many as the limits say within the window close with ``code``."""
        limits = self.context.limits
        now = trio.current_time()
        if self._strikes is None:
            self._strikes = {}
        recent = [at for at in self._strikes.get(code, ()) if now - at < limits.strikes_window_s]
        self._strikes[code] = [*recent, now]
        if len(recent) + 1 >= limits.strikes_max:
            self.disconnect(code, "too many breaches")

    def _send_reply(self, frame: bytes) -> None:
        # What cannot be said to a lost socket is asked for again by its client.
        if not self.connection.send(frame) and self.connection.is_open:
            self.disconnect(CloseCode.SLOW_CONSUMER, "reading too slowly")

    def _end(self, code: int) -> None:
        """Part with the socket: wait for the client if it may come back, else leave."""
        if self.gateway.may_park(self, code) and (self._held is None or not self._is_replaying):
            self._park(code)
        else:
            self._leave(code)

    @property
    def _is_replaying(self) -> bool:
        # While a resumed session is greeted nothing is sent before what is held.
        return self.phase is Phase.OPEN

    def _park(self, code: int) -> None:
        self.phase = Phase.PARKED
        self._due_at = math.inf
        self.connection.handler = None
        self._inbox = self._latest = self._muted = None
        self._wake()
        held, self._held = self._held, None
        self.gateway.park(self, code)
        for frame in self._take_held(held) if held is not None else ():
            self._emit(frame)

    def _leave(self, code: int = CloseCode.ABNORMAL) -> None:
        """Take leave of the hub and the gateway; harmless when repeated."""
        self.phase = Phase.CLOSED
        self._due_at = math.inf
        self._wake()
        topics, self._topics = self._topics or (), None
        if self.user_id:
            self.context.hub.unregister(self, topics)
        self.gateway.forget(self, code)
        self._forget_past()
