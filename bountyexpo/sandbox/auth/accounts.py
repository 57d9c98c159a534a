"""Accounts of the auth API: made at sign-up or by the service, shown, changed, deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bountyexpo.errors import Duplicate
from bountyexpo.sandbox.auth.bodies import (
    AdminUser,
    Credentials,
    UserChange,
    ban_of,
    email_of,
    phone_of,
    read,
    require_strength,
)
from bountyexpo.sandbox.auth.store import Change
from bountyexpo.sandbox.auth.views import AuthRefusal, user_view
from bountyexpo.sandbox.replies import reply

if TYPE_CHECKING:
    from quart import Response

    from bountyexpo.runtime.clock import Clock
    from bountyexpo.sandbox.auth.callers import Callers
    from bountyexpo.sandbox.auth.confirmations import Confirmations
    from bountyexpo.sandbox.auth.passwords import Passwords
    from bountyexpo.sandbox.auth.sessions import Sessions
    from bountyexpo.sandbox.auth.store import AuthStore, Row

EMAIL_EXISTS = "A user with this email address has already been registered"


class Accounts:
    """The routes of accounts."""

    def __init__(
        self,
        store: AuthStore,
        passwords: Passwords,
        callers: Callers,
        sessions: Sessions,
        confirmations: Confirmations,
        clock: Clock,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._callers = callers
        self._sessions = sessions
        self._confirmations = confirmations
        self._clock = clock

    async def sign_up(self) -> Response:
        """Create an account and open its first session."""
        body = await read(Credentials)
        user = await self._add_user(body.email, body.password, body.data or {}, {}, confirmed=True)
        if user is None:
            raise AuthRefusal(422, "user_already_exists", "User already registered")
        return await self._sessions.open(user["id"])

    async def user(self) -> Response:
        """Show the account of the session."""
        user, _ = await self._callers.require_session()
        return reply(user_view(user))

    async def change_user(self) -> Response:
        """Change the session's account; a new address or number waits for its confirmation."""
        user, session_id = await self._callers.require_session()
        body = await read(UserChange)
        email = email_of(body.email) if body.email else user["email"]
        phone = phone_of(body.phone) if body.phone else user["phone"]
        change = Change(user_metadata=body.data or {})
        if body.password is not None:
            change = replace(change, password_hash=await self._new_hash(user, body.password))
        now = self._clock.now()
        if change != Change():
            await self._store.change_user(user["id"], change, session_id=session_id, now=now)
        if email != user["email"]:
            await self._confirmations.change_email(user, email)
        if phone != user["phone"]:
            await self._confirmations.change_phone(user, phone)
        return reply(user_view(await self._store.user_by_id(user["id"]) or user))

    async def create_user(self) -> Response:
        """Create an account for the service."""
        self._callers.require_service()
        body = await read(AdminUser)
        user = await self._add_user(
            body.email,
            body.password or "",
            body.user_metadata or {},
            body.app_metadata or {},
            confirmed=body.email_confirm,
        )
        if user is None:
            raise AuthRefusal(422, "email_exists", EMAIL_EXISTS)
        return reply(user_view(user))

    async def user_by_id(self, user_id: object) -> Response:
        """Show any account to the service."""
        self._callers.require_service()
        user = await self._store.user_by_id(str(user_id))
        if user is None:
            raise AuthRefusal(404, "user_not_found", "User not found")
        return reply(user_view(user))

    async def change_by_id(self, user_id: object) -> Response:
        """Change any account for the service; whom it bans may not sign in until then."""
        self._callers.require_service()
        body = await read(AdminUser)
        now = self._clock.now()
        change = Change(
            email=email_of(body.email) if body.email else None,
            email_confirm=body.email_confirm,
            phone=phone_of(body.phone) if body.phone else None,
            phone_confirm=body.phone_confirm,
            user_metadata=body.user_metadata or {},
            app_metadata=body.app_metadata or {},
        )
        if body.ban_duration:
            span = ban_of(body.ban_duration)
            until = now + span if span else None
            change = replace(change, sets_ban=True, banned_until=until)
        if body.password is not None:
            require_strength(body.password)
            hashed = await self._passwords.hash(body.password)
            change = replace(change, password_hash=hashed)
        try:
            user = await self._store.change_user(str(user_id), change, session_id=None, now=now)
        except Duplicate:
            raise AuthRefusal(422, "email_exists", EMAIL_EXISTS) from None
        if user is None:
            raise AuthRefusal(404, "user_not_found", "User not found")
        return reply(user_view(user))

    async def delete_user(self, user_id: object) -> Response:
        """Delete any account for the service."""
        self._callers.require_service()
        if not await self._store.delete_user(str(user_id)):
            raise AuthRefusal(404, "user_not_found", "User not found")
        return reply({})

    async def _new_hash(self, user: Row, password: str) -> str:
        require_strength(password)
        if await self._passwords.match(password, user["password_hash"]):
            text = "New password should be different from the old password."
            raise AuthRefusal(422, "same_password", text)
        return await self._passwords.hash(password)

    async def _add_user(
        self, email: str, password: str, metadata: Row, app_metadata: Row, *, confirmed: bool
    ) -> Row | None:
        address = email_of(email)
        require_strength(password)
        # Before the hash, which is what costs; who comes at the same time is told by the row.
        if await self._store.has_address("email", address):
            return None
        return await self._store.add_user(
            email=address,
            password_hash=await self._passwords.hash(password),
            user_metadata=metadata,
            app_metadata=app_metadata,
            is_confirmed=confirmed,
            now=self._clock.now(),
        )
