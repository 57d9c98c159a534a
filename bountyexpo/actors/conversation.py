"""The conversation actor: who takes part, and the way of a message into the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.ids import new_id
from bountyexpo.errors import Conflict, NotAllowed, NotFound
from bountyexpo.persistence import conversations
from bountyexpo.persistence.journal import CommittedMessage, NewMessage
from bountyexpo.runtime import Actor, Context, Message

if TYPE_CHECKING:
    from bountyexpo.actors.ports import Ports
    from bountyexpo.persistence.conversations import Conversation


class SendMessage(
    Message[CommittedMessage], frozen=True, kw_only=True, tag="conversation.send_message"
):
    """Put a message into the conversation; the reply means that it is durable."""

    sender_id: str
    client_message_id: str | None
    kind: str = "text"
    text: str | None = None
    media_url: str | None = None
    reply_to: str | None = None
    is_encrypted: bool = False


class ConversationActor(Actor):
    """One conversation.

    Owns:      the set of participants; messages get their numbers in the journal's commit.
    Accepts:   SendMessage.
    Persists:  each message, through the journal, at the version of the set that was checked.
    Restarts:  reloads the participants.
    """

    kind = "conversation"

    def __init__(self, actor_id: str, context: Context, ports: Ports) -> None:
        super().__init__(actor_id, context)
        self._ports = ports
        self._conversation: Conversation | None = None

    async def load(self) -> None:
        """Read the conversation, if it exists."""
        self._conversation = await conversations.get(self._ports.db, self.id)

    async def handle(self, message: SendMessage) -> CommittedMessage:
        """Check the sender, then wait for the message to be durable."""
        conversation = self._conversation
        if conversation is None:
            raise NotFound("This conversation does not exist.")
        if message.sender_id not in conversation.participants:
            raise NotAllowed("You are not part of this conversation.", code="NOT_PARTICIPANT")
        committed = await self._ports.journal.append(
            NewMessage(
                id=new_id(),
                conversation_id=self.id,
                expected_version=conversation.version,
                sender_id=message.sender_id,
                client_message_id=message.client_message_id,
                text=message.text,
                kind=message.kind,
                media_url=message.media_url,
                reply_to=message.reply_to,
                is_encrypted=message.is_encrypted,
                participants=tuple(conversation.participants),
            )
        )
        if not committed.same_content:
            raise Conflict(
                "This message id was already used for another message.", code="CLIENT_ID_REUSED"
            )
        return committed
