"""What each frame of a client does (contract realtime §4.2-§4.5).

One handler per frame type of the protocol; every other type is looked up in the catalogue of
operations. A handler raises what the client is told: ``BountyExpoError`` for a refusal,
``msgspec.ValidationError`` for a frame that does not fit.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
import trio

from bountyexpo.errors import (
    BountyExpoError,
    InvalidRequest,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    TokenExpired,
    Unavailable,
)
from bountyexpo.operations.call import Call, RawReply
from bountyexpo.operations.dispatch import dispatch
from bountyexpo.ws import protocol, topics
from bountyexpo.ws.recovery import Recovery

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from bountyexpo.domain.identity import Identity
    from bountyexpo.operations.catalogue import Operation
    from bountyexpo.ws.protocol import Envelope, Position
    from bountyexpo.ws.session import Session

    Handler = Callable[[Session, Envelope, dict[str, Any]], Awaitable[None]]

# Accounts in these states may not open a session.
CLOSED_ACCOUNTS: Final = frozenset({"suspended", "banned", "deleted"})


class VersionUnsupported(InvalidRequest):
    """Please update the app."""

    code = "VERSION_UNSUPPORTED"
    close_code = 4426


async def handle(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    """Carry out one frame; the first one must be ``hello``."""
    if session.identity is None:
        if envelope.type != "hello":
            session.reject_malformed("The first frame must be hello.", envelope.id)
            return
        await _greet(session, envelope, frame)
        return
    handler = HANDLERS.get(envelope.type)
    if handler is not None:
        await handler(session, envelope, frame)
        return
    operation = session.gateway.catalogue.by_frame(envelope.type)
    if operation is None:
        raise InvalidRequest("This frame type is not known.", code="UNKNOWN_TYPE")
    await _call_by_frame(session, envelope, frame, operation)


async def _greet(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    """Sign the socket in; any refusal ends it."""
    request = msgspec.convert(frame, protocol.Hello)
    session.begin_greeting()
    try:
        if request.v != protocol.VERSION:
            raise VersionUnsupported
        with trio.fail_after(session.gateway.timings.greeting_s):
            conversation_ids = await _welcome(session, request)
        if request.streams:
            await _recover(session, request.streams, conversation_ids, envelope.id)
        else:
            await session.release({})
    except BountyExpoError as error:
        session.fail(error, envelope.id)
    except trio.TooSlowError:
        session.fail(Unavailable(), envelope.id)


async def _welcome(session: Session, request: protocol.Hello) -> list[str]:
    """Make the session live and greet it; returns the user's conversations."""
    gateway = session.gateway
    identity = await _identify(session, session.bearer or request.token)
    if await gateway.reader.account_status(identity.user_id) in CLOSED_ACCOUNTS:
        raise NotAllowed("This account is suspended.", code="ACCOUNT_SUSPENDED")
    session.check_open()
    session.sid = gateway.new_id()
    session.is_echoed = request.echo
    session.sign_in(identity)
    # Live events wait until the welcome is out; nothing that commits from here on is missed.
    session.hold(None)
    oldest = gateway.hub.register(session, sockets_max=gateway.limits.sockets_per_user)
    if oldest is not None:
        oldest.disconnect(4409, "replaced")
    conversation_ids = await gateway.reader.conversation_ids(identity.user_id)
    accepted, _rejected = await topics.subscribe_all(session, request.subscribe)
    heads = await _heads(session, accepted, conversation_ids)
    unread = await gateway.reader.unread_messages(identity.user_id)
    session.open()
    if request.resume is not None:
        session.say(protocol.invalid_session(gateway.now()))
    session.say(_welcome_frame(session, conversation_ids, heads, unread))
    return conversation_ids


async def _heads(
    session: Session, accepted: list[str], conversation_ids: list[str]
) -> dict[str, Any]:
    """Read the heads of the own stream, the subscribed topics and the newest conversations."""
    gateway = session.gateway
    own = f"user:{session.user_id}"
    followed = [own, *(topic for topic in accepted if topic.startswith("bounty:"))]
    streams = [*followed, *(f"conv:{each}" for each in conversation_ids)]
    heads = await gateway.reader.heads(streams[: gateway.limits.heads_listed_max])
    gateway.hub.observe(followed, heads)
    return protocol.heads(heads)


