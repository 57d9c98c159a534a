"""Pages of a conversation's messages (contract realtime §3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from bountyexpo.domain.chat.conversation import check_member
from bountyexpo.domain.field_types import Id, Seq, clamped
from bountyexpo.domain.ids import is_id
from bountyexpo.errors import InvalidRequest
from bountyexpo.operations.catalogue import READ, operation
from bountyexpo.operations.chat.conversation_routes import HOME, old_routes
from bountyexpo.operations.chat.message_views import MessageView, message_view
from bountyexpo.operations.require import parse_id, require
from bountyexpo.persistence.chat import conversation_lists, conversations, message_changes, messages

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.chat.conversations import Conversation
    from bountyexpo.persistence.chat.messages import StoredMessage
    from bountyexpo.persistence.pool import Pool


# Messages of one page.
PAGE_MAX = 100


class ReadMessages(msgspec.Struct, kw_only=True):
    """A page: the last ones, those before a seq or message, or those after a seq.

    A ``limit`` out of 1 to 100 is taken for the nearest of them.
    """

    conversationId: Id
    limit: Annotated[int, clamped(1, PAGE_MAX)] = 50
    page: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1
    before: Seq | Id | None = None
    after: Seq | None = None


class MessagePagination(msgspec.Struct, kw_only=True):
    """The place of a numbered page."""

    page: int
    limit: int
    total: int
    hasMore: bool


class MessagePage(msgspec.Struct, kw_only=True):
    """Messages in ascending order of seq, and where the conversation's log ends."""

    messages: list[MessageView]
    headSeq: int
    epoch: str
    hasMore: bool
    nextCursor: str | None
    # Only where pages are counted, without ``before`` and ``after``.
    pagination: MessagePagination | None = None


@operation(
    "message.list",
    http=f"GET {HOME}/{{conversationId}}/messages",
    rate=READ,
    aliases=old_routes("GET", "/{conversationId}/messages"),
)
async def list_messages(call: Call, request: ReadMessages) -> MessagePage:
    """Read a page of a conversation that the caller takes part in.

    A deleted message stays in its place, without content and with ``deletedAt``.
    """
    db, conversation_id = call.services.db, parse_id(request.conversationId, "conversation")
    request.limit = max(1, min(PAGE_MAX, request.limit))
    conversation = require(await conversations.get(db, conversation_id), "conversation")
    check_member(call.user_id, conversation.participants, conversation_id)
    rows = await _rows(db, request, conversation_id)
    has_more, shown = len(rows) > request.limit, rows[: request.limit]
    if request.after is None:
        shown.reverse()
    edge = None
    if has_more:
        edge = shown[-1].seq if request.after is not None else shown[0].seq
    return MessagePage(
        messages=await _views(call, conversation, shown),
        headSeq=conversation.last_seq,
        epoch=conversation.epoch,
        hasMore=has_more,
        nextCursor=str(edge) if edge is not None else None,
        pagination=await _pagination(db, conversation_id, request, has_more=has_more),
    )


async def _rows(db: Pool, request: ReadMessages, conversation_id: str) -> list[StoredMessage]:
    """Read one more than asked for: it tells whether there are more."""
    limit = request.limit + 1
    if request.after is not None:
        return await messages.after(db, conversation_id, seq=request.after, limit=limit)
    before = await _seq_before(db, conversation_id, request.before)
    skipped = (request.page - 1) * request.limit if before is None else 0
    return await messages.newest(db, conversation_id, limit=limit, before=before, skipped=skipped)


async def _seq_before(db: Pool, conversation_id: str, before: int | str | None) -> int | None:
    if before is None or isinstance(before, int):
        return before
    if before.isascii() and before.isdigit() and len(before) < 19:
        return int(before)
    if not is_id(before):
        raise InvalidRequest(
            "before must be a number or a message.",
            issues=[{"path": "before", "message": "must be a seq or a message id"}],
        )
    row = require(await message_changes.get(db, conversation_id, before), "message")
    seq: int = row["seq"]
    return seq


async def _views(
    call: Call, conversation: Conversation, rows: list[StoredMessage]
) -> list[MessageView]:
    found = await conversation_lists.markers(call.services.db, call.user_id, [conversation.id])
    markers = found.get(conversation.id, [])
    return [
        message_view(
            row, viewer_id=call.user_id, markers=markers, pinned_id=conversation.pinned_message_id
        )
        for row in rows
    ]


async def _pagination(
    db: Pool, conversation_id: str, request: ReadMessages, *, has_more: bool
) -> MessagePagination | None:
    if request.before is not None or request.after is not None:
        return None
    total = await messages.count(db, conversation_id)
    return MessagePagination(page=request.page, limit=request.limit, total=total, hasMore=has_more)
