"""What one may say to a conversation, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import msgspec

from bountyexpo.persistence.chat.messages import CommittedMessage
from bountyexpo.runtime import Continuation, Message, Reply


class ConversationKind:
    """Marks what may be said to the owner of a conversation."""


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """Where the change stands in the stream; one that changed nothing gives the head."""

    seq: int
    epoch: str
    is_new: bool = True
    at: datetime | None = None


class Marked(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the named messages the marker went over."""

    updated: int = 0


class SendMessage(
    Message[ConversationKind, CommittedMessage],
    frozen=True,
    kw_only=True,
    tag="conversation.send_message",
):
    """Put a message into the conversation; the reply means that it is durable."""

    sender_id: str
    client_message_id: str | None
    kind: str = "text"
    text: str | None = None
    media_url: str | None = None
    reply_to: str | None = None
    is_encrypted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resend(Continuation[ConversationKind]):
    """Try a message again that met an old set of participants.

    ``version`` names the set that it met, ``tries`` counts how often it was sent.
    """

    message: SendMessage
    reply: Reply
    version: int
    tries: int


class EditMessage(
    Message[ConversationKind, Changed], frozen=True, kw_only=True, tag="conversation.edit_message"
):
    """Replace the text of one's own message while the edit window lasts."""

    user_id: str
    message_id: str
    text: str


class DeleteMessage(
    Message[ConversationKind, Changed], frozen=True, kw_only=True, tag="conversation.delete_message"
):
    """Leave a tombstone; for the author and for moderators."""

    user_id: str
    message_id: str
    is_admin: bool = False


class PinMessage(
    Message[ConversationKind, Changed], frozen=True, kw_only=True, tag="conversation.pin_message"
):
    """Make a message the one pin of the conversation, or take the pin off it."""

    user_id: str
    message_id: str
    is_pinned: bool


class React(
    Message[ConversationKind, Changed], frozen=True, kw_only=True, tag="conversation.react"
):
    """Add one's reaction to a message, or take it back."""

    user_id: str
    message_id: str
    emoji: str
    is_added: bool


class Receive(
    Message[ConversationKind, Marked], frozen=True, kw_only=True, tag="conversation.receive"
):
    """Move one's own marker forward: to a seq, or to the highest of some messages."""

    user_id: str
    is_read: bool
    up_to_seq: int = 0
    message_ids: tuple[str, ...] = ()
    # Whether the reply waits until the marker is stored.
    is_durable: bool = False


class FlushReceipts(
    Message[ConversationKind, None], frozen=True, kw_only=True, tag="conversation.flush_receipts"
):
    """Store the markers that wait; the conversation tells itself."""


class Type(Message[ConversationKind, None], frozen=True, kw_only=True, tag="conversation.type"):
    """Say that one is typing, or no longer."""

    user_id: str
    is_typing: bool


class EndTyping(
    Message[ConversationKind, None], frozen=True, kw_only=True, tag="conversation.end_typing"
):
    """Somebody may have stopped typing without a word; the conversation tells itself."""

    user_id: str


class Rename(
    Message[ConversationKind, Changed], frozen=True, kw_only=True, tag="conversation.rename"
):
    """Change name or picture of a group; an empty picture takes it away."""

    user_id: str
    name: str | None
    avatar_url: str | None


class AddParticipants(
    Message[ConversationKind, Changed],
    frozen=True,
    kw_only=True,
    tag="conversation.add_participants",
):
    """Let people join a group."""

    user_id: str
    added: tuple[str, ...]


class RemoveParticipant(
    Message[ConversationKind, Changed],
    frozen=True,
    kw_only=True,
    tag="conversation.remove_participant",
):
    """Take somebody out of a group, oneself included."""

    user_id: str
    removed_id: str


class SetRole(
    Message[ConversationKind, Changed], frozen=True, kw_only=True, tag="conversation.set_role"
):
    """Make a member an admin of a group or take that back; a new owner replaces the old one."""

    user_id: str
    member_id: str
    role: str


class Hide(Message[ConversationKind, None], frozen=True, kw_only=True, tag="conversation.hide"):
    """Take the conversation out of one's own list until the next message."""

    user_id: str


class Mute(Message[ConversationKind, None], frozen=True, kw_only=True, tag="conversation.mute"):
    """Keep its notices away until then; None ends it."""

    user_id: str
    until: datetime | None


class Reload(Message[ConversationKind, None], frozen=True, kw_only=True, tag="conversation.reload"):
    """Somebody else changed who may do what here: read it anew."""


ConversationMessage: TypeAlias = (
    SendMessage
    | EditMessage
    | DeleteMessage
    | PinMessage
    | React
    | Receive
    | FlushReceipts
    | Type
    | EndTyping
    | Rename
    | AddParticipants
    | RemoveParticipant
    | SetRole
    | Hide
    | Mute
    | Reload
)
