"""What passes by in a conversation: receipts and typing (contract realtime §3.5, §4.5).

A receipt is a marker that only grows, so it may come late, twice or out of order. Over the socket
it is acked when it was taken, and stored within a second; over HTTP the reply means it is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from bountyexpo.actors.chat.conversation_messages import Receive, Type
from bountyexpo.domain.field_types import WHOLE_MAX, Id, Seq
from bountyexpo.errors import InvalidRequest
from bountyexpo.operations.catalogue import Limit, RateClass, operation
from bountyexpo.operations.chat.conversation_routes import HOME, old_routes
from bountyexpo.operations.chat.conversation_views import seen_by
from bountyexpo.operations.require import parse_id

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call

# Over a socket, where the rate of frames bounds them, receipts wait and become one, and a repeated
# start of typing is passed over; a request is work of its own (realtime §4.8).
RECEIPTS = RateClass("receipts", per_user=Limit(10, 1, burst=30), is_merged=True)
TYPING = RateClass("typing", per_user=Limit(10, 1, burst=30), is_merged=True)

# Beyond every number that a conversation can reach.
SEQ_MAX = WHOLE_MAX

Ids = Annotated[list[Id], msgspec.Meta(max_length=500)]
SPELLINGS = {
    "conversation_id": "conversationId",
    "up_to_seq": "upToSeq",
    "message_ids": "messageIds",
}


class Receipt(msgspec.Struct, kw_only=True):
    """How far the caller has got: up to a number, or up to the highest of some messages."""

    conversationId: Id
    upToSeq: Seq | None = None
    messageIds: Ids | None = None


class StatusReport(msgspec.Struct, kw_only=True):
    """The older form of a receipt."""

    conversationId: Id
    messageIds: Ids
    status: Literal["delivered", "read"]


class TypingReport(msgspec.Struct, kw_only=True):
    """Whether the caller types in a conversation."""

    conversationId: Id
    isTyping: bool = False


class Received(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The receipt was taken; over HTTP with the caller's present marker and unread count."""

    conversationId: str
    success: Literal[True] = True
    lastReadSeq: int | None = None
    unread: int | None = None


class Updated(msgspec.Struct, kw_only=True):
    """How many messages were not in this state before."""

    updatedCount: int
    success: bool = True


class Passed(msgspec.Struct, kw_only=True):
    """It was taken."""

    success: bool = True


@operation(
    "receipt.read",
    http=f"POST {HOME}/{{conversationId}}/read",
    rate=RECEIPTS,
    frame="receipt.read",
    aliases=old_routes("POST", "/{conversationId}/read"),
    aliased_fields=SPELLINGS,
)
async def mark_read(call: Call, request: Receipt) -> Received:
    """Tell how far the caller has read; without a number, everything until now."""
    return await _receive(call, request, is_read=True)


@operation(
    "receipt.delivered",
    rate=RECEIPTS,
    frame="receipt.delivered",
    aliased_fields=SPELLINGS,
)
async def mark_delivered(call: Call, request: Receipt) -> Received:
    """Tell how far the caller's device has received."""
    return await _receive(call, request, is_read=False)


@operation(
    "message.status",
    http=f"POST {HOME}/{{conversationId}}/messages/status",
    rate=RECEIPTS,
    aliases=old_routes("POST", "/{conversationId}/messages/status"),
    aliased_fields={"conversation_id": "conversationId", "message_ids": "messageIds"},
)
async def report_status(call: Call, request: StatusReport) -> Updated:
    """Mark messages of others delivered or read; own and foreign ones are passed over."""
    if not request.messageIds:
        raise InvalidRequest(
            "messageIds is required.", issues=[{"path": "messageIds", "message": "is required"}]
        )
    conversation_id = parse_id(request.conversationId, "conversation")
    marked = await call.services.actors.conversation(conversation_id).ask(
        Receive(
            user_id=call.user_id,
            is_read=request.status == "read",
            message_ids=tuple(parse_id(each, "message") for each in request.messageIds),
            is_durable=True,
        )
    )
    return Updated(updatedCount=marked.updated)


@operation(
    "conversation.typing",
    http=f"POST {HOME}/{{conversationId}}/typing",
    rate=TYPING,
    frame="typing",
    aliases=old_routes("POST", "/{conversationId}/typing"),
    aliased_fields={"conversation_id": "conversationId", "is_typing": "isTyping"},
)
async def report_typing(call: Call, request: TypingReport) -> Passed:
    """Let the others see that the caller types; told at most every 2 s, ends after 5 s."""
    conversation_id = parse_id(request.conversationId, "conversation")
    await call.services.actors.conversation(conversation_id).ask(
        Type(user_id=call.user_id, is_typing=request.isTyping)
    )
    return Passed()


async def _receive(call: Call, request: Receipt, *, is_read: bool) -> Received:
    conversation_id = parse_id(request.conversationId, "conversation")
    up_to_seq, ids = request.upToSeq, request.messageIds
    is_rest = call.transport == "rest"
    if up_to_seq is None and ids is None:
        if not is_rest:
            raise InvalidRequest(
                "upToSeq or messageIds is required.",
                issues=[{"path": "upToSeq", "message": "is required"}],
            )
        up_to_seq = SEQ_MAX
    await call.services.actors.conversation(conversation_id).ask(
        Receive(
            user_id=call.user_id,
            is_read=is_read,
            up_to_seq=up_to_seq or 0,
            message_ids=tuple(parse_id(each, "message") for each in ids or ()),
            is_durable=is_rest,
        )
    )
    received = Received(conversationId=conversation_id)
    if is_rest:
        view = await seen_by(call, conversation_id)
        received.lastReadSeq, received.unread = view.lastReadSeq, view.unread
    return received
