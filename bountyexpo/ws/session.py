"""A session: one signed-in socket, from its first frame to its last.

    NEW ── hello ──► GREETING ── welcome ──► OPEN ── close, refusal, expiry ──► CLOSED

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

from bountyexpo.errors import BountyExpoError, InvalidRequest, RateLimited, TokenExpired, TooLarge
from bountyexpo.observability.logs import get_logger
from bountyexpo.operations.invalid import sentence
from bountyexpo.ws import inbound, protocol
from bountyexpo.ws.close_codes import CloseCode
from bountyexpo.ws.limits import FRAME_COSTS
from bountyexpo.ws.receiver import Receiver, SocketGone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.identity import Identity
    from bountyexpo.ws.connection import Connection
    from bountyexpo.ws.gateway import SessionGateway
    from bountyexpo.ws.handshake import UpgradeRequest

log = get_logger(__name__)


class Phase(IntEnum):
    """Where a session is in its life."""

    NEW = 0
    GREETING = 1
    OPEN = 2
    CLOSED = 3


class Session(Receiver):
    """One socket of one user; implements ``SocketHandler`` and ``Listener``.

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
        "identity",
        "is_echoed",
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
        self.bearer = upgrade.bearer
        self.is_echoed = False
        self._due_at = now + gateway.timings.hello_s
        self._expires_at = math.inf
        # The frame rate as one number: when the allowance will be full again (GCRA).
        self._full_at = now
        self._inbox: deque[tuple[protocol.Envelope, dict[str, Any]]] | None = None
        self._is_working = False
        self._strikes: dict[int, list[float]] | None = None
        self._topics: set[str] | None = None

    # -- what the transport calls

    def on_message(self, payload: bytes, *, is_text: bool) -> None:  # noqa: ARG002 - codec knows
        """Decode a frame; answer a ping, queue anything else."""
        if self.phase is Phase.CLOSED:
            return
        try:
            frame = self.codec.decode(payload)
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
            self.send_now(protocol.pong(self.gateway.now(), frame.get("t")))
        elif envelope.type != "pong":
            self._enqueue(envelope, frame)

    def on_closed(self, code: int) -> None:  # noqa: ARG002 - every end is the same to a session
        """Leave; nothing can be sent any more."""
        self._leave()

    def on_tick(self, now: float) -> None:
        """Enforce the time of the hello and of the token."""
        self._drop_old_floors(now)
        if now < self._due_at or self.phase is Phase.GREETING:
            return
        timings = self.gateway.timings
        if self.phase is Phase.NEW:
            self.disconnect(CloseCode.IDLE, "no hello")
        elif self._due_at < self._expires_at:
            self._due_at = self._expires_at + timings.expiry_grace_s
            if self.identity is not None:
                expires_at = datetime.fromtimestamp(self.identity.expires_at, UTC)
                self.send_now(protocol.auth_expiring(self.gateway.now(), expires_at))
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
        left_s = identity.expires_at - self.gateway.services.clock.now().timestamp()
        self._expires_at = trio.current_time() + left_s
        # The notice must come before the end, even for a token with little left.
        self._due_at = self._expires_at - max(0.001, self.gateway.timings.expiry_notice_s)

    def open(self) -> None:
        """End the greeting."""
        self.check_open()
        self.phase = Phase.OPEN

    def check_open(self) -> None:
        """Stop what is under way for a socket that closed meanwhile.

        Raises:
            SocketGone: it did.
        """
        if self.phase is Phase.CLOSED:
            raise SocketGone

    def add_topic(self, topic: str) -> bool:
        """Subscribe; False when the session has too many topics."""
        self.check_open()
        if self._topics is None:
            self._topics = set()
        if topic not in self._topics:
            if len(self._topics) >= self.gateway.limits.subscriptions_max:
                return False
            self._topics.add(topic)
            self.gateway.hub.subscribe(self, topic)
        return True

    def remove_topic(self, topic: str) -> None:
        """Unsubscribe; harmless when not subscribed."""
        if self._topics is not None and topic in self._topics:
            self._topics.discard(topic)
            self.gateway.hub.unsubscribe(self, topic)

    def reply(self, envelope: protocol.Envelope, fields: Mapping[str, Any]) -> None:
        """Send the ``ack`` that the frame asked for by its ``id``."""
        if envelope.id is None:
            return
        frame = self.codec.frame(protocol.ack(self.gateway.now(), envelope.id, fields))
        if len(frame) > self.gateway.limits.reply_bytes_max:
            self.refuse(TooLarge("The reply is larger than a frame may be."), envelope.id)
            return
        self._send_reply(frame)

    def say(self, message: dict[str, Any]) -> None:
        """Send a frame that the client cannot do without."""
        self._send_reply(self.codec.frame(message))

    def refuse(self, cause: BountyExpoError, re: str | None = None) -> None:
        """Send an ``error``; the socket stays."""
        self.say(protocol.error(self.gateway.now(), cause, re))

    def fail(self, cause: BountyExpoError, re: str | None = None) -> None:
        """Send an ``error`` and close with the code that belongs to it."""
        self.send_now(protocol.error(self.gateway.now(), cause, re))
        self.disconnect(cause.close_code, type(cause).code)

    def reject_malformed(self, message: str, re: str | None = None) -> None:
        """Refuse a frame that is not of the protocol; too many of them end the socket."""
        self.refuse(InvalidRequest(message, code="BAD_FRAME"), re)
        self._strike(CloseCode.PROTOCOL_VIOLATION)

    def disconnect(self, code: int, reason: str) -> None:
        """Leave the hub at once and close the socket."""
        if self.phase is Phase.CLOSED:
            return
        if code == CloseCode.REVOKED:
            self.send_now(protocol.session_revoked(self.gateway.now(), reason))
        self._leave()
        self.connection.close(code, reason)

    async def work(self) -> None:
        """Work the inbox off, then end; the one task of a session."""
        is_finished = False
        try:
            while self._inbox and self.phase is not Phase.CLOSED:
                envelope, frame = self._inbox.popleft()
                await self._handle(envelope, frame)
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
            await inbound.handle(self, envelope, frame)
        except BountyExpoError as error:
            if self.phase is not Phase.CLOSED:
                self.refuse(error, envelope.id)
        except msgspec.ValidationError as error:
            self.reject_malformed(sentence(error), envelope.id)
        except SocketGone:
            self.disconnect(CloseCode.SLOW_CONSUMER, "reading too slowly")
        except Exception:
            log.exception("frame failed", sid=self.sid, frame=envelope.type)
            self.disconnect(CloseCode.SERVER_ERROR, "internal error")

    def _enqueue(self, envelope: protocol.Envelope, frame: dict[str, Any]) -> None:
        if self._inbox is None:
            self._inbox = deque()
        if len(self._inbox) >= self.gateway.limits.inbox_frames_max:
            overload = RateLimited("Too many frames are waiting.", code="OVERLOADED")
            self.refuse(overload, envelope.id)
            return
        self._inbox.append((envelope, frame))
        if not self._is_working:
            self._is_working = self.gateway.start_work(self)

    def _take_allowance(self, envelope: protocol.Envelope) -> bool:
        limits = self.gateway.limits
        if not limits.enabled:
            return True
        now = trio.current_time()
        cost = FRAME_COSTS.get(envelope.type, 1)
        full_at = max(now, self._full_at) + cost / limits.frames_per_s
        # A hair of tolerance: sixty times one twentieth is not quite three.
        if full_at - now > limits.frames_burst / limits.frames_per_s + 1e-6:
            self.refuse(RateLimited(retry_after_s=1), envelope.id)
            self._strike(CloseCode.RATE_LIMITED)
            return False
        self._full_at = full_at
        return True

    def _strike(self, code: int) -> None:
        """Count a breach; as many as the limits say within the window close with ``code``."""
        limits = self.gateway.limits
        now = trio.current_time()
        if self._strikes is None:
            self._strikes = {}
        recent = [at for at in self._strikes.get(code, ()) if now - at < limits.strikes_window_s]
        self._strikes[code] = [*recent, now]
        if len(recent) + 1 >= limits.strikes_max:
            self.disconnect(code, "too many breaches")

    def _send_reply(self, frame: bytes) -> None:
        if not self.connection.send(frame) and self.phase is not Phase.CLOSED:
            self.disconnect(CloseCode.SLOW_CONSUMER, "reading too slowly")

    def _leave(self) -> None:
        """Take leave of the hub and the gateway; harmless when repeated."""
        self.phase = Phase.CLOSED
        self._due_at = math.inf
        self._wake()
        topics, self._topics = self._topics or (), None
        if self.user_id:
            self.gateway.hub.unregister(self, topics)
        self.gateway.forget(self)
