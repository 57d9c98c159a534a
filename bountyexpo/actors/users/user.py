"""The user actor: the account row, and the key under which others write to the user."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias, assert_never

from bountyexpo.domain.ids import new_id
from bountyexpo.errors import Conflict, NotFound
from bountyexpo.observability import metrics
from bountyexpo.persistence.users import e2e_keys, users
from bountyexpo.persistence.users.e2e_keys import PublicKey
from bountyexpo.persistence.users.users import NewUser, User
from bountyexpo.runtime import Actor, Context, Message

if TYPE_CHECKING:
    from bountyexpo.actors.dependencies import ActorDependencies

# Tries at a free name for an account that came without one.
NAME_TRIES = 3


class UserKind:
    """Marks what may be said to the owner of an account."""


class Register(Message[UserKind, User], frozen=True, kw_only=True, tag="user.register"):
    """Make the account if it is not there; without a name it gets a generated one."""

    email: str | None
    email_verified_at: datetime | None
    username: str | None = None
    age_attested_at: datetime | None = None


class SetPublicKey(
    Message[UserKind, PublicKey], frozen=True, kw_only=True, tag="user.set_public_key"
):
    """Publish the key under which messages to this user are encrypted."""

    key: str


UserMessage: TypeAlias = Register | SetPublicKey


class UserActor(Actor[UserKind]):
    """One user's account.

    Owns:      the account row and the user's public key.
    Accepts:   Register, SetPublicKey.
    Persists:  the account with its profile; the key.
    Restarts:  reloads the account row.
    """

    kind = "user"

    def __init__(self, actor_id: str, context: Context[UserKind], ports: ActorDependencies) -> None:
        super().__init__(actor_id, context)
        self._ports = ports
        self._user: User | None = None

    async def load(self) -> None:
        """Read the account, if it exists."""
        self._user = await users.get(self._ports.db, self.id)

    async def handle(self, message: UserMessage) -> User | PublicKey:
        """Answer one message."""
        match message:
            case Register():
                return self._user or await self._register(message)
            case SetPublicKey():
                return await self._set_public_key(message.key)
            case _:
                assert_never(message)

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
                tx.audit(
                    category="user", action="register", actor_id=self.id, target=("user", self.id)
                )
                metrics.SIGNUPS.labels(method="email").inc()

    async def _set_public_key(self, key: str) -> PublicKey:
        async with self._ports.db.transaction() as tx:
            if await e2e_keys.put(tx, self.id, key):
                # Whoever takes over an account would begin here.
                tx.audit(
                    category="user",
                    action="set_public_key",
                    actor_id=self.id,
                    target=("user", self.id),
                )
            found = await e2e_keys.get(tx, self.id)
            if found is None:
                raise NotFound("This user does not exist.")
        return found
