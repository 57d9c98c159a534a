"""The auth server, as operations see it: who has an account there, and their sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class AuthUser(Protocol):
    """A person as the auth server knows them."""

    @property
    def id(self) -> str:
        """The subject of every token of this person."""

    @property
    def email(self) -> str | None:
        """The address, lower case."""

    @property
    def email_confirmed_at(self) -> datetime | None:
        """When the address was confirmed."""


class AuthSession(Protocol):
    """A signed-in session."""

    @property
    def access_token(self) -> str:
        """The token for our own requests."""

    @property
    def refresh_token(self) -> str:
        """Good for one refresh."""

    @property
    def expires_in(self) -> int:
        """Seconds."""

    @property
    def expires_at(self) -> int:
        """Epoch seconds."""

    @property
    def token_type(self) -> str:
        """Always ``bearer``."""

    @property
    def user(self) -> AuthUser:
        """Whose session it is."""


class AuthProvider(Protocol):
    """The auth server."""

    async def create_user(
        self, *, email: str, password: str, metadata: Mapping[str, Any], email_confirm: bool = True
    ) -> AuthUser:
        """Make an identity; a taken address is a ``Conflict``."""

    async def delete_user(self, user_id: str) -> None:
        """Remove an identity."""

    async def sign_in(self, email: str, password: str) -> AuthSession:
        """Open a session; wrong credentials are ``NotAuthenticated``."""

    async def refresh(self, refresh_token: str) -> AuthSession:
        """Exchange a refresh token."""

    async def get_user(self, access_token: str) -> AuthUser:
        """Return whose a session is; one that is over is ``NotAuthenticated``."""

    async def sign_out(
        self, access_token: str, scope: Literal["global", "local", "others"] = "global"
    ) -> None:
        """End sessions."""
