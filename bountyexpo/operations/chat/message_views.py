"""The shape of a message on the wire, in camel case with the older names beside (realtime §1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bountyexpo.domain.chat.conversation import status_of
from bountyexpo.domain.chat.system_messages import SystemNote, note_of
from bountyexpo.domain.field_types import Moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.persistence.chat.conversation_lists import Marker
    from bountyexpo.persistence.chat.messages import StoredMessage


class ReactionView(msgspec.Struct, kw_only=True):
    """One emoji on a message, and whose it is."""

    emoji: str
    count: int
    mine: bool
    userIds: list[str]


class MessageView(msgspec.Struct, kw_only=True):
    """A message as a participant sees it."""

    id: str
    conversationId: str
    conversation_id: str
    seq: int
    senderId: str
    sender_id: str
    senderHandle: str | None
    clientMsgId: str | None
    text: str | None
    kind: str
    system: SystemNote | None
    mediaUrl: str | None
    media_url: str | None
    replyTo: str | None
    reply_to: str | None
    isEncrypted: bool
    isPinned: bool
    is_pinned: bool
    createdAt: Moment
    created_at: Moment
    updatedAt: Moment
    editedAt: Moment | None
    deletedAt: Moment | None
    reactions: list[ReactionView]
    status: str


def message_view(
    row: StoredMessage, *, viewer_id: str, markers: Sequence[Marker], pinned_id: str | None
) -> MessageView:
    """Return the wire shape of a stored message; its status follows from the others' markers."""
    others = [(m.delivered_seq, m.read_seq) for m in markers if m.user_id != row.sender_id]
    is_pinned = row.id == pinned_id
    return MessageView(
        id=row.id,
        conversationId=row.conversation_id,
        conversation_id=row.conversation_id,
        seq=row.seq,
        senderId=row.sender_id,
        sender_id=row.sender_id,
        senderHandle=row.sender_handle,
        clientMsgId=row.client_message_id,
        text=row.body,
        kind=row.kind,
        system=note_of(row.kind, row.client_message_id),
        mediaUrl=row.media_url,
        media_url=row.media_url,
        replyTo=row.reply_to,
        reply_to=row.reply_to,
        isEncrypted=row.is_encrypted,
        isPinned=is_pinned,
        is_pinned=is_pinned,
        createdAt=row.created_at,
        created_at=row.created_at,
        updatedAt=row.deleted_at or row.edited_at or row.created_at,
        editedAt=row.edited_at,
        deletedAt=row.deleted_at,
        reactions=[
            ReactionView(
                emoji=each["emoji"],
                count=len(each["users"]),
                mine=viewer_id in each["users"],
                userIds=each["users"],
            )
            for each in row.reactions or ()
        ],
        status=status_of(row.seq, others),
    )
