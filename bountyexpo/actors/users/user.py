"""The user actor: the account row, the conversations a user opens, whom he blocks, his key."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from bountyexpo.actors.chat.conversation_members import check_people
from bountyexpo.domain.chat.conversation import check_size
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import Conflict, InvalidRequest, NotAllowed, NotFound
from bountyexpo.observability import metrics
from bountyexpo.persistence import idempotency
from bountyexpo.persistence.chat import conversations, participants
from bountyexpo.persistence.chat.conversations import Conversation
from bountyexpo.persistence.market import bounties
from bountyexpo.persistence.users import blocks, e2e_keys, users
from bountyexpo.persistence.users.e2e_keys import PublicKey
from bountyexpo.persistence.users.users import NewUser, User
from bountyexpo.runtime import Actor, Context, Message

if TYPE_CHECKING:
    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.persistence.transaction import Transaction

# The reply to a repeated making of a group is kept under this scope and the caller's key.
OPEN_SCOPE = "conversation.open"

# Tries at a free name for an account that came without one.
NAME_TRIES = 3


class Register(Message[User], frozen=True, kw_only=True, tag="user.register"):
    """Make the account if it is not there; without a name it gets a generated one."""

    email: str | None
    email_verified_at: datetime | None
    username: str | None = None
    age_attested_at: datetime | None = None


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation, and whether it is new."""

    conversation: Conversation
    created: bool


class OpenConversation(Message[Opened], frozen=True, kw_only=True, tag="user.open_conversation"):
    """Find or open the conversation with one other user, direct or about a bounty."""

    other_id: str
    bounty_id: str | None = None


class OpenGroup(Message[Opened], frozen=True, kw_only=True, tag="user.open_group"):
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


class SetBlock(Message[Blocked], frozen=True, kw_only=True, tag="user.set_block"):
    """Block another user, or take it back."""

    other_id: str
    is_blocked: bool


class SetPublicKey(Message[PublicKey], frozen=True, kw_only=True, tag="user.set_public_key"):
    """Publish the key under which messages to this user are encrypted."""

    key: str


UserMessage: TypeAlias = Register | OpenConversation | OpenGroup | SetBlock | SetPublicKey


class UserActor(Actor):
    """One user's account.

    Owns:      the account row, the conversations this user opens, his blocks and his key.
    Accepts:   Register, OpenConversation, OpenGroup, SetBlock, SetPublicKey.
    Persists:  the account with its profile; a conversation with its participants; a block with
               the new versions of the conversations it touches.
    Restarts:  reloads the account row.
    """

    kind = "user"

    def __init__(self, actor_id: str, context: Context, ports: ActorDependencies) -> None:
        super().__init__(actor_id, context)
        self._ports = ports
        self._user: User | None = None

    async def load(self) -> None:
        """Read the account, if it exists."""
        self._user = await users.get(self._ports.db, self.id)

    async def handle(self, message: UserMessage) -> User | Opened | Blocked | PublicKey:
        """Answer one message."""
        match message:
            case Register():
                return self._user or await self._register(message)
            case OpenConversation():
                return await self._open(message.other_id, message.bounty_id)
            case OpenGroup():
                return await self._open_group(message)
            case SetBlock():
                return await self._set_block(message)
            case SetPublicKey():
                return await self._set_public_key(message.key)

    async def _register(self, message: Register) -> User:
        for names_left in reversed(range(NAME_TRIES)):
            account = NewUser(
                id=self.id,
                username=message.username or f"user_{new_id().replace('-', '')[:12]}",
                email=message.email,
                email_verified_at=message.email_verified_at,
                age_attested_at=message.age_attested_at,
            )
            try:
                await self._insert(account)
                break
            except Conflict as conflict:
                is_generated = message.username is None
                if not (is_generated and conflict.error_code == "USERNAME_TAKEN" and names_left):
                    raise
        await self.load()
        assert self._user is not None
        return self._user

    async def _insert(self, account: NewUser) -> None:
        async with self._ports.db.transaction() as tx:
            if await users.insert(tx, account):
                await tx.audit(
                    category="user", action="register", actor_id=self.id, target=("user", self.id)
                )
                metrics.SIGNUPS.labels(method="email").inc()

    async def _open(self, other_id: str, bounty_id: str | None) -> Opened:
        if other_id == self.id:
            raise InvalidRequest("You cannot open a conversation with yourself.")
        pair = (self.id, other_id)
        async with self._ports.db.transaction() as tx:
            await check_people(tx, self.id, [other_id])
            if bounty_id is not None:
                bounty = await bounties.get(tx, bounty_id)
                if bounty is None:
                    raise NotFound("This bounty does not exist.", code="bounty_not_found")
                if bounty.poster_id not in pair:
                    raise NotAllowed("One of the two must have posted the bounty.")
            conversation, created = await conversations.open_between(
                tx, pair, created_by=self.id, bounty_id=bounty_id
            )
            if created:
                await conversations.announce(tx, conversation)
            elif await participants.show(tx, conversation.id, self.id):
                await conversations.announce(tx, conversation, (self.id,))
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
            await conversations.announce(tx, group)
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

    async def _set_public_key(self, key: str) -> PublicKey:
        async with self._ports.db.transaction() as tx:
            if await e2e_keys.put(tx, self.id, key):
                # Whoever takes over an account would begin here.
                await tx.audit(
                    category="user",
                    action="set_public_key",
                    actor_id=self.id,
                    target=("user", self.id),
                )
            found = await e2e_keys.get(tx, self.id)
            if found is None:
                raise NotFound("This user does not exist.")
        return found

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
            touched = await blocks.bump_shared(tx, self.id, other_id)
        return Blocked(is_new=True, conversation_ids=touched)
