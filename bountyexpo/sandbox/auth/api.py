"""The part of the Supabase auth API that ``supabase-js`` and our own adapter use.

Addresses are confirmed at once, as on a project with confirmation turned off. One thing is stricter
than the original: a refresh token that was traded before ends its session after ten seconds even
when it is the direct parent of the present one (contract rest-core A7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quart import Blueprint, Response

from bountyexpo.sandbox.auth.accounts import Accounts
from bountyexpo.sandbox.auth.callers import Callers
from bountyexpo.sandbox.auth.confirmations import Confirmations
from bountyexpo.sandbox.auth.one_time import OneTimeTokens
from bountyexpo.sandbox.auth.sessions import Sessions
from bountyexpo.sandbox.auth.store import AuthStore
from bountyexpo.sandbox.auth.tokens import TokenSigner
from bountyexpo.sandbox.auth.views import AuthRefusal, refused
from bountyexpo.sandbox.replies import add_routes, reply

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool
    from bountyexpo.runtime.clock import Clock
    from bountyexpo.sandbox.auth.passwords import Passwords
    from bountyexpo.sandbox.messages import MessageSink
    from bountyexpo.sandbox.sandbox_settings import SandboxSettings
    from bountyexpo.sandbox.tables import Tables


class AuthApi:
    """The routes under ``/auth/v1``."""

    def __init__(
        self,
        pool: Pool,
        tables: Tables,
        clock: Clock,
        passwords: Passwords,
        sink: MessageSink,
        settings: SandboxSettings,
    ) -> None:
        self._signer = TokenSigner(settings.jwt_secret, settings.issuer, settings.signing)
        store = AuthStore(pool, tables)
        self._callers = Callers(
            store,
            self._signer,
            clock,
            anon_key=settings.anon_key,
            service_role_key=settings.service_role_key,
        )
        self._sessions = Sessions(store, self._signer, passwords, self._callers, clock)
        self._confirmations = Confirmations(
            store,
            OneTimeTokens(pool, tables),
            sink,
            self._sessions,
            clock,
            address=settings.address,
            site_url=settings.site_url,
        )
        self._accounts = Accounts(
            store, passwords, self._callers, self._sessions, self._confirmations, clock
        )

    def blueprint(self) -> Blueprint:
        """Return the routes."""
        routes = Blueprint("auth", __name__, url_prefix="/auth/v1")
        routes.before_request(self._callers.require_project_key)
        routes.register_error_handler(AuthRefusal, _refused)
        accounts, confirmations = self._accounts, self._confirmations
        add_routes(
            routes,
            ("POST", "/signup", accounts.sign_up),
            ("POST", "/token", self._sessions.token),
            ("GET", "/user", accounts.user),
            ("PUT", "/user", accounts.change_user),
            ("POST", "/logout", self._sessions.sign_out),
            ("POST", "/recover", confirmations.recover),
            ("POST", "/verify", confirmations.verify),
            ("GET", "/verify", confirmations.follow),
            ("POST", "/admin/users", accounts.create_user),
            ("GET", "/admin/users/<uuid:user_id>", accounts.user_by_id),
            ("PUT", "/admin/users/<uuid:user_id>", accounts.change_by_id),
            ("DELETE", "/admin/users/<uuid:user_id>", accounts.delete_user),
            ("GET", "/.well-known/jwks.json", self._published_keys),
            ("GET", "/settings", _settings),
            ("GET", "/health", _health),
        )
        return routes

    async def _published_keys(self) -> Response:
        return reply(self._signer.published_keys())


async def _settings() -> Response:
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


async def _health() -> Response:
    return reply({"name": "GoTrue", "version": "sandbox", "description": "Auth emulator"})


async def _refused(refusal: AuthRefusal) -> Response:
    return refused(refusal)
