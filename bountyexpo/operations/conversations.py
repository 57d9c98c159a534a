"""Conversations and their messages (contract realtime §3.5, §4.5)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from bountyexpo.actors.user import OpenConversation
from bountyexpo.errors import InvalidRequest, NotAllowed
from bountyexpo.operations.catalogue import READ, USER, WRITE, operation
from bountyexpo.operations.found import checked_id, present
from bountyexpo.operations.message_views import MessageView, message_view
from bountyexpo.operations.parts import parts
from bountyexpo.persistence import conversations, messages

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.conversations import Conversation, Listed


class ListConversations(msgspec.Struct, kw_only=True):
    """How many of the caller's conversations to list."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 200


class NewConversation(msgspec.Struct, kw_only=True):
    """With whom to talk; the caller takes part without being named."""

    participantIds: Annotated[list[str], msgspec.Meta(min_length=1, max_length=2)]


class ReadMessages(msgspec.Struct, kw_only=True):
    """A page of a conversation: the last ones, those before a seq, or those after a seq."""

    conversationId: str
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 50
    page: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1
    before: Annotated[int, msgspec.Meta(ge=1)] | None = None
    after: Annotated[int, msgspec.Meta(ge=0)] | None = None


class ConversationView(msgspec.Struct, kw_only=True):
    """A conversation, under the names of all its clients."""

    id: str
    kind: str
    isGroup: bool
    bountyId: str | None
    name: str | None
    participantIds: list[str]
    createdBy: str | None
    createdAt: datetime
    updatedAt: datetime
    seq: int
    epoch: str
    lastReadSeq: int = 0
    unread: int = 0
    unreadCount: int = 0
    lastMessage: dict[str, Any] | None = None


class ConversationList(msgspec.Struct, kw_only=True):
    """The caller's conversations, the most recently active first."""

    conversations: list[ConversationView]


class OpenedView(msgspec.Struct, kw_only=True):
    """A conversation that was found or made."""

    id: str
    conversation: ConversationView


class MessagePage(msgspec.Struct, kw_only=True):
    """Messages in ascending order of seq, and where the conversation's log ends."""

    messages: list[MessageView]
    headSeq: int
    epoch: str
    hasMore: bool
    nextCursor: str | None


@operation("conversation.list", http="GET /api/conversations", access=USER, rate=READ)
async def list_conversations(call: Call, request: ListConversations) -> ConversationList:
    """List the caller's conversations with their unread counts."""
    rows = await conversations.of_user(parts(call).db, call.user_id, request.limit)
    return ConversationList(conversations=[_listed_view(row) for row in rows])


@operation(
    "conversation.open",
    http="POST /api/conversations",
    access=USER,
    rate=WRITE,
    status=201,
    aliased_fields={"participant_ids": "participantIds"},
)
async def open_conversation(call: Call, request: NewConversation) -> OpenedView:
    """Open the direct conversation with one other user, or find it (200)."""
    others = {checked_id(user_id, "user") for user_id in request.participantIds}
    others.discard(call.user_id)
    if len(others) != 1:
        raise InvalidRequest(
            "Name exactly one other user.",
            issues=[{"path": "participantIds", "message": "must name one other user"}],
        )
    opened = await (
        parts(call).actors.user(call.user_id).ask(OpenConversation(other_id=others.pop()))
    )
    if not opened.created:
        call.reply_status = 200
    view = _conversation_view(opened.conversation)
    return OpenedView(id=view.id, conversation=view)


@operation(
    "message.list",
    http="GET /api/conversations/{conversationId}/messages",
    access=USER,
    rate=READ,
    aliases=("GET /conversations/{conversationId}/messages",),
)
async def list_messages(call: Call, request: ReadMessages) -> MessagePage:
    """Read a page of a conversation that the caller takes part in."""
    db, conversation_id = parts(call).db, checked_id(request.conversationId, "conversation")
    conversation = present(await conversations.get(db, conversation_id), "conversation")
    if call.user_id not in conversation.participants:
        raise NotAllowed("You are not part of this conversation.", code="NOT_PARTICIPANT")
    limit = request.limit
    if request.after is not None:
        rows = await messages.after(db, conversation_id, seq=request.after, limit=limit + 1)
        has_more, shown = len(rows) > limit, rows[:limit]
    else:
        before = request.before
        if request.page > 1:
            before = max(1, conversation.last_seq + 1 - (request.page - 1) * limit)
        rows = await messages.newest(db, conversation_id, limit=limit + 1, before=before)
        has_more, shown = len(rows) > limit, rows[:limit][::-1]
    edge = None
    if has_more:
        edge = shown[-1].seq if request.after is not None else shown[0].seq
    return MessagePage(
        messages=[message_view(row) for row in shown],
        headSeq=conversation.last_seq,
        epoch=conversation.epoch,
        hasMore=has_more,
        nextCursor=str(edge) if edge is not None else None,
    )


def _conversation_view(row: Conversation) -> ConversationView:
    return ConversationView(
        id=row.id,
        kind=row.kind,
        isGroup=row.kind == "group",
        bountyId=row.bounty_id,
        name=row.name,
        participantIds=row.participants,
        createdBy=row.created_by,
        createdAt=row.created_at,
        updatedAt=row.last_message_at or row.updated_at,
        seq=row.last_seq,
        epoch=row.epoch,
    )


def _listed_view(row: Listed) -> ConversationView:
    view = _conversation_view(row)
    view.lastReadSeq = row.last_read_seq
    view.unread = view.unreadCount = row.unread
    view.lastMessage = row.last_message
    return view
