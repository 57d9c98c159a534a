"""Where each provider is reached and with which secrets: the real one, or its emulator.

The secrets of the emulators are made once for each data folder, so that tokens and webhooks stay
good over a restart and are good nowhere else.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec

from bountyexpo.sandbox.auth.hasher import COST
from bountyexpo.sandbox.auth.tokens import TokenSigner
from bountyexpo.sandbox.operator import OPERATOR_ID
from bountyexpo.sandbox.sandbox_settings import SandboxSettings
from bountyexpo.settings import Environment

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from bountyexpo.settings import Settings

SECRETS_FILE = "sandbox.json"

# Below the data folder: what the emulators would have mailed.
MESSAGES_FOLDER = "messages"

# Tests make thousands of accounts, whose passwords protect nothing.
COST_IN_TESTS = 2

# Who issues the token of a command on this machine, whatever the port of the server it asks.
OPERATOR_ISSUER = "bountyexpo-operator"


class Secrets(msgspec.Struct, frozen=True):
    """What the emulators of one data folder share with the service."""

    jwt_secret: str
    stripe_secret_key: str
    webhook_secret: str
    # Who issues the tokens; it stays when the port is another one after a restart.
    issuer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """Addresses and keys of the auth server and of Stripe, as the service uses them."""

    supabase_url: str
    supabase_anon_key: str = field(repr=False)
    supabase_service_role_key: str = field(repr=False)
    jwt_secret: str | None = field(repr=False)
    jwt_issuers: tuple[str, ...]
    stripe_secret_key: str = field(repr=False)
    stripe_webhook_secrets: tuple[str, ...] = field(repr=False)
    stripe_api_base: str | None
    sandbox: SandboxSettings | None

    @property
    def is_live(self) -> bool:
        """Tell whether Stripe moves real money."""
        return self.stripe_secret_key.startswith("sk_live_")


def with_ports(settings: Settings) -> Settings:
    """Return ``settings`` with a free port in place of each 0: providers must know them before."""
    port = settings.port or _free_port()
    return replace(settings, port=port, sandbox_port=settings.sandbox_port or _free_port())


def providers(settings: Settings) -> Providers:
    """Return the providers; each that is not configured is an emulator on the sandbox port."""
    if not (settings.uses_sandbox_auth or settings.uses_sandbox_stripe):
        return _real(settings)
    address = f"http://127.0.0.1:{settings.sandbox_port}"
    kept = _secrets(settings.data_dir, f"{address}/auth/v1")
    sandbox = SandboxSettings(
        jwt_secret=settings.supabase_jwt_secret or kept.jwt_secret,
        stripe_secret_key=kept.stripe_secret_key,
        webhook_url=f"{settings.local_url}/webhooks/stripe",
        webhook_secret=kept.webhook_secret,
        messages=settings.data_dir / MESSAGES_FOLDER,
        site_url=f"http://127.0.0.1:{settings.port}",
        port=settings.sandbox_port,
        issuer=settings.supabase_jwt_issuer or kept.issuer or f"{address}/auth/v1",
        password_cost=COST_IN_TESTS if settings.environment is Environment.TEST else COST,
    )
    found = _real(settings)
    if settings.uses_sandbox_auth:
        found = replace(
            found,
            supabase_url=address,
            supabase_anon_key=sandbox.anon_key,
            supabase_service_role_key=sandbox.service_role_key,
            jwt_secret=sandbox.jwt_secret,
            jwt_issuers=(sandbox.issuer, OPERATOR_ISSUER),
        )
    if settings.uses_sandbox_stripe:
        found = replace(
            found,
            stripe_secret_key=sandbox.stripe_secret_key,
            stripe_webhook_secrets=(sandbox.webhook_secret, sandbox.connect_webhook_secret),
            stripe_api_base=address,
        )
    return replace(found, sandbox=sandbox)


def operator_token(settings: Settings, now: datetime) -> str | None:
    """Return an administrator's token for the emulator that keeps its secrets in the data folder.

    Whoever can read that folder can read the database beside it, so this gives nothing away.
    """
    if not (settings.data_dir / SECRETS_FILE).exists():
        return None
    secret = settings.supabase_jwt_secret or _secrets(settings.data_dir, "").jwt_secret
    operator = {
        "id": OPERATOR_ID,
        "email": "",
        "app_metadata": {"role": "admin"},
        "user_metadata": {"username": "operator"},
    }
    token, _ = TokenSigner(secret, OPERATOR_ISSUER).sign(operator, session_id=OPERATOR_ID, now=now)
    return token


def _real(settings: Settings) -> Providers:
    return Providers(
        supabase_url=settings.supabase_url or "",
        supabase_anon_key=settings.supabase_anon_key or "",
        supabase_service_role_key=settings.supabase_service_role_key or "",
        jwt_secret=settings.supabase_jwt_secret,
        jwt_issuers=(settings.supabase_jwt_issuer or f"{settings.supabase_url}/auth/v1",),
        stripe_secret_key=settings.stripe_secret_key or "",
        stripe_webhook_secrets=settings.stripe_webhook_secrets,
        stripe_api_base=settings.stripe_api_base,
        sandbox=None,
    )


def _secrets(folder: Path, issuer: str) -> Secrets:
    """Read the folder's secrets, or make them; readable by their owner only."""
    path = folder / SECRETS_FILE
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Secrets)
    folder.mkdir(parents=True, exist_ok=True)
    made = Secrets(
        jwt_secret=secrets.token_hex(32),
        stripe_secret_key=f"sk_test_{secrets.token_hex(16)}",
        webhook_secret=f"whsec_{secrets.token_hex(24)}",
        issuer=issuer,
    )
    # Written whole and then named, so that a crash in between leaves no half of a file.
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(made))
    fresh.replace(path)
    return made


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
