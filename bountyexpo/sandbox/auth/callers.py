"""Who calls the auth API: a program with a project key, the service, or somebody's session."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from quart import Response, request

from bountyexpo.sandbox.auth.store import is_banned
from bountyexpo.sandbox.auth.views import AuthRefusal
from bountyexpo.sandbox.replies import reply

if TYPE_CHECKING:
    from bountyexpo.runtime.clock import Clock
    from bountyexpo.sandbox.auth.store import AuthStore, Row
    from bountyexpo.sandbox.auth.tokens import TokenSigner

# What a health check, or a browser that follows a link of a mail, opens without a project key.
KEYLESS = {
    ("GET", "/auth/v1/.well-known/jwks.json"),
    ("GET", "/auth/v1/health"),
    ("GET", "/auth/v1/verify"),
}


class Callers:
    """Knows callers by their keys and tokens."""

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

    async def require_project_key(self) -> Response | None:
        """Refuse programs without a key of the project."""
        method = "GET" if request.method == "HEAD" else request.method
        if method == "OPTIONS" or (method, request.path) in KEYLESS:
            return None
        key = request.headers.get("apikey") or request.args.get("apikey")
        if not key:
            return reply({"message": "No API key found in request"}, 401)
        if key not in self._project_keys:
            return reply({"message": "Invalid API key"}, 401)
        return None

    def require_service(self) -> None:
        """Refuse everybody but the service."""
        bearer = _bearer()
        if hmac.compare_digest(bearer.encode(), self._service_role_key.encode()):
            return
        claims = self._signer.read(bearer, self._clock.now())
        if claims is None or claims.get("role") != "service_role":
            raise AuthRefusal(403, "not_admin", "User not allowed")

    async def require_session(self) -> tuple[Row, str]:
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
        if is_banned(user, self._clock.now()):
            raise AuthRefusal(403, "user_banned", "User is banned")
        return user, claims["session_id"]


def _bearer() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        text = "This endpoint requires a valid Bearer token"
        raise AuthRefusal(401, "no_authorization", text)
    return token.strip()
