"""Changes of a message: each one event of the conversation's stream, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

from bountyexpo.actors.chat.conversation_messages import Changed, EditMessage, PinMessage, React
from bountyexpo.domain.chat import conversation as rules
from bountyexpo.domain.chat.events import (
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessageReaction,
)
from bountyexpo.errors import InvalidRequest, NotFound
from bountyexpo.persistence.chat import conversations, message_changes, participants
from bountyexpo.persistence.users import users

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.actors.chat.conversation_messages import DeleteMessage
    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.persistence.chat.conversations import Conversation
    from bountyexpo.persistence.transaction import Transaction


MessageChange: TypeAlias = EditMessage | PinMessage | React


async def change(
    ports: ActorDependencies, conversation: Conversation, message: MessageChange, now: datetime
) -> Changed:
    """Carry out what a participant wants changed about a message."""
    match message:
        case EditMessage():
            return await edit(ports, conversation, message, now)
        case PinMessage():
            return await pin(ports, conversation, message)
        case React():
            return await react(ports, conversation, message)
        case _:
            assert_never(message)


async def edit(
    ports: ActorDependencies, conversation: Conversation, message: EditMessage, now: datetime
) -> Changed:
    """Replace the text of a message."""
    async with ports.db.transaction() as tx:
        head = await conversations.lock(tx, conversation)
        found = await _message(tx, conversation, message.message_id)
        rules.check_edit(
            message.user_id,
            found,
            age=now - found["created_at"],
            window_s=ports.policy.message_edit_window_s,
        )
        text = rules.message_text(
            message.text, is_encrypted=found["is_encrypted"], has_media=bool(found["media_url"])
        )
        if text == found["body"]:
            return _unchanged(head, conversation, found["edited_at"])
        at = await message_changes.edit(tx, conversation.id, message.message_id, text)
        event = MessageEdited(
            conversation_id=conversation.id,
            message_id=message.message_id,
            sender_id=message.user_id,
            text=text,
            is_encrypted=found["is_encrypted"],
            edited_at=at,
        )
        tx.event(event, of=conversation.id, users=conversation.participants)
    return committed(tx, at)


async def delete(
    ports: ActorDependencies, conversation: Conversation, message: DeleteMessage
) -> Changed:
    """Leave a tombstone in the place of a message."""
    async with ports.db.transaction() as tx:
        head = await conversations.lock(tx, conversation)
        found = await _message(tx, conversation, message.message_id)
        is_author = found["sender_id"] == message.user_id
        if is_author:
            rules.check_member(message.user_id, conversation.participants, conversation.id)
        rules.check_delete(
            message.user_id,
            found,
            is_moderator=not is_author and await _is_moderator(tx, conversation, message),
        )
        if found["deleted_at"] is not None:
            return _unchanged(head, conversation, found["deleted_at"])
        at = await message_changes.delete(tx, conversation.id, message.message_id)
        event = MessageDeleted(
            conversation_id=conversation.id,
            message_id=message.message_id,
            sender_id=found["sender_id"],
            deleted_by=message.user_id,
            deleted_at=at,
        )
        tx.event(event, of=conversation.id, users=conversation.participants)
        if not is_author:
            tx.audit(
                category="moderation",
                action="delete_message",
                actor_id=message.user_id,
                target=("message", message.message_id),
            )
    # What nobody can read any more is not unread.
    ports.unread([each for each in conversation.participants if each != found["sender_id"]])
    return committed(tx, at)


async def pin(ports: ActorDependencies, conversation: Conversation, message: PinMessage) -> Changed:
    """Pin a message in the place of the one before, or unpin it."""
    async with ports.db.transaction() as tx:
        head = await conversations.lock(tx, conversation)
        found = await _present(tx, conversation, message.message_id)
        pinned = head["pinned_message_id"]
        if (pinned == found["id"]) == message.is_pinned:
            return _unchanged(head, conversation)
        await message_changes.pin(tx, conversation.id, found["id"] if message.is_pinned else None)
        event = MessagePinned(
            conversation_id=conversation.id,
            message_id=found["id"],
            user_id=message.user_id,
            is_pinned=message.is_pinned,
            previous_message_id=pinned if message.is_pinned else None,
        )
        tx.event(event, of=conversation.id, users=conversation.participants)
    return committed(tx)


async def react(ports: ActorDependencies, conversation: Conversation, message: React) -> Changed:
    """Add or take back a reaction; the event tells how many share the emoji now."""
    emoji, user_id = message.emoji, message.user_id
    async with ports.db.transaction() as tx:
        head = await conversations.lock(tx, conversation)
        found = await _present(tx, conversation, message.message_id)
        if message.is_added:
            present = await message_changes.emoji_of(tx, found["id"])
            if emoji not in present and len(present) >= rules.EMOJI_PER_MESSAGE_MAX:
                raise InvalidRequest(
                    f"A message has at most {rules.EMOJI_PER_MESSAGE_MAX} different reactions.",
                    code="TOO_MANY_REACTIONS",
                )
            is_new = await message_changes.react(tx, conversation.id, found["id"], user_id, emoji)
        else:
            is_new = await message_changes.unreact(tx, found["id"], user_id, emoji)
        if not is_new:
            return _unchanged(head, conversation)
        counts = await message_changes.emoji_of(tx, found["id"])
        event = MessageReaction(
            conversation_id=conversation.id,
            message_id=found["id"],
            user_id=user_id,
            emoji=emoji,
            action="added" if message.is_added else "removed",
            count=counts.get(emoji, 0),
        )
        tx.event(event, of=conversation.id, users=conversation.participants)
    return committed(tx)


def committed(tx: Transaction, at: datetime | None = None) -> Changed:
    """Return the place of the conversation's event in a transaction that ended well."""
    event = next(each for each in tx.committed_events if each.stream.startswith("conv:"))
    return Changed(seq=event.seq, epoch=event.epoch, at=at)


def _unchanged(
    head: dict[str, Any], conversation: Conversation, at: datetime | None = None
) -> Changed:
    return Changed(seq=head["last_seq"], epoch=conversation.epoch, is_new=False, at=at)


async def _message(tx: Transaction, conversation: Conversation, message_id: str) -> dict[str, Any]:
    found = await message_changes.get(tx, conversation.id, message_id)
    if found is None:
        raise NotFound("This message does not exist.")
    return found


async def _present(tx: Transaction, conversation: Conversation, message_id: str) -> dict[str, Any]:
    found = await _message(tx, conversation, message_id)
    if found["deleted_at"] is not None:
        raise NotFound("This message was deleted.")
    return found


async def _is_moderator(
    tx: Transaction, conversation: Conversation, message: DeleteMessage
) -> bool:
    """Tell whether the user leads this group, or moderates the platform."""
    if message.is_admin:
        return True
    roles = await participants.roles(tx, conversation.id)
    role = roles.get(message.user_id)
    if conversation.kind == "group" and role is not None and role[0] in rules.LEADERS:
        return True
    user = await users.get(tx, message.user_id)
    if user is not None and user.role in rules.MODERATORS:
        return True
    rules.check_member(message.user_id, conversation.participants, conversation.id)
    return False