def _welcome_frame(
    session: Session, conversation_ids: list[str], heads: dict[str, Any], unread_messages: int
) -> dict[str, Any]:
    gateway = session.gateway
    limits, timings = gateway.limits, gateway.timings
    now = gateway.now()
    return {
        "type": "welcome",
        "v": protocol.VERSION,
        "sid": session.sid,
        "userId": session.user_id,
        "serverTime": now,
        "heartbeatMs": round(timings.heartbeat_s * 1000),
        "idleTimeoutMs": round(timings.idle_timeout_s * 1000),
        "resumeTtlMs": 0,
        "maxFrameBytes": limits.frame_bytes_max,
        "limits": {
            "framesPerSecond": limits.frames_per_s,
            "framesBurst": limits.frames_burst,
            "subscriptions": limits.subscriptions_max,
            "replayEventsPerStream": limits.replay_stream_events_max,
            "replayEvents": limits.replay_events_max,
        },
        "resumed": False,
        "conversationIds": conversation_ids[: limits.conversations_listed_max],
        "more": len(conversation_ids) > limits.conversations_listed_max,
        "heads": heads,
        "unread": {"notifications": 0, "messages": unread_messages},
        "timestamp": now,
    }


async def _identify(session: Session, token: str | None) -> Identity:
    """Return whose token it is; every way of not being signed in looks the same."""
    if token is None:
        raise NotAuthenticated
    services = session.gateway.services
    try:
        identity = await services.verifier.verify(token)
    except TokenExpired:
        raise TokenExpired from None
    except NotAuthenticated as error:
        raise NotAuthenticated(error.message) from None
    if identity.expires_at <= services.clock.now().timestamp():
        raise TokenExpired
    return identity


async def _recover(
    session: Session,
    positions: Mapping[str, Position],
    conversation_ids: Collection[str],
    re: str | None,
) -> None:
    """Replay what was missed; live events were held before and go on behind it."""
    recovery = Recovery(session, session.gateway.reader)
    try:
        await recovery.run(positions, conversation_ids)
        await session.send_patiently(
            session.codec.frame(protocol.synced(session.gateway.now(), recovery.limited, re))
        )
    except BountyExpoError as error:
        # What was replayed until now counts; the client may sync again.
        session.refuse(error, re)
    await session.release(recovery.floors)


async def _sync(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    request = msgspec.convert(frame, protocol.Sync)
    session.hold(request.streams.keys())
    await _recover(session, request.streams, (), envelope.id)


async def _refresh(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    request = msgspec.convert(frame, protocol.AuthRefresh)
    identity = await _identify(session, request.token)
    if identity.user_id != session.user_id:
        raise NotAllowed("The token belongs to somebody else.")
    session.check_open()
    session.sign_in(identity)
    session.reply(envelope, {"expiresAt": datetime.fromtimestamp(identity.expires_at, UTC)})


async def _subscribe(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    request = msgspec.convert(frame, protocol.Topics)
    accepted, rejected = await topics.subscribe_all(session, request.topics)
    heads = await topics.read_heads(session, accepted)
    fields = {"accepted": accepted, "rejected": rejected, "heads": protocol.heads(heads)}
    session.reply(envelope, fields)


async def _unsubscribe(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    request = msgspec.convert(frame, protocol.Topics)
    for topic in request.topics:
        session.remove_topic(topic)
    session.reply(envelope, {"accepted": request.topics, "rejected": [], "heads": {}})


async def _join(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    conversation_id = await _conversation_of(session, frame)
    session.unmute(f"conv:{conversation_id}")
    session.reply(envelope, {"conversationId": conversation_id})


async def _leave(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    conversation_id = await _conversation_of(session, frame)
    session.mute(f"conv:{conversation_id}")
    session.reply(envelope, {"conversationId": conversation_id})


async def _conversation_of(session: Session, frame: dict[str, Any]) -> str:
    conversation_id = msgspec.convert(frame, protocol.ConversationRef).conversation_id
    if not await session.gateway.reader.may_read(session.user_id, f"conv:{conversation_id}"):
        raise NotAllowed(
            "You are not part of this conversation.",
            code="NOT_PARTICIPANT",
            conversationId=conversation_id,
        )
    return conversation_id


async def _call(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    request = msgspec.convert(frame, protocol.CallFrame)
    operation = session.gateway.catalogue.get(request.op)
    if operation is None:
        raise NotFound("There is no such operation.", code="UNKNOWN_OPERATION")
    reply = await _invoke(session, envelope, operation, request.args)
    session.reply(envelope, {"result": msgspec.to_builtins(reply)})


async def _call_by_frame(
    session: Session, envelope: Envelope, frame: dict[str, Any], operation: Operation
) -> None:
    arguments = {name: value for name, value in frame.items() if name not in protocol.ENVELOPE}
    client_id = arguments.get("clientMsgId")
    hub = session.gateway.hub
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
        session.gateway.services,
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
}
