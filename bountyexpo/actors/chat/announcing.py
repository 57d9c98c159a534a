"""What the service itself says in and about a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.chat.events import ConversationAdded, ConversationBrief, Person
from bountyexpo.persistence.chat import conversations, messages
from bountyexpo.persistence.chat.message_stream import message_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.persistence.chat.conversations import Conversation
    from bountyexpo.persistence.transaction import Transaction


async def announce(
    tx: Transaction, conversation: Conversation, users: Sequence[str] | None = None
) -> None:
    """Tell ``users``, else every participant, on their own stream, that they are in it."""
    people = [Person(**row) for row in await conversations.people(tx, conversation.id)]
    brief = ConversationBrief(
        id=conversation.id,
        kind=conversation.kind,
        is_group=conversation.kind == "group",
        bounty_id=conversation.bounty_id,
        name=conversation.name,
        avatar=conversation.avatar_url,
        participant_ids=[person.id for person in people],
        participants=people,
        created_by=conversation.created_by,
        created_at=conversation.created_at,
    )
    event = ConversationAdded(conversation_id=conversation.id, conversation=brief)
    for user_id in conversation.participants if users is None else users:
        tx.event(event, of=user_id, users=(user_id,))


async def post_system_message(
    tx: Transaction, conversation: Conversation, *, sender_id: str, code: str, body: str
) -> bool:
    """Write a message of the service, once per ``code``, and tell the participants.

    Returns whether it was new.
    """
    row = await messages.add_system_message(
        tx, conversation.id, sender_id=sender_id, code=code, body=body
    )
    if row is not None:
        users = tuple(conversation.participants)
        tx.numbered(message_event(row, conversation.epoch, users))
    return row is not None
