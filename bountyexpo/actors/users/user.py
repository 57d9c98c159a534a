"""The user actor: the account row, what it may still do, and the key under which others write."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias, assert_never

from bountyexpo.actors.users import registering
from bountyexpo.errors import NotFound
from bountyexpo.persistence.users import e2e_keys, standing
from bountyexpo.persistence.users.e2e_keys import PublicKey
from bountyexpo.persistence.users.users import User
from bountyexpo.runtime import Actor, Context, Message

if TYPE_CHECKING:
    from bountyexpo.actors.dependencies import ActorDependencies

SignOutScope = Literal["global", "local", "others"]


class UserKind:
    """Marks what may be said to the owner of an account."""


class Register(Message[UserKind, User], frozen=True, kw_only=True, tag="user.register"):
    """Make the account if it is not there, and bring its address up to date.

    Without ``username``, which must be free, it gets the name that is wished for if that can be
    had, else a generated one. The address is that of the auth server at ``email_as_of``.
    """

    email: str | None
    email_verified_at: datetime | None
    email_as_of: datetime
    username: str | None = None
    wished_name: str | None = None
    age_attested_at: datetime | None = None


class SignOut(Message[UserKind, None], frozen=True, kw_only=True, tag="user.sign_out"):
    """End this sign-in, the others, or all of them; their tokens are good no more."""

    session_id: str
    scope: SignOutScope


class SetPublicKey(
    Message[UserKind, PublicKey], frozen=True, kw_only=True, tag="user.set_public_key"
):
    """Publish the key under which messages to this user are encrypted."""

    key: str


UserMessage: TypeAlias = Register | SignOut | SetPublicKey


class UserActor(Actor[UserKind]):
    """One user's account.

    Owns:      the account row, the user's sign-ins and public key.
    Accepts:   Register, SignOut, SetPublicKey.
    Persists:  the account with its profile; the end of sign-ins; the key.
    Restarts:  has nothing to reload: what the account may do is written past it, too.
    """

    kind = "user"

    def __init__(self, actor_id: str, context: Context[UserKind], ports: ActorDependencies) -> None:
        super().__init__(actor_id, context)
        self._ports = ports

    async def handle(self, message: UserMessage) -> User | PublicKey | None:
        """Answer one message."""
        match message:
            case Register():
                return await self._register(message)
            case SignOut():
                await self._sign_out(message)
                return None
            case SetPublicKey():
                return await self._set_public_key(message.key)
            case _:
                assert_never(message)

    async def _register(self, message: Register) -> User:
        account = registering.Account(
            id=self.id,
            username=message.username,
            wished_name=message.wished_name,
            email=message.email,
            email_verified_at=message.email_verified_at,
            email_as_of=message.email_as_of,
            age_attested_at=message.age_attested_at,
        )
        user, changed = await registering.register(self._ports.db, account)
        for user_id in changed:
            self._ports.standing_changed(user_id)
        return user

    async def _sign_out(self, message: SignOut) -> None:
        async with self._ports.db.transaction() as tx:
            if message.scope == "local":
                await standing.end_one(tx, self.id, message.session_id)
            else:
                kept = message.session_id if message.scope == "others" else None
                await standing.end_all(tx, self.id, but=kept)
            tx.audit(
                category="user",
                action="sign_out",
                actor_id=self.id,
                target=("user", self.id),
                scope=message.scope,
            )
        self._ports.standing_changed(self.id)

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
