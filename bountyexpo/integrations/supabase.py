"""The auth server, as the Supabase auth API: accounts, passwords, sessions.

Everything the server can answer is mapped to one of our errors here. The rule that matters most: a
failure that says nothing about the caller's credentials is ``Unavailable``. The app signs the user
out on a 400 or 401 and keeps the session on a 503 (contract rest-core §2.1), so a restart of the
auth server, a gateway's error page, or a wrong key of ours must never look like bad credentials.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar
from urllib.parse import quote

import httpx
import msgspec
import trio

from bountyexpo.errors import (
    BountyExpoError,
    Conflict,
    InvalidRequest,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    RateLimited,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

# The app gives up after 15 s overall; the auth server gets the larger part of it.
DEADLINE_S = 8.0

# The form of error bodies we ask for.
API_VERSION = "2024-01-01"

RETRY_AFTER_DEFAULT_S = 60

SignOutScope = Literal["global", "local", "others"]


class AuthUser(msgspec.Struct, frozen=True, kw_only=True):
    """An account as the auth server knows it."""

    id: str
    email: str | None = None
    email_confirmed_at: datetime | None = None
    created_at: datetime | None = None
    user_metadata: dict[str, Any] = {}
    app_metadata: dict[str, Any] = {}


class AuthSession(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in session: an access token, and the refresh token for the next one."""

    access_token: str
    refresh_token: str
    expires_in: int
    expires_at: int
    user: AuthUser
    token_type: str = "bearer"  # noqa: S105 -- the name of a scheme

    def __repr__(self) -> str:
        return f"AuthSession(user={self.user.id!r}, expires_at={self.expires_at})"


