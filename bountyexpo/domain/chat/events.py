"""What participants of a conversation hear (contract realtime §4.6)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from bountyexpo.domain.chat.system_messages import SystemNote
from bountyexpo.domain.events import Coalesce, Event, Stream, event

CONVERSATION, USER = Stream.CONVERSATION, Stream.USER

# What old readers know of a message, and what they gained (contract realtime §2.5).
_OLD_MESSAGE = (
    *("conversationId", "messageId", "senderId", "text", "timestamp", "status"),
    *("seq", "createdAt", "mediaUrl", "replyTo", "clientMsgId", "kind"),
)
_OLD_MARKER = ("conversationId", "messageId", "senderId", "timestamp", "status")
_OLD_TYPING = ("conversationId", "senderId", "timestamp")


@event(
    "message.new",
    CONVERSATION,
    origin=("senderId", "clientMsgId"),
    legacy_fields=_OLD_MESSAGE,
)
class MessageNew(Event, frozen=True, kw_only=True):
    """A message; changed since, it is told as it is now, with ``editedAt`` or as a tombstone."""

    conversation_id: str
    message_id: str
    client_msg_id: str | None
    sender_id: str
    text: str | None
    kind: Literal["text", "media", "encrypted", "system"]
    media_url: str | None
    reply_to: str | None
    is_encrypted: bool
    created_at: datetime
    status: Literal["sent"] = "sent"
    system: SystemNote | UnsetType = UNSET
    edited_at: datetime | UnsetType = UNSET
    deleted_at: datetime | UnsetType = UNSET


@event("message.edited", CONVERSATION)
class MessageEdited(Event, frozen=True, kw_only=True):
    """The text of a message was replaced by its author."""

    conversation_id: str
    message_id: str
    sender_id: str
    text: str | None
    is_encrypted: bool
    edited_at: datetime


@event("message.deleted", CONVERSATION)
class MessageDeleted(Event, frozen=True, kw_only=True):
    """A message gave way to a tombstone."""

    conversation_id: str
    message_id: str
    sender_id: str
    deleted_by: str
    deleted_at: datetime


@event("message.pinned", CONVERSATION)
class MessagePinned(Event, frozen=True, kw_only=True):
    """A message became the one pin of the conversation, or lost the pin."""

    conversation_id: str
    message_id: str
    user_id: str
    is_pinned: bool
    previous_message_id: str | None


@event("message.reaction", CONVERSATION)
class MessageReaction(Event, frozen=True, kw_only=True):
    """Somebody reacted or took it back; ``count`` share this emoji now."""

    conversation_id: str
    message_id: str
    user_id: str
    emoji: str
    action: Literal["added", "removed"]
    count: int


class Marker(Event, frozen=True, kw_only=True):
    """A marker moved: everything up to ``upToSeq``; the larger one counts."""

    conversation_id: str
    message_id: str
    # The messages that it went over, for old clients; nobody else is told.
    message_ids: list[str]
    up_to_seq: int
    sender_id: str
    user_id: str


@event(
    "message.delivered",
    CONVERSATION,
    is_durable=False,
    coalesce=Coalesce("message.delivered", ("senderId", "conversationId")),
    snapshot="receipts",
    legacy_fields=_OLD_MARKER,
    legacy_each="messageIds",
)
class MessageDelivered(Marker, frozen=True, kw_only=True):
    """Messages up to ``upToSeq`` have reached a participant."""

    status: Literal["delivered"] = "delivered"


@event(
    "message.read",
    CONVERSATION,
    is_durable=False,
    coalesce=Coalesce("message.read", ("senderId", "conversationId")),
    snapshot="receipts",
    legacy_fields=_OLD_MARKER,
    legacy_each="messageIds",
)
class MessageRead(Marker, frozen=True, kw_only=True):
    """A participant has read everything up to ``upToSeq``."""

    status: Literal["read"] = "read"


_TYPING = Coalesce("typing", ("senderId", "conversationId"))


@event("typing.start", CONVERSATION, is_durable=False, coalesce=_TYPING, legacy_fields=_OLD_TYPING)
class TypingStart(Event, frozen=True, kw_only=True):
    """Somebody types; told at most every 2 s, and over after ``expiresInMs`` of silence."""

    conversation_id: str
    sender_id: str
    expires_in_ms: int


@event("typing.stop", CONVERSATION, is_durable=False, coalesce=_TYPING, legacy_fields=_OLD_TYPING)
class TypingStop(Event, frozen=True, kw_only=True):
    """Somebody types no longer, or the last of their sockets that did has gone."""

    conversation_id: str
    sender_id: str


@event("conversation.updated", CONVERSATION)
class ConversationUpdated(Event, frozen=True, kw_only=True):
    """A group has another name or picture, or a member another role."""

    conversation_id: str
    name: str | UnsetType | None = UNSET
    avatar: str | UnsetType | None = UNSET
    user_id: str
    role: str | UnsetType = UNSET
    changed_by: str | UnsetType = UNSET


@event("participant.joined", CONVERSATION)
class ParticipantJoined(Event, frozen=True, kw_only=True):
    """Somebody was taken into a group."""

    conversation_id: str
    user_id: str
    added_by: str


@event("participant.left", CONVERSATION)
class ParticipantLeft(Event, frozen=True, kw_only=True):
    """Somebody has left a group, or was taken out."""

    conversation_id: str
    user_id: str
    removed_by: str


class Person(msgspec.Struct, frozen=True):
    """A participant, as others see them."""

    id: str
    handle: str
    role: Literal["owner", "admin", "member"]


class ConversationBrief(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A conversation as it is when somebody comes in."""

    id: str
    kind: str
    is_group: bool
    bounty_id: str | None
    name: str | None
    avatar: str | None
    participant_ids: list[str]
    participants: list[Person]
    created_by: str | None
    created_at: datetime


@event("conversation.added", USER)
class ConversationAdded(Event, frozen=True, kw_only=True):
    """The user takes part in a conversation from now on; the whole of it."""

    conversation_id: str
    conversation: ConversationBrief


@event("conversation.removed", USER)
class ConversationRemoved(Event, frozen=True, kw_only=True):
    """The conversation is no longer in the user's list."""

    conversation_id: str
    reason: Literal["left", "removed", "hidden"]


@event("conversation.updated", USER)
class ConversationMuted(Event, frozen=True, kw_only=True):
    """The user has muted the conversation on one of their devices, or has ended that."""

    conversation_id: str
    muted: bool
    muted_until: datetime | None


@event("unread", USER, is_durable=False, coalesce=Coalesce("unread"))
class Unread(Event, frozen=True, kw_only=True):
    """What is not read, at most once a second; by conversation, but only of up to 100."""

    notifications: int
    messages: int
    by_conversation: dict[str, int] | UnsetType = UNSET
