"""Sessions of the auth API: opened by password, continued by refresh token, ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quart import Response, request

from bountyexpo.sandbox.auth.bodies import Credentials, RefreshGrant, read
from bountyexpo.sandbox.auth.store import Banned, is_banned
from bountyexpo.sandbox.auth.tokens import LIFETIME_S
from bountyexpo.sandbox.auth.views import AuthRefusal, session_view
from bountyexpo.sandbox.replies import reply

if TYPE_CHECKING:
    from typing import Any

    from bountyexpo.runtime.clock import Clock
    from bountyexpo.sandbox.auth.callers import Callers
    from bountyexpo.sandbox.auth.passwords import Passwords
    from bountyexpo.sandbox.auth.store import AuthStore, Session
    from bountyexpo.sandbox.auth.tokens import TokenSigner

SCOPES = frozenset({"global", "local", "others"})


class Sessions:
    """The routes of sessions."""

    def __init__(
        self,
        store: AuthStore,
        signer: TokenSigner,
        passwords: Passwords,
        callers: Callers,
        clock: Clock,
    ) -> None:
        self._store = store
        self._signer = signer
        self._passwords = passwords
        self._callers = callers
        self._clock = clock

    async def token(self) -> Response:
        """Open a session by password, or continue one by refresh token."""
        match request.args.get("grant_type"):
            case "password":
                return await self._by_password(await read(Credentials))
            case "refresh_token":
                return await self._by_refresh_token(await read(RefreshGrant))
            case _:
                raise AuthRefusal(400, "validation_failed", "unsupported_grant_type")

    async def sign_out(self) -> Response:
        """End this session, the others, or all of them."""
        user, session_id = await self._callers.require_session()
        scope = request.args.get("scope", "global")
        if scope not in SCOPES:
            raise AuthRefusal(400, "validation_failed", f"Unsupported logout scope {scope!r}")
        await self._store.close_sessions(user["id"], session_id, scope)
        return Response("", 204)

    async def open(self, user_id: str) -> Response:
        """Open a session of somebody who has just shown their password."""
        try:
            session = await self._store.open_session(user_id, "password", self._clock.now())
        except LookupError:
            raise _wrong_credentials() from None
        return self.reply(session)

    def reply(self, session: Session) -> Response:
        """Show a session."""
        return reply(self.view(session))

    def view(self, session: Session) -> dict[str, Any]:
        """Return a session as it is shown."""
        now = self._clock.now()
        token, expires_at = self._signer.sign(session.user, session.id, now, session.method)
        return session_view(session.user, token, expires_at, LIFETIME_S, session.refresh_token)

    async def _by_password(self, body: Credentials) -> Response:
        user = await self._store.user_by_email(body.email.strip().lower())
        # An unknown address takes as long as a wrong password.
        stored = user["password_hash"] if user is not None else None
        if not await self._passwords.match(body.password, stored) or user is None:
            raise _wrong_credentials()
        if is_banned(user, self._clock.now()):
            raise AuthRefusal(400, "user_banned", "User is banned")
        if user["email_confirmed_at"] is None:
            raise AuthRefusal(400, "email_not_confirmed", "Email not confirmed")
        return await self.open(user["id"])

    async def _by_refresh_token(self, body: RefreshGrant) -> Response:
        if not body.refresh_token:
            raise AuthRefusal(400, "validation_failed", "refresh_token required")
        try:
            found = await self._store.rotate(body.refresh_token, self._clock.now())
        except LookupError:
            text = "Invalid Refresh Token: Refresh Token Not Found"
            raise AuthRefusal(400, "refresh_token_not_found", text) from None
        except Banned:
            text = "Invalid Refresh Token: User Banned"
            raise AuthRefusal(400, "user_banned", text) from None
        if found is None:
            text = "Invalid Refresh Token: Already Used"
            raise AuthRefusal(400, "refresh_token_already_used", text)
        return self.reply(found)


def _wrong_credentials() -> AuthRefusal:
    return AuthRefusal(400, "invalid_credentials", "Invalid login credentials")