class SupabaseAuth:
    """A client of one Supabase auth server.

    ``base_url`` is the project's address, without ``/auth/v1``.
    """

    def __init__(
        self, base_url: str, anon_key: str, service_role_key: str, http: httpx.AsyncClient
    ) -> None:
        self._base_url = base_url.rstrip("/") + "/auth/v1"
        self._anon_key = anon_key
        self._service_role_key = service_role_key
        self._http = http

    async def create_user(
        self,
        *,
        email: str,
        password: str,
        metadata: Mapping[str, Any],
        email_confirm: bool = True,
    ) -> AuthUser:
        """Create an account.

        Raises:
            Conflict: the address has one already (``EMAIL_TAKEN``).
            InvalidRequest: the address or the password is not acceptable.
        """
        body = {
            "email": email,
            "password": password,
            "email_confirm": email_confirm,
            "user_metadata": dict(metadata),
        }
        return _decode(await self._as_service("POST", "/admin/users", body), AuthUser)

    async def sign_in(self, email: str, password: str) -> AuthSession:
        """Open a session; an unknown address and a wrong password give the same error."""
        body = {"email": email, "password": password}
        return _decode(await self._as_anyone("/token?grant_type=password", body), AuthSession)

    async def refresh(self, refresh_token: str) -> AuthSession:
        """Trade a refresh token for the next session; each works once."""
        body = {"refresh_token": refresh_token}
        return _decode(await self._as_anyone("/token?grant_type=refresh_token", body), AuthSession)

    async def sign_out(self, access_token: str, scope: SignOutScope = "global") -> None:
        """Close sessions; a token that is dead already has nothing to close."""
        try:
            await self._as_user("POST", f"/logout?scope={scope}", access_token)
        except NotAuthenticated:
            return

    async def delete_user(self, user_id: str) -> None:
        """Delete an account; one that is gone already counts as deleted."""
        try:
            await self._as_service("DELETE", _user_path(user_id))
        except NotFound:
            return

    async def get_user(self, access_token: str) -> AuthUser:
        """Return the account of a session, as the server knows it now."""
        content = await self._as_user("GET", "/user", access_token)
        return _decode(content, AuthUser)

    async def get_user_by_id(self, user_id: str) -> AuthUser:
        """Return an account by its id."""
        return _decode(await self._as_service("GET", _user_path(user_id)), AuthUser)

    async def update_password(self, access_token: str, password: str) -> AuthUser:
        """Change the password of the session's account."""
        content = await self._as_user("PUT", "/user", access_token, {"password": password})
        return _decode(content, AuthUser)

    async def request_password_reset(self, email: str, redirect_to: str | None = None) -> None:
        """Mail a reset link, if the address has an account; the answer does not tell."""
        params = {"redirect_to": redirect_to} if redirect_to else {}
        path = f"/recover?{httpx.QueryParams(params)}"
        await self._as_anyone(path, {"email": email})

    async def _as_anyone(self, path: str, body: Mapping[str, Any]) -> bytes:
        return await self._request("POST", path, self._anon_key, self._anon_key, body)

    async def _as_user(
        self, method: str, path: str, token: str, body: Mapping[str, Any] | None = None
    ) -> bytes:
        try:
            return await self._request(method, path, self._anon_key, token, body)
        except NotFound as error:
            # The account behind the session is gone, and the session with it.
            raise NotAuthenticated(_SESSION_OVER) from error

    async def _as_service(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> bytes:
        key = self._service_role_key
        try:
            return await self._request(method, path, key, key, body)
        except NotAuthenticated as error:
            # Our own key was refused; the caller has done nothing wrong.
            raise Unavailable from error

    async def _request(
        self, method: str, path: str, api_key: str, token: str, body: Mapping[str, Any] | None
    ) -> bytes:
        headers = {
            "apikey": api_key,
            "Authorization": f"Bearer {token}",
            "X-Supabase-Api-Version": API_VERSION,
        }
        try:
            with trio.fail_after(DEADLINE_S):
                response = await self._http.request(
                    method, self._base_url + path, headers=headers, json=body, timeout=DEADLINE_S
                )
        except (httpx.HTTPError, trio.TooSlowError) as error:
            raise Unavailable from error
        if not response.is_success:
            _raise(response)
        return response.content


_R = TypeVar("_R")


class _Refusal(msgspec.Struct):
    """An error body in either form: code and message, or error_code and msg."""

    code: str | int | None = None
    error_code: str | None = None
    message: str | None = None
    msg: str | None = None

    @property
    def name(self) -> str:
        return self.error_code or (self.code if isinstance(self.code, str) else "")

    @property
    def text(self) -> str:
        return self.message or self.msg or ""


# The server's code, our error, our text (None keeps the server's own), our code.
_KNOWN: dict[str, tuple[type[BountyExpoError], str | None, str | None]] = {
    "email_exists": (Conflict, "Email already registered", "EMAIL_TAKEN"),
    "user_already_exists": (Conflict, "Email already registered", "EMAIL_TAKEN"),
    "invalid_credentials": (
        NotAuthenticated,
        "Invalid email or password",
        "invalid_credentials",
    ),
    "email_not_confirmed": (
        NotAuthenticated,
        "Please confirm your email address first",
        "email_not_confirmed",
    ),
    "refresh_token_not_found": (NotAuthenticated, None, "refresh_token_not_found"),
    "refresh_token_already_used": (NotAuthenticated, None, "refresh_token_already_used"),
    "session_not_found": (NotAuthenticated, None, "session_not_found"),
    "session_expired": (NotAuthenticated, None, "session_expired"),
    "bad_jwt": (NotAuthenticated, None, None),
    "no_authorization": (NotAuthenticated, None, None),
    "user_banned": (NotAllowed, "This account is suspended", "user_banned"),
    "user_not_found": (NotFound, None, None),
    "weak_password": (
        InvalidRequest,
        "Password should be longer and harder to guess",
        "weak_password",
    ),
    "same_password": (
        InvalidRequest,
        "The new password must differ from the old one",
        "same_password",
    ),
    "email_address_invalid": (InvalidRequest, "Invalid email", None),
    "validation_failed": (InvalidRequest, None, None),
    "bad_json": (InvalidRequest, None, None),
}

_SESSION_OVER = "Your session has ended. Please sign in again."


def _raise(response: httpx.Response) -> NoReturn:
    """Raise our error for an answer that is not a success."""
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise RateLimited(retry_after_s=_retry_after_s(response))
    try:
        refusal = msgspec.json.decode(response.content, type=_Refusal)
    except msgspec.MsgspecError:
        refusal = _Refusal()
    kind, text, code = _KNOWN.get(refusal.name, (Unavailable, None, None))
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or kind is Unavailable:
        # An unknown refusal is about us (a wrong key, an unknown path), not about the caller.
        raise Unavailable
    if text is None and kind is NotAuthenticated:
        text = _SESSION_OVER
    raise kind(text, code=code)


def _user_path(user_id: str) -> str:
    return f"/admin/users/{quote(user_id, safe='')}"


def _retry_after_s(response: httpx.Response) -> int:
    text = response.headers.get("retry-after", "")
    return max(1, int(text)) if text.isdecimal() else RETRY_AFTER_DEFAULT_S


def _decode(content: bytes, reply: type[_R]) -> _R:
    try:
        return msgspec.json.decode(content, type=reply)
    except msgspec.MsgspecError as error:
        # A gateway's page in place of an answer.
        raise Unavailable from error
