"""The part of the Supabase auth API that ``supabase-js`` and our own adapter use.

Addresses are confirmed at once, as on a project with confirmation turned off. One thing is stricter
than the original: a refresh token that was traded before ends its session after ten seconds even
when it is the direct parent of the present one (contract rest-core A7).
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from quart import Blueprint, Response, request

from bountyexpo.sandbox.auth.passwords import hash_password, is_password
from bountyexpo.sandbox.auth.tokens import LIFETIME_S
from bountyexpo.sandbox.auth.views import AuthRefusal, refused, session_view, user_view
from bountyexpo.sandbox.replies import reply

if TYPE_CHECKING:
    from bountyexpo.runtime.clock import Clock
    from bountyexpo.sandbox.auth.store import AuthStore, Row
    from bountyexpo.sandbox.auth.tokens import TokenSigner

PASSWORD_LENGTH_MIN = 6

# What a browser or a health check reads without a project key.
KEYLESS_PATHS = ("/.well-known/jwks.json", "/health")

_B = TypeVar("_B", bound=msgspec.Struct)


class Credentials(msgspec.Struct):
    """An address with its password, and what the user says about themselves."""

    email: str = ""
    password: str = ""
    data: dict[str, Any] | None = None


class RefreshGrant(msgspec.Struct):
    """A refresh token to trade."""

    refresh_token: str = ""


class UserChange(msgspec.Struct):
    """What a user may change of their account."""

    password: str | None = None
    data: dict[str, Any] | None = None


class NewUser(msgspec.Struct):
    """An account as the service creates it."""

    email: str = ""
    password: str = ""
    email_confirm: bool = False
    user_metadata: dict[str, Any] | None = None
    app_metadata: dict[str, Any] | None = None


class AuthApi:
    """The routes under ``/auth/v1``."""

    def __init__(
        self,
        store: AuthStore,
        signer: TokenSigner,
        clock: Clock,
        *,
        anon_key: str,
        service_role_key: str,
    ) -> None:
        self._store = store
        self._signer = signer
        self._clock = clock
        self._service_role_key = service_role_key
        self._project_keys = (anon_key, service_role_key)

    def blueprint(self) -> Blueprint:
        """Return the routes."""
        routes = Blueprint("auth", __name__, url_prefix="/auth/v1")
        routes.before_request(self._require_project_key)
        routes.register_error_handler(AuthRefusal, _refused)
        for method, path, view in (
            ("POST", "/signup", self.sign_up),
            ("POST", "/token", self.token),
            ("GET", "/user", self.user),
            ("PUT", "/user", self.change_user),
            ("POST", "/logout", self.sign_out),
            ("POST", "/recover", self.recover),
            ("POST", "/admin/users", self.create_user),
            ("GET", "/admin/users/<uuid:user_id>", self.user_by_id),
            ("DELETE", "/admin/users/<uuid:user_id>", self.delete_user),
            ("GET", "/.well-known/jwks.json", self.published_keys),
            ("GET", "/settings", self.settings),
            ("GET", "/health", self.health),
        ):
            routes.add_url_rule(path, view.__name__, view, methods=[method])
        return routes

    async def sign_up(self) -> Response:
        """Create an account and open its first session."""
        body = await _read(Credentials)
        user = await self._add_user(body.email, body.password, body.data or {}, {}, confirmed=True)
        if user is None:
            raise AuthRefusal(422, "user_already_exists", "User already registered")
        return await self._open_session(user["id"])

    async def token(self) -> Response:
        """Open a session by password, or continue one by refresh token."""
        match request.args.get("grant_type"):
            case "password":
                return await self._by_password(await _read(Credentials))
            case "refresh_token":
                return await self._by_refresh_token(await _read(RefreshGrant))
            case _:
                raise AuthRefusal(400, "validation_failed", "unsupported_grant_type")

    async def user(self) -> Response:
        """Show the account of the session."""
        user, _ = await self._require_session()
        return reply(user_view(user))

    async def change_user(self) -> Response:
        """Change the password or the metadata of the session's account."""
        user, _ = await self._require_session()
        body = await _read(UserChange)
        password_hash = None
        if body.password is not None:
            _require_strength(body.password)
            if await is_password(body.password, user["password_hash"]):
                text = "New password should be different from the old password."
                raise AuthRefusal(422, "same_password", text)
            password_hash = await hash_password(body.password)
        changed = await self._store.change_user(
            user["id"],
            password_hash=password_hash,
            user_metadata=body.data or {},
            app_metadata={},
            now=self._clock.now(),
        )
        return reply(user_view(changed or user))

    async def sign_out(self) -> Response:
        """End this session, the others, or all of them."""
        user, session_id = await self._require_session()
        scope = request.args.get("scope", "global")
        if scope not in {"global", "local", "others"}:
            raise AuthRefusal(400, "validation_failed", f"Unsupported logout scope {scope!r}")
        await self._store.close_sessions(user["id"], session_id, scope)
        return Response("", 204)

    async def recover(self) -> Response:
        """Pretend to mail a reset link; the answer never tells who has an account."""
        return reply({})

    async def create_user(self) -> Response:
        """Create an account for the service."""
        self._require_service()
        body = await _read(NewUser)
        user = await self._add_user(
            body.email,
            body.password,
            body.user_metadata or {},
            body.app_metadata or {},
            confirmed=body.email_confirm,
        )
        if user is None:
            text = "A user with this email address has already been registered"
            raise AuthRefusal(422, "email_exists", text)
        return reply(user_view(user))

    async def user_by_id(self, user_id: object) -> Response:
        """Show any account to the service."""
        self._require_service()
        user = await self._store.user_by_id(str(user_id))
        if user is None:
            raise AuthRefusal(404, "user_not_found", "User not found")
        return reply(user_view(user))

    async def delete_user(self, user_id: object) -> Response:
        """Delete any account for the service."""
        self._require_service()
        if not await self._store.delete_user(str(user_id)):
            raise AuthRefusal(404, "user_not_found", "User not found")
        return reply({})

    async def published_keys(self) -> Response:
        """Publish the keys that tokens can be checked with."""
        return reply(self._signer.published_keys())

    async def settings(self) -> Response:
        """Say which ways to sign in exist."""
        return reply(
            {
                "external": {"email": True, "phone": False, "anonymous_users": False},
                "disable_signup": False,
                "mailer_autoconfirm": True,
                "phone_autoconfirm": False,
                "sms_provider": "",
                "saml_enabled": False,
            }
        )

    async def health(self) -> Response:
        """Say that the emulator is up."""
        return reply({"name": "GoTrue", "version": "sandbox", "description": "Auth emulator"})

    async def _by_password(self, body: Credentials) -> Response:
        user = await self._store.user_by_email(body.email.strip().lower())
        if user is None or not await is_password(body.password, user["password_hash"]):
            raise AuthRefusal(400, "invalid_credentials", "Invalid login credentials")
        if user["email_confirmed_at"] is None:
            raise AuthRefusal(400, "email_not_confirmed", "Email not confirmed")
        return await self._open_session(user["id"])

    async def _by_refresh_token(self, body: RefreshGrant) -> Response:
        if not body.refresh_token:
            raise AuthRefusal(400, "validation_failed", "refresh_token required")
        try:
            found = await self._store.rotate(body.refresh_token, self._clock.now())
        except LookupError:
            text = "Invalid Refresh Token: Refresh Token Not Found"
            raise AuthRefusal(400, "refresh_token_not_found", text) from None
        if found is None:
            text = "Invalid Refresh Token: Already Used"
            raise AuthRefusal(400, "refresh_token_already_used", text)
        return self._session_reply(*found)

    async def _open_session(self, user_id: str) -> Response:
        return self._session_reply(*await self._store.open_session(user_id, self._clock.now()))

    def _session_reply(self, user: Row, session_id: str, refresh_token: str) -> Response:
        token, expires_at = self._signer.sign(user, session_id, self._clock.now())
        return reply(session_view(user, token, expires_at, LIFETIME_S, refresh_token))

    async def _add_user(
        self, email: str, password: str, metadata: Row, app_metadata: Row, *, confirmed: bool
    ) -> Row | None:
        name, _, host = email.strip().lower().partition("@")
        if not name or "." not in host:
            text = "Unable to validate email address: invalid format"
            raise AuthRefusal(400, "validation_failed", text)
        _require_strength(password)
        return await self._store.add_user(
            email=f"{name}@{host}",
            password_hash=await hash_password(password),
            user_metadata=metadata,
            app_metadata=app_metadata,
            is_confirmed=confirmed,
            now=self._clock.now(),
        )

    async def _require_project_key(self) -> Response | None:
        if request.method == "OPTIONS" or request.path.endswith(KEYLESS_PATHS):
            return None
        key = request.headers.get("apikey") or request.args.get("apikey")
        if not key:
            return reply({"message": "No API key found in request"}, 401)
        if key not in self._project_keys:
            return reply({"message": "Invalid API key"}, 401)
        return None

    def _require_service(self) -> None:
        bearer = _bearer()
        if hmac.compare_digest(bearer.encode(), self._service_role_key.encode()):
            return
        claims = self._signer.read(bearer, self._clock.now())
        if claims is None or claims.get("role") != "service_role":
            raise AuthRefusal(403, "not_admin", "User not allowed")

    async def _require_session(self) -> tuple[Row, str]:
        """Return the account and the id of the session that asks."""
        claims = self._signer.read(_bearer(), self._clock.now())
        if claims is None or "sub" not in claims:
            text = "invalid JWT: unable to parse or verify signature"
            raise AuthRefusal(403, "bad_jwt", text)
        user = await self._store.user_by_id(claims["sub"])
        if user is None:
            raise AuthRefusal(403, "user_not_found", "User from sub claim in JWT does not exist")
        if not await self._store.has_session(claims["session_id"]):
            text = "Session from session_id claim in JWT does not exist"
            raise AuthRefusal(403, "session_not_found", text)
        return user, claims["session_id"]


async def _refused(refusal: AuthRefusal) -> Response:
    return refused(refusal)


def _bearer() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        text = "This endpoint requires a valid Bearer token"
        raise AuthRefusal(401, "no_authorization", text)
    return token.strip()


def _require_strength(password: str) -> None:
    if len(password) < PASSWORD_LENGTH_MIN:
        text = f"Password should be at least {PASSWORD_LENGTH_MIN} characters."
        raise AuthRefusal(422, "weak_password", text)


async def _read(body: type[_B]) -> _B:
    try:
        return msgspec.json.decode(await request.get_data(), type=body)
    except msgspec.MsgspecError as error:
        text = f"Could not parse request body as JSON: {error}"
        raise AuthRefusal(400, "bad_json", text) from error
