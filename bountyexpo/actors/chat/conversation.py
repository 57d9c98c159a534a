"""The conversation actor: who takes part, and the way of everything they do into its stream."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, assert_never

from bountyexpo.actors.chat import conversation_changes as changes
from bountyexpo.actors.chat import conversation_members as members
from bountyexpo.actors.chat.conversation_messages import (
    Changed,
    ConversationKind,
    ConversationMessage,
    DeleteMessage,
    EndTyping,
    FlushReceipts,
    Marked,
    Receive,
    Reload,
    RemoveParticipant,
    Resend,
    SendMessage,
    Type,
)
from bountyexpo.actors.chat.receipts import Receipts
from bountyexpo.actors.chat.typing_notices import TypingNotices
from bountyexpo.domain.chat import conversation as rules
from bountyexpo.domain.chat.events import TypingStart, TypingStop
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import (
    BountyExpoError,
    Conflict,
    Crashed,
    InvalidRequest,
    NotFound,
    StaleVersion,
)
from bountyexpo.persistence.chat import (
    bounty_threads,
    conversations,
    message_changes,
    participants,
)
from bountyexpo.persistence.chat.messages import CommittedMessage, NewMessage
from bountyexpo.runtime import DEFERRED, Actor, Context, Deferred, Reply

if TYPE_CHECKING:
    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.persistence.chat.conversations import Conversation
    from bountyexpo.persistence.chat.journal import Journal

__all__ = ["ConversationActor", "SendMessage"]

Answer = Deferred | Changed | Marked | None

# Tries of a message whose conversation changes all the time.
SENDS_MAX = 3


class ConversationActor(Actor[ConversationKind]):
    """One conversation.

    Owns:      the participants, the blocks between them, markers that wait, who types.
    Accepts:   the union ``ConversationMessage``.
    Persists:  a message through the journal, many at a time; a change in one transaction with its
               event, when no message is under way; both at the version of the participants that
               was checked. Markers once a second.
    Restarts:  reloads the participants; markers that waited are sent again by their clients.
    """

    kind = "conversation"

    def __init__(
        self,
        actor_id: str,
        context: Context[ConversationKind],
        ports: ActorDependencies,
        journal: Journal,
    ) -> None:
        super().__init__(actor_id, context)
        self._ports = ports
        self._journal = journal
        self._conversation: Conversation | None = None
        self._blocks: frozenset[frozenset[str]] = frozenset()
        self._receipts: Receipts | None = None
        self._typing: TypingNotices | None = None

    async def load(self) -> None:
        """Read the conversation, if it exists."""
        found = await conversations.get_with_blocks(self._ports.db, self.id)
        self._conversation, self._blocks = found or (None, frozenset())

    async def handle(self, message: ConversationMessage) -> Answer:
        """Handle one message; one that met an old set of participants is tried again on the new."""
        try:
            return await self._handle(message)
        except StaleVersion:
            # Here and not by a restart, which would forget who types and which markers wait.
            await self.load()
            return await self._handle(message)

    async def stopped(self) -> None:
        """Store the markers that still wait."""
        if self._receipts and self._conversation is not None:
            await self._receipts.write(self._ports, self._conversation, self._blocks)

    async def _handle(self, message: ConversationMessage) -> Answer:
        if isinstance(message, SendMessage):
            return await self._send(message, self.context.defer())
        if isinstance(message, Receive):
            return await self._receive(message)
        if isinstance(message, Type | EndTyping | FlushReceipts | Reload):
            await self._pass_by(message)
            return None
        return await self._change(message)

    async def _pass_by(self, message: Type | EndTyping | FlushReceipts | Reload) -> None:
        match message:
            case Type():
                self._type(message)
            case EndTyping():
                self._notices.end(message.user_id)
            case FlushReceipts():
                await self._flush()
            case Reload():
                await self.load()
            case _:
                assert_never(message)

    async def _change(
        self, message: changes.MessageChange | members.MemberChange | DeleteMessage
    ) -> Changed | None:
        # So that everybody hears the messages before it first, without waiting for a number.
        await self._journal.settled(self.id)
        present, ports = self._present, self._ports
        if isinstance(message, DeleteMessage):
            # Moderators need not take part.
            return await changes.delete(ports, present, message)
        rules.check_member(message.user_id, present.participants, self.id)
        if isinstance(message, changes.MessageChange):
            if self._blocks:
                await self._check_blocks(message.user_id)
            return await changes.change(ports, present, message, self.context.now())
        changed = await members.change(ports, present, message)
        if isinstance(message, RemoveParticipant) and self._typing is not None:
            self._typing.drop(message.removed_id)
        await self.load()
        return changed

    @property
    def _present(self) -> Conversation:
        if self._conversation is None:
            raise NotFound("This conversation does not exist.")
        return self._conversation

    async def _send(self, message: SendMessage, reply: Reply, tries: int = 1) -> Deferred:
        """Check the sender and queue the message; the next one need not wait for its commit."""
        conversation = self._present
        rules.check_member(message.sender_id, conversation.participants, self.id)
        if self._blocks:
            await self._check_blocks(message.sender_id)
        if message.reply_to is not None:
            await self._check_reply(message.reply_to)
        attempt = Resend(message=message, reply=reply, version=conversation.version, tries=tries)
        self._journal.submit(
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
            ),
            partial(_settle, self.context, attempt),
        )
        if self._typing:
            self._typing.stop(message.sender_id)
        return DEFERRED

    async def continue_with(self, again: Resend) -> None:
        """Try a message once more, on the participants of now."""
        try:
            if self._conversation is None or self._conversation.version == again.version:
                await self.load()
            await self._send(again.message, again.reply, again.tries + 1)
        except BountyExpoError as error:
            again.reply.fail(error)
        except Exception:
            again.reply.fail(Crashed())
            raise

    async def _check_blocks(self, sender_id: str) -> None:
        """Refuse contact; but the parties of a running bounty can always talk about it."""
        conversation = self._present
        if conversation.kind == "group":
            return
        bounty_id = conversation.bounty_id
        if bounty_id is not None and await bounty_threads.is_running(self._ports.db, bounty_id):
            return
        rules.check_not_blocked(sender_id, conversation.participants, self._blocks)

    async def _check_reply(self, message_id: str) -> None:
        # Found here, because the database would refuse the whole batch of the journal.
        if await message_changes.get(self._ports.db, self.id, message_id) is None:
            raise InvalidRequest(
                "The message you reply to is not in this conversation.", code="BAD_REPLY"
            )

    async def _receive(self, message: Receive) -> Marked:
        """Move a marker; soon, unless the reply is to mean that it is stored."""
        user_id = message.user_id
        rules.check_member(user_id, self._present.participants, self.id)
        if self._receipts is None:
            self._receipts = Receipts()
        receipts = self._receipts
        seq, updated = message.up_to_seq, 0
        if message.message_ids:
            # What waits counts as moved, so that nothing is counted twice.
            await self._flush()
            seq, updated = await participants.find_messages(
                self._ports.db, self.id, user_id, message.message_ids, is_read=message.is_read
            )
        if seq:
            receipts.want(user_id, seq, is_read=message.is_read)
        if message.is_durable or not receipts.due_in_s:
            await self._flush()
        elif receipts and not receipts.is_timed:
            receipts.is_timed = True
            self.context.tell_self_after(receipts.due_in_s, FlushReceipts())
        return Marked(updated=updated)

    async def _flush(self) -> None:
        if self._receipts is not None:
            self._receipts.is_timed = False
            await self._receipts.write(self._ports, self._present, self._blocks)

    def _type(self, message: Type) -> None:
        rules.check_member(message.user_id, self._present.participants, self.id)
        if message.is_typing:
            self._notices.start(message.user_id)
        else:
            self._notices.stop(message.user_id)

    @property
    def _notices(self) -> TypingNotices:
        if self._typing is None:
            self._typing = TypingNotices(self.context, self._tell_typing)
        return self._typing

    def _tell_typing(self, user_id: str, is_typing: bool) -> None:
        told = rules.audience(user_id, self._present.participants, self._blocks)
        others = tuple(each for each in told if each != user_id)
        event: TypingStart | TypingStop = TypingStop(conversation_id=self.id, sender_id=user_id)
        if is_typing:
            event = TypingStart(
                conversation_id=self.id,
                sender_id=user_id,
                expires_in_ms=round(rules.TYPING_ENDS_AFTER_S * 1000),
            )
        self._ports.ephemeral(event, self.id, others)


def _settle(
    context: Context[ConversationKind], attempt: Resend, result: CommittedMessage | Exception
) -> None:
    """Answer the sender. The journal calls this, so nothing of an actor may be touched here."""
    reply = attempt.reply
    if isinstance(result, StaleVersion) and attempt.tries < SENDS_MAX:
        # Whoever owns the conversation by then tries again.
        context.tell_self_after(0, attempt)
    elif isinstance(result, Exception):
        reply.fail(result)
    elif result.same_content:
        reply.send(result)
    else:
        reply.fail(
            Conflict(
                "This message id was already used for another message.",
                code="CLIENT_ID_REUSED",
            )
        )
