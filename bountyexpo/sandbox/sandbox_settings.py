"""What the emulators and the service must agree on: addresses, keys, secrets."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bountyexpo.sandbox.auth.hasher import COST
from bountyexpo.sandbox.auth.tokens import api_key

if TYPE_CHECKING:
    from pathlib import Path

    from bountyexpo.sandbox.auth.tokens import Algorithm


@dataclass(frozen=True, kw_only=True)
class SandboxSettings:
    """What the emulators must agree on with the service."""

    jwt_secret: str
    stripe_secret_key: str
    webhook_url: str
    webhook_secret: str
    # Where mail and text messages are kept.
    messages: Path
    host: str = "127.0.0.1"
    port: int = 0
    issuer: str = "http://127.0.0.1/auth/v1"
    # Where the links of mails lead that name nothing better.
    site_url: str = "http://127.0.0.1"
    signing: Algorithm = "HS256"
    # How much work there is in each hash of a password.
    password_cost: int = COST

    def __repr__(self) -> str:
        return f"SandboxSettings(host={self.host!r}, port={self.port})"

    @property
    def address(self) -> str:
        """Where programs on this machine find the emulators."""
        return f"http://{self.host}:{self.port}"

    @property
    def connect_webhook_secret(self) -> str:
        """The secret of the endpoint for the events of connected accounts."""
        made = hmac.digest(self.webhook_secret.encode(), b"connect", "sha256").hex()
        return f"whsec_{made}"

    @property
    def anon_key(self) -> str:
        """The project key that apps carry."""
        return api_key("anon", self.jwt_secret)

    @property
    def service_role_key(self) -> str:
        """The project key of the service itself."""
        return api_key("service_role", self.jwt_secret)
