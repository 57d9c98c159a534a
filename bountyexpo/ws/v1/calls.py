"""Calls of operations over a socket: by their own frames, or by ``call``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.errors import InvalidRequest, NotFound
from bountyexpo.operations.call import Call, RawReply
from bountyexpo.operations.dispatch import check_idempotency_key, dispatch
from bountyexpo.ws.v1 import protocol

if TYPE_CHECKING:
    from bountyexpo.operations.catalogue import Operation
    from bountyexpo.ws.session.session import Context, Session
    from bountyexpo.ws.v1.protocol import Envelope


def operation_of(context: Context, frame_type: str) -> Operation:
    """Return the operation that has this frame.

    Raises:
        InvalidRequest: there is none.
    """
    operation = context.catalogue.by_frame(frame_type)
    if operation is None:
        raise InvalidRequest("This frame type is not known.", code="UNKNOWN_TYPE")
    return operation


async def call(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    """Carry out any operation by its name."""
    request = msgspec.convert(frame, protocol.CallFrame)
    operation = session.context.catalogue.get(request.op)
    if operation is None:
        raise NotFound("There is no such operation.", code="UNKNOWN_OPERATION")
    asked = _call(session, envelope)
    reply = await _invoke(asked, operation, request.args)
    session.reply(envelope, {"result": msgspec.to_builtins(reply)} | _duplicate(asked))


async def call_by_frame(
    session: Session, envelope: Envelope, frame: dict[str, Any], operation: Operation
) -> None:
    """Carry out an operation by its own frame; its ack is the caller's copy of a message."""
    arguments = {name: value for name, value in frame.items() if name not in protocol.ENVELOPE}
    client_id = arguments.get("clientMsgId")
    hub = session.context.hub
    is_origin = isinstance(client_id, str) and not session.is_echoed
    if is_origin:
        hub.expect_origin(session, str(client_id))
    asked = _call(session, envelope)
    try:
        reply = await _invoke(asked, operation, arguments)
    finally:
        if is_origin:
            hub.forget_origin(session, str(client_id))
    fields = msgspec.to_builtins(reply)
    answer = fields if isinstance(fields, dict) else {"result": fields}
    session.reply(envelope, answer | _duplicate(asked))


def _call(session: Session, envelope: Envelope) -> Call:
    call = Call(
        session.context.services,
        request_id=f"{session.sid}:{envelope.id or envelope.type}",
        transport="socket",
        identity=session.caller,
        peer=session.peer,
    )
    call.idempotency_key = check_idempotency_key(envelope.idempotency_key)
    return call


def _duplicate(call: Call) -> dict[str, Any]:
    """Return what an answer has beside the reply when it is that of an earlier call."""
    return {"duplicate": True} if call.is_replayed else {}


async def _invoke(call: Call, operation: Operation, arguments: dict[str, Any]) -> Any:
    reply = await dispatch(operation, call, arguments)
    if isinstance(reply, RawReply):
        raise InvalidRequest("This operation is served over HTTP only.", code="HTTP_ONLY")
    return reply
