"""What each frame of a client does (contract realtime §4.2-§4.5).

One handler per frame type of the protocol, here or in a feature; every other type is looked up in
the catalogue of operations. A handler raises what the client is told: ``BountyExpoError`` for a
refusal, ``msgspec.ValidationError`` for a frame that does not fit.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bountyexpo.domain.values import check_values
from bountyexpo.errors import AccountClosed, InvalidRequest, NotAllowed, SessionRevoked
from bountyexpo.ws.v1 import protocol, subscriptions
from bountyexpo.ws.v1.calls import call, call_by_frame, operation_of
from bountyexpo.ws.v1.credentials import identify
from bountyexpo.ws.v1.hello import say_hello
from bountyexpo.ws.v1.replay import recover, tell_receipts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sized

    from bountyexpo.ws.session.feature import FrameHandler
    from bountyexpo.ws.session.session import Session
    from bountyexpo.ws.session.socket import ClientSocket
    from bountyexpo.ws.v1.protocol import Envelope

# What a socket may begin with.
FIRST_FRAMES: Final = frozenset({"hello", "authenticate"})


# Frames with arguments of an operation, which are looked at where that is carried out.
CALLS: Final = frozenset({"call", "send_message", "typing"})


class FrameHandlers:
    """Carries out frames: those of the protocol, of features, and of the catalogue."""

    def __init__(self, of_features: Mapping[str, FrameHandler[Session]]) -> None:
        twice = HANDLERS.keys() & of_features.keys()
        assert not twice, f"a feature has frames of the protocol: {sorted(twice)}"
        self._handlers = {**HANDLERS, **of_features}

    async def handle(self, socket: ClientSocket, envelope: Envelope, frame: dict[str, Any]) -> None:
        """Carry out one frame of somebody who may still act; the first one must be ``hello``."""
        session = socket.session
        handler = self._handlers.get(envelope.type)
        if session is None or (handler is not None and envelope.type not in CALLS):
            try:
                check_values(frame)
            except InvalidRequest as error:
                socket.reject_malformed(error.message, envelope.id)
                return
        if session is None:
            if envelope.type in FIRST_FRAMES:
                await say_hello(socket, envelope, frame)
            else:
                socket.reject_malformed("The first frame must be hello.", envelope.id)
        elif envelope.type == "hello":
            socket.reject_malformed("This socket has said hello before.", envelope.id)
        else:
            try:
                session.caller = await session.context.authority.admit(session.identity)
            except (AccountClosed, SessionRevoked) as refusal:
                socket.fail(refusal, envelope.id)
                return
            await self._carry_out(session, envelope, frame)

    async def _carry_out(self, session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
        handler = self._handlers.get(envelope.type)
        if handler is not None:
            await handler(session, envelope, frame)
        else:
            operation = operation_of(session.context, envelope.type)
            await call_by_frame(session, envelope, frame, operation)


def take_subscription(session: Session, names: Sized = ()) -> None:
    """Count a frame that reads the database on its own, by how much it names.

    Raises:
        RateLimited: too many.
    """
    admission = session.context.admission
    admission.take_subscription(session.user_id, session.peer, names=len(names))


async def _sync(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    request = msgspec.convert(frame, protocol.Sync)
    take_subscription(session, request.streams)
    session.delivery.buffer(request.streams.keys())
    await recover(session, request.streams, envelope.id)


async def _refresh(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    request = msgspec.convert(frame, protocol.AuthRefresh)
    identity = await identify(session.context, request.token)
    if identity.user_id != session.user_id:
        raise NotAllowed("The token belongs to somebody else.")
    session.check_attached()
    session.sign_in(identity)
    session.reply(envelope, {"expiresAt": datetime.fromtimestamp(identity.expires_at, UTC)})


async def _subscribe(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    request = msgspec.convert(frame, protocol.Topics)
    take_subscription(session, request.topics)
    accepted, rejected = await subscriptions.subscribe_all(session, request.topics)
    heads = await subscriptions.read_heads(session, accepted)
    fields = {"accepted": accepted, "rejected": rejected, "heads": protocol.heads(heads)}
    session.reply(envelope, fields)
    await tell_receipts(session, accepted)


async def _unsubscribe(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    request = msgspec.convert(frame, protocol.Topics)
    for topic in request.topics:
        session.remove_topic(subscriptions.followed_as(session, topic) or topic)
    session.reply(envelope, {"accepted": request.topics, "rejected": [], "heads": {}})


async def _send_message(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    """Take the form of the old documents; it has no id, so a repetition is a new message."""
    request = msgspec.convert(frame, protocol.LegacySend)
    operation = operation_of(session.context, "message.send")
    fields = {
        "conversationId": request.conversation_id or request.conversationId,
        "text": request.message or request.text,
        "clientMsgId": session.context.new_id(),
    }
    await call_by_frame(session, envelope, fields, operation)


async def _join(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    conversation_id = await _conversation_of(session, frame)
    stream = f"conv:{conversation_id}"
    was_muted = session.delivery.unmute(stream)
    session.reply(envelope, {"conversationId": conversation_id})
    if was_muted:
        # Receipts went by meanwhile.
        await tell_receipts(session, [stream])


async def _leave(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    conversation_id = await _conversation_of(session, frame)
    if not session.delivery.mute(f"conv:{conversation_id}"):
        raise InvalidRequest("Too many conversations are muted.", code="TOO_MANY_SUBSCRIPTIONS")
    session.reply(envelope, {"conversationId": conversation_id})


async def _conversation_of(session: Session, frame: dict[str, Any]) -> str:
    conversation_id = msgspec.convert(frame, protocol.ConversationRef).conversation_id
    stream = f"conv:{conversation_id}"
    if stream not in await session.context.reader.readable(session.user_id, [stream]):
        raise NotAllowed(
            "You are not part of this conversation.",
            code="NOT_PARTICIPANT",
            conversationId=conversation_id,
        )
    session.check_attached()
    return conversation_id


HANDLERS: Final[Mapping[str, FrameHandler[Session]]] = {
    "auth.refresh": _refresh,
    "authenticate": _refresh,
    "sync": _sync,
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "join": _join,
    "leave": _leave,
    "call": call,
    "send_message": _send_message,
}
