"""The shape of a message on the wire, in camel case with the older names beside (realtime §1.3)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from bountyexpo.persistence.messages import StoredMessage


class MessageView(msgspec.Struct, kw_only=True):
    """A message as every participant sees it."""

    id: str
    conversationId: str
    conversation_id: str
    seq: int
    senderId: str
    sender_id: str
    clientMsgId: str | None
    text: str | None
    kind: str
    mediaUrl: str | None
    media_url: str | None
    replyTo: str | None
    reply_to: str | None
    isEncrypted: bool
    createdAt: datetime
    created_at: datetime
    status: str = "sent"


def message_view(row: StoredMessage) -> MessageView:
    """Return the wire shape of a stored message."""
    return MessageView(
        id=row.id,
        conversationId=row.conversation_id,
        conversation_id=row.conversation_id,
        seq=row.seq,
        senderId=row.sender_id,
        sender_id=row.sender_id,
        clientMsgId=row.client_message_id,
        text=row.body,
        kind=row.kind,
        mediaUrl=row.media_url,
        media_url=row.media_url,
        replyTo=row.reply_to,
        reply_to=row.reply_to,
        isEncrypted=row.is_encrypted,
        createdAt=row.created_at,
        created_at=row.created_at,
    )
