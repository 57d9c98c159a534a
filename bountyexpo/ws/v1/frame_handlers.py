"""What each frame of a client does (contract realtime §4.2-§4.5).

One handler per frame type of the protocol; every other type is looked up in the catalogue of
operations. A handler raises what the client is told: ``BountyExpoError`` for a refusal,
``msgspec.ValidationError`` for a frame that does not fit.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bountyexpo.errors import (
    InvalidRequest,
    NotAllowed,
    NotFound,
)
from bountyexpo.operations.call import Call, RawReply
from bountyexpo.operations.dispatch import dispatch
from bountyexpo.realtime.presence import offline
from bountyexpo.ws.v1 import hello, protocol, subscriptions
from bountyexpo.ws.v1.replay import recover, tell_receipts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bountyexpo.operations.catalogue import Operation
    from bountyexpo.ws.session.session import Session
    from bountyexpo.ws.v1.protocol import Envelope

    Handler = Callable[[Session, Envelope, dict[str, Any]], Awaitable[None]]

# What a socket may begin with.
FIRST_FRAMES: Final = frozenset({"hello", "authenticate"})


async def handle(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    """Carry out one frame; the first one must be ``hello``."""
    if session.identity is None:
        if envelope.type not in FIRST_FRAMES:
            session.reject_malformed("The first frame must be hello.", envelope.id)
            return
        await hello.greet(session, envelope, frame)
        return
    handler = HANDLERS.get(envelope.type)
    if handler is not None:
        await handler(session, envelope, frame)
        return
    operation = _operation_of(session, envelope.type)
    await _call_by_frame(session, envelope, frame, operation)


def _operation_of(session: Session, frame_type: str) -> Operation:
    operation = session.context.catalogue.by_frame(frame_type)
    if operation is None:
        raise InvalidRequest("This frame type is not known.", code="UNKNOWN_TYPE")
    return operation


async def _sync(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    request = msgspec.convert(frame, protocol.Sync)
    _take_subscription(session)
    session.hold(request.streams.keys())
    await recover(session, request.streams, envelope.id)


async def _refresh(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    request = msgspec.convert(frame, protocol.AuthRefresh)
    identity = await hello.identify(session, request.token)
    if identity.user_id != session.user_id:
        raise NotAllowed("The token belongs to somebody else.")
    session.check_open()
    session.sign_in(identity)
    session.reply(envelope, {"expiresAt": datetime.fromtimestamp(identity.expires_at, UTC)})


async def _subscribe(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    request = msgspec.convert(frame, protocol.Topics)
    _take_subscription(session)
    accepted, rejected = await subscriptions.subscribe_all(session, request.topics)
    heads = await subscriptions.read_heads(session, accepted)
    fields = {"accepted": accepted, "rejected": rejected, "heads": protocol.heads(heads)}
    session.reply(envelope, fields)
    await tell_receipts(session, session.context.reader, accepted)


async def _unsubscribe(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    request = msgspec.convert(frame, protocol.Topics)
    for topic in request.topics:
        session.remove_topic(topic)
    session.reply(envelope, {"accepted": request.topics, "rejected": [], "heads": {}})


def _take_subscription(session: Session) -> None:
    session.context.admission.take_subscription(session.user_id, session.connection.peer)


async def _send_message(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    """Take the form of the old documents; it has no id, so a repetition is a new message."""
    request = msgspec.convert(frame, protocol.LegacySend)
    operation = _operation_of(session, "message.send")
    fields = {
        "conversationId": request.conversation_id or request.conversationId,
        "text": request.message or request.text,
        "clientMsgId": session.context.new_id(),
    }
    await _call_by_frame(session, envelope, fields, operation)


async def _type(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    """Let it be known that somebody types, and keep in mind where, for the end of the socket."""
    operation = _operation_of(session, "typing")
    await _call_by_frame(session, envelope, frame, operation)
    named = operation.canonical(frame)
    is_typing = bool(named.get("isTyping"))
    session.context.typing.note(session, named["conversationId"], is_typing=is_typing)


async def _presence_set(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    request = msgspec.convert(frame, protocol.PresenceSet)
    session.check_open()
    session.context.presence.set_state(session, request.state)
    session.reply(envelope, {"state": request.state})


async def _presence_subscribe(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    request = msgspec.convert(frame, protocol.Users)
    _take_subscription(session)
    context = session.context
    user_ids = list(dict.fromkeys(request.user_ids))
    known = await context.reader.acquainted(session.user_id, user_ids)
    session.check_open()
    # A stranger looks like somebody who is never there.
    seen = [each for each in user_ids if each in known or each == session.user_id]
    context.presence.watch(session, seen)
    views = {view["userId"]: view for view in await context.presence.views(seen)}
    snapshot = [views.get(each) or offline(each) for each in user_ids]
    session.reply(envelope, {"snapshot": snapshot})


async def _presence_unsubscribe(
    session: Session, envelope: Envelope, frame: dict[str, Any]
) -> None:
    request = msgspec.convert(frame, protocol.Users)
    session.context.presence.unwatch(session, request.user_ids)
    session.reply(envelope, {})


async def _join(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    conversation_id = await _conversation_of(session, frame)
    stream = f"conv:{conversation_id}"
    was_muted = session.unmute(stream)
    session.reply(envelope, {"conversationId": conversation_id})
    if was_muted:
        # Receipts went by meanwhile.
        await tell_receipts(session, session.context.reader, [stream])


async def _leave(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    conversation_id = await _conversation_of(session, frame)
    if not session.mute(f"conv:{conversation_id}"):
        raise InvalidRequest("Too many conversations are muted.", code="TOO_MANY_SUBSCRIPTIONS")
    session.reply(envelope, {"conversationId": conversation_id})


async def _conversation_of(session: Session, frame: dict[str, Any]) -> str:
    conversation_id = msgspec.convert(frame, protocol.ConversationRef).conversation_id
    if not await session.context.reader.may_read(session.user_id, f"conv:{conversation_id}"):
        raise NotAllowed(
            "You are not part of this conversation.",
            code="NOT_PARTICIPANT",
            conversationId=conversation_id,
        )
    return conversation_id


async def _call(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    request = msgspec.convert(frame, protocol.CallFrame)
    operation = session.context.catalogue.get(request.op)
    if operation is None:
        raise NotFound("There is no such operation.", code="UNKNOWN_OPERATION")
    reply = await _invoke(session, envelope, operation, request.args)
    session.reply(envelope, {"result": msgspec.to_builtins(reply)})


async def _call_by_frame(
    session: Session, envelope: Envelope, frame: dict[str, Any], operation: Operation
) -> None:
    arguments = {name: value for name, value in frame.items() if name not in protocol.ENVELOPE}
    client_id = arguments.get("clientMsgId")
    hub = session.context.hub
    is_origin = isinstance(client_id, str) and not session.is_echoed
    if is_origin:
        hub.expect_origin(session, str(client_id))
    try:
        reply = await _invoke(session, envelope, operation, arguments)
    finally:
        if is_origin:
            hub.forget_origin(session, str(client_id))
    fields = msgspec.to_builtins(reply)
    session.reply(envelope, fields if isinstance(fields, dict) else {"result": fields})


async def _invoke(
    session: Session, envelope: Envelope, operation: Operation, arguments: dict[str, Any]
) -> Any:
    call = Call(
        session.context.services,
        request_id=f"{session.sid}:{envelope.id or envelope.type}",
        transport="socket",
        identity=session.identity,
        peer=session.connection.peer,
    )
    call.idempotency_key = envelope.idempotency_key
    reply = await dispatch(operation, call, arguments)
    if isinstance(reply, RawReply):
        raise InvalidRequest("This operation is served over HTTP only.", code="HTTP_ONLY")
    return reply


async def _repeated_hello(session: Session, envelope: Envelope, _frame: dict[str, Any]) -> None:
    session.reject_malformed("This socket has said hello before.", envelope.id)


HANDLERS: Final[Mapping[str, Handler]] = {
    "hello": _repeated_hello,
    "auth.refresh": _refresh,
    "authenticate": _refresh,
    "sync": _sync,
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "join": _join,
    "leave": _leave,
    "call": _call,
    "send_message": _send_message,
    "typing": _type,
    "presence.set": _presence_set,
    "presence.subscribe": _presence_subscribe,
    "presence.unsubscribe": _presence_unsubscribe,
}
