"""The contacts actor: whom a user turns to, and whom they shut out.

It stands beside the conversations because no conversation can decide it: who opens one, or blocks
somebody, does so as a person, and one at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, assert_never

import msgspec

from bountyexpo.actors.chat.announcing import announce
from bountyexpo.actors.chat.conversation_members import check_people
from bountyexpo.domain.chat.conversation import check_size
from bountyexpo.errors import InvalidRequest, NotAllowed, NotFound
from bountyexpo.persistence import idempotency
from bountyexpo.persistence.chat import bounty_threads, conversations, participants
from bountyexpo.persistence.chat.conversations import Conversation
from bountyexpo.persistence.users import blocks, users
from bountyexpo.runtime import Actor, Context, Message

if TYPE_CHECKING:
    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.persistence.transaction import Transaction

# The reply to a repeated making of a group is kept under this scope and the caller's key.
OPEN_SCOPE = "conversation.open"


class ContactsKind:
    """Marks what may be said to the owner of a user's contacts."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation, and whether it is new."""

    conversation: Conversation
    created: bool


class OpenConversation(
    Message[ContactsKind, Opened], frozen=True, kw_only=True, tag="contacts.open_conversation"
):
    """Find or open the conversation with one other user, direct or about a bounty."""

    other_id: str
    bounty_id: str | None = None


class OpenGroup(
    Message[ContactsKind, Opened], frozen=True, kw_only=True, tag="contacts.open_group"
):
    """Make a group; the same idempotency key gives the same group."""

    others: tuple[str, ...]
    name: str | None = None
    avatar_url: str | None = None
    idempotency_key: str | None = None
    request_hash: str = ""


class Blocked(msgspec.Struct, frozen=True, kw_only=True):
    """Whether anything changed, and which conversations have to read it."""

    is_new: bool
    conversation_ids: list[str]


class SetBlock(Message[ContactsKind, Blocked], frozen=True, kw_only=True, tag="contacts.set_block"):
    """Block another user, or take it back."""

    other_id: str
    is_blocked: bool


ContactsMessage: TypeAlias = OpenConversation | OpenGroup | SetBlock


class ContactsActor(Actor[ContactsKind]):
    """The contacts of one user.

    Owns:      the conversations that this user opens, and their blocks.
    Accepts:   OpenConversation, OpenGroup, SetBlock.
    Persists:  a conversation with its participants; a block with the new versions of the
               conversations it touches.
    Restarts:  keeps nothing in memory.
    """

    kind = "contacts"

    def __init__(
        self, actor_id: str, context: Context[ContactsKind], ports: ActorDependencies
    ) -> None:
        super().__init__(actor_id, context)
        self._ports = ports

    async def handle(self, message: ContactsMessage) -> Opened | Blocked:
        """Answer one message."""
        match message:
            case OpenConversation():
                return await self._open(message.other_id, message.bounty_id)
            case OpenGroup():
                return await self._open_group(message)
            case SetBlock():
                return await self._set_block(message)
            case _:
                assert_never(message)

    async def _open(self, other_id: str, bounty_id: str | None) -> Opened:
        if other_id == self.id:
            raise InvalidRequest("You cannot open a conversation with yourself.")
        pair = (self.id, other_id)
        async with self._ports.db.transaction() as tx:
            await check_people(tx, self.id, [other_id])
            if bounty_id is not None:
                poster_id = await bounty_threads.poster_of(tx, bounty_id)
                if poster_id is None:
                    raise NotFound("This bounty does not exist.", code="bounty_not_found")
                if poster_id not in pair:
                    raise NotAllowed("One of the two must have posted the bounty.")
            conversation, created = await conversations.open_between(
                tx, pair, created_by=self.id, bounty_id=bounty_id
            )
            if created:
                await announce(tx, conversation)
            elif await participants.show(tx, conversation.id, self.id):
                await announce(tx, conversation, (self.id,))
        if not created:
            self._ports.unread((self.id,))
        return Opened(conversation=conversation, created=created)

    async def _open_group(self, message: OpenGroup) -> Opened:
        check_size(len(message.others) + 1)
        async with self._ports.db.transaction() as tx:
            earlier_id = await self._earlier_group(tx, message)
            if earlier_id is not None:
                found = await conversations.get(tx, earlier_id)
                assert found is not None
                return Opened(conversation=found, created=False)
            await check_people(tx, self.id, message.others)
            group = await conversations.open_group(
                tx, self.id, message.others, name=message.name, avatar_url=message.avatar_url
            )
            await announce(tx, group)
            if message.idempotency_key is not None:
                await idempotency.store(
                    tx,
                    scope=OPEN_SCOPE,
                    user_id=self.id,
                    key=message.idempotency_key,
                    response={"conversationId": group.id},
                    status_code=201,
                )
        return Opened(conversation=group, created=True)

    async def _earlier_group(self, tx: Transaction, message: OpenGroup) -> str | None:
        """Return the group that an earlier delivery of this request made."""
        if message.idempotency_key is None:
            return None
        stored = await idempotency.claim(
            tx,
            scope=OPEN_SCOPE,
            user_id=self.id,
            key=message.idempotency_key,
            request_hash=message.request_hash,
        )
        return stored.response["conversationId"] if stored else None

    async def _set_block(self, message: SetBlock) -> Blocked:
        other_id = message.other_id
        if other_id == self.id:
            raise InvalidRequest("You cannot block yourself.")
        async with self._ports.db.transaction() as tx:
            if message.is_blocked and await users.get(tx, other_id) is None:
                raise NotFound("This user does not exist.")
            change = blocks.add if message.is_blocked else blocks.remove
            if not await change(tx, self.id, other_id):
                return Blocked(is_new=False, conversation_ids=[])
            touched = await conversations.bump_shared(tx, self.id, other_id)
        return Blocked(is_new=True, conversation_ids=touched)
