"""The user actor: the account row, and the conversations a user opens."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from bountyexpo.domain.ids import new_id
from bountyexpo.errors import Conflict, InvalidRequest, NotFound
from bountyexpo.observability import metrics
from bountyexpo.persistence import conversations, users
from bountyexpo.persistence.conversations import Conversation
from bountyexpo.persistence.users import NewUser, User
from bountyexpo.runtime import Actor, Context, Message

if TYPE_CHECKING:
    from bountyexpo.actors.ports import Ports

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
    """Find or open the direct conversation with one other user."""

    other_id: str


UserMessage: TypeAlias = Register | OpenConversation


class UserActor(Actor):
    """One user's account.

    Owns:      the account row and the threads this user opens.
    Accepts:   Register, OpenConversation.
    Persists:  the account with its profile; a conversation with its participants.
    Restarts:  reloads the account row.
    """

    kind = "user"

    def __init__(self, actor_id: str, context: Context, ports: Ports) -> None:
        super().__init__(actor_id, context)
        self._ports = ports
        self._user: User | None = None

    async def load(self) -> None:
        """Read the account, if it exists."""
        self._user = await users.get(self._ports.db, self.id)

    async def handle(self, message: UserMessage) -> User | Opened:
        """Answer one message."""
        match message:
            case Register():
                return self._user or await self._register(message)
            case OpenConversation():
                return await self._open(message.other_id)

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

    async def _open(self, other_id: str) -> Opened:
        if other_id == self.id:
            raise InvalidRequest("You cannot open a conversation with yourself.")
        async with self._ports.db.transaction() as tx:
            if await users.get(tx, other_id) is None:
                raise NotFound("This user does not exist.")
            conversation, created = await conversations.open_between(
                tx, (self.id, other_id), created_by=self.id
            )
            if created:
                await conversations.announce(tx, conversation)
        return Opened(conversation=conversation, created=created)
