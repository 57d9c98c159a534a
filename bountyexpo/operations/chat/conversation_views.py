"""The shape of a conversation on the wire, as one participant sees it (realtime §1.1, §3.5)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from bountyexpo.domain.field_types import Moment
from bountyexpo.operations.require import require
from bountyexpo.persistence.chat import conversation_lists

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.chat.conversation_lists import LastMessage, Listed, Person

# What a group is called that has no name of its own, and who has none.
GROUP_NAME = "Group Chat"
UNKNOWN_NAME = "Unknown"

# A mute without an end.
FOR_GOOD = datetime(9999, 12, 31, tzinfo=UTC)


class ParticipantView(msgspec.Struct, kw_only=True):
    """Somebody in a conversation."""

    id: str
    handle: str
    displayName: str | None
    avatar: str | None
    role: str


class LastMessageView(msgspec.Struct, kw_only=True):
    """The newest message of a conversation."""

    id: str
    seq: int
    kind: str
    text: str | None
    senderId: str
    createdAt: Moment


class ConversationView(msgspec.Struct, kw_only=True):
    """A conversation, under the names of all its clients."""

    id: str
    kind: str
    isGroup: bool
    is_group: bool
    bountyId: str | None
    bounty_id: str | None
    name: str
    avatar: str | None
    participantIds: list[str]
    participants: list[ParticipantView]
    createdBy: str | None
    created_by: str | None
    createdAt: Moment
    created_at: Moment
    updatedAt: Moment
    updated_at: Moment
    seq: int
    epoch: str
    lastReadSeq: int
    peerReadSeq: int
    unread: int
    unreadCount: int
    muted: bool
    mutedUntil: Moment | None
    pinnedMessageId: str | None
    lastMessage: LastMessageView | None
    # Told by the reply that opened it: whether it was there before.
    existing: bool | None = None


async def seen_by(call: Call, conversation_id: str) -> ConversationView:
    """Return the conversation as the caller sees it."""
    row = await conversation_lists.one(call.services.db, call.user_id, conversation_id)
    return conversation_view(require(row, "conversation"), call.user_id, call.services.clock.now())


def conversation_view(row: Listed, viewer_id: str, now: datetime) -> ConversationView:
    """Return the wire shape of a row of the viewer's list."""
    name, avatar = _face(row, viewer_id)
    is_muted = row.muted_until is not None and row.muted_until > now
    updated_at = row.last_message_at or row.created_at
    return ConversationView(
        id=row.id,
        kind=row.kind,
        isGroup=row.kind == "group",
        is_group=row.kind == "group",
        bountyId=row.bounty_id,
        bounty_id=row.bounty_id,
        name=name,
        avatar=avatar,
        participantIds=row.participants,
        participants=[_participant(each) for each in row.people],
        createdBy=row.created_by,
        created_by=row.created_by,
        createdAt=row.created_at,
        created_at=row.created_at,
        updatedAt=updated_at,
        updated_at=updated_at,
        seq=row.last_seq,
        epoch=row.epoch,
        lastReadSeq=row.last_read_seq,
        peerReadSeq=row.peer_read_seq,
        unread=row.unread,
        unreadCount=row.unread,
        muted=is_muted,
        mutedUntil=row.muted_until if is_muted and row.muted_until != FOR_GOOD else None,
        pinnedMessageId=row.pinned_message_id,
        lastMessage=_last_message(row.last_message) if row.last_message else None,
    )


def _participant(person: Person) -> ParticipantView:
    return ParticipantView(
        id=person.id,
        handle=person.handle,
        displayName=person.display_name,
        avatar=person.avatar,
        role=person.role,
    )


def _last_message(message: LastMessage) -> LastMessageView:
    return LastMessageView(
        id=message.id,
        seq=message.seq,
        kind=message.kind,
        text=message.text,
        senderId=message.sender_id,
        createdAt=message.created_at,
    )


def _face(row: Listed, viewer_id: str) -> tuple[str, str | None]:
    """Return name and picture: the group's own, else those of the other person."""
    if row.kind == "group":
        return row.name or GROUP_NAME, row.avatar_url
    peer = next((each for each in row.people if each.id != viewer_id), None)
    if peer is None:
        return UNKNOWN_NAME, None
    return peer.handle or peer.display_name or UNKNOWN_NAME, peer.avatar
