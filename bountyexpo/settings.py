"""Settings from environment variables; ``.env.example`` documents each of them.

Everything is read and checked once, at start-up, and every problem found is told at once with the
variable's name and the fix. Without any settings the whole product runs on emulators;
each real service that is named replaces its emulator, and production accepts none of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bountyexpo.domain.addresses import EVERY_IPV4, EVERY_IPV6, parse_host, reached_at
from bountyexpo.settings_database import check_database_url
from bountyexpo.settings_production import check_production
from bountyexpo.settings_reader import Reader, check_url

if TYPE_CHECKING:
    from collections.abc import Mapping

# The local addresses of the app's development builds (operations §13).
DEVELOPMENT_ORIGINS = (
    "http://localhost:8081",
    "http://localhost:19000",
    "http://localhost:19006",
)

HOST_FIX = f"Use {EVERY_IPV4}, {EVERY_IPV6} (IPv4 too), an address of this machine or its name."

# On a developer's machine everything comes from one address, and the demo is played often.
DEVELOPMENT_MULTIPLIER = 20

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

SWITCH = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}

# HMAC-SHA256 needs a key at least as long as its output (RFC 7518 §3.2).
JWT_SECRET_BYTES_MIN = 32

METRICS_TOKEN_CHARS_MIN = 16


class Environment(Enum):
    """Where the service runs; production is the strict one."""

    DEVELOPMENT = "development"
    TEST = "test"
    STAGING = "staging"
    PRODUCTION = "production"


class SettingsError(Exception):
    """The settings cannot be used; ``problems`` names every reason."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"These settings must be corrected before the service can start:\n{lines}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, checked; secrets are left out of its printed form."""

    environment: Environment = Environment.DEVELOPMENT
    host: str = EVERY_IPV4
    port: int = 3001
    sandbox_port: int = 3002
    data_dir: Path = Path(".data")
    database_url: str | None = field(default=None, repr=False)
    db_pool_min: int = 2
    db_pool_max: int = 10
    redis_url: str | None = field(default=None, repr=False)
    supabase_url: str | None = None
    supabase_anon_key: str | None = field(default=None, repr=False)
    supabase_service_role_key: str | None = field(default=None, repr=False)
    supabase_jwt_secret: str | None = field(default=None, repr=False)
    supabase_jwt_issuer: str | None = None
    supabase_jwt_audience: str = "authenticated"
    stripe_secret_key: str | None = field(default=None, repr=False)
    stripe_webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    stripe_api_base: str | None = None
    stripe_connect_client_id: str | None = None
    platform_fee_bps: int = 500
    log_level: str = "INFO"
    allowed_origins: tuple[str, ...] = DEVELOPMENT_ORIGINS
    media_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    metrics_token: str | None = field(default=None, repr=False)
    http_direct: bool = True
    rate_limits: bool = True
    rate_limit_multiplier: float = 1.0
    rate_limit_allow: tuple[IPv4Network | IPv6Network, ...] = ()
    shutdown_grace_s: float = 25.0

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings.

        Raises:
            SettingsError: some are missing or not valid; it lists all of them.
        """
        reader = Reader(environ)
        settings = _read(reader)
        _check_together(settings, reader)
        if settings.is_production:
            _check_production(settings, reader)
        if reader.problems:
            raise SettingsError(reader.problems)
        return settings

    @property
    def local_url(self) -> str:
        """Where programs on this machine reach the service."""
        return f"http://{reached_at(self.host)}:{self.port}"

    @property
    def is_production(self) -> bool:
        """Tell whether real people and real money are at stake."""
        return self.environment is Environment.PRODUCTION

    @property
    def uses_embedded_database(self) -> bool:
        """Tell whether the service starts a PostgreSQL of its own."""
        return self.database_url is None

    @property
    def uses_sandbox_auth(self) -> bool:
        """Tell whether the service runs the emulator of the auth server."""
        return self.supabase_url is None

    @property
    def uses_sandbox_stripe(self) -> bool:
        """Tell whether the service runs the emulator of Stripe."""
        return self.stripe_secret_key is None


def _read(reader: Reader) -> Settings:
    environment = reader.choice(
        "BOUNTYEXPO_ENV", Environment.DEVELOPMENT, {each.value: each for each in Environment}
    )
    port = reader.whole("PORT", 3001, 0, 65535)
    supabase_url = reader.url(
        ("https", "http"), "SUPABASE_URL", "EXPO_PUBLIC_SUPABASE_URL", "PUBLIC_SUPABASE_URL"
    )
    local = environment in {Environment.DEVELOPMENT, Environment.TEST}
    return Settings(
        environment=environment,
        host=reader.parsed("HOST", EVERY_IPV4, parse_host, HOST_FIX),
        port=port,
        sandbox_port=reader.whole("SANDBOX_PORT", min(port + 1, 65535) if port else 0, 0, 65535),
        data_dir=Path(reader.text("BOUNTYEXPO_DATA") or ".data"),
        database_url=reader.parsed(
            "DATABASE_URL",
            None,
            check_database_url,
            "Use the form postgresql://user:password@host[:port]/database.",
            secret=True,
        ),
        db_pool_min=reader.whole("DB_POOL_MIN", 2, 0, 1000),
        db_pool_max=reader.whole("DB_POOL_MAX", 10, 1, 1000),
        redis_url=reader.url(("redis", "rediss"), "REDIS_URL", secret=True),
        supabase_url=supabase_url,
        supabase_anon_key=reader.text("SUPABASE_ANON_KEY", "EXPO_PUBLIC_SUPABASE_ANON_KEY"),
        supabase_service_role_key=reader.text(
            "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_SERVICE_KEY", "SERVICE_ROLE_KEY"
        ),
        supabase_jwt_secret=reader.text("SUPABASE_JWT_SECRET"),
        supabase_jwt_issuer=reader.text("SUPABASE_JWT_ISSUER"),
        supabase_jwt_audience=reader.text("SUPABASE_JWT_AUDIENCE") or "authenticated",
        stripe_secret_key=reader.text("STRIPE_SECRET_KEY"),
        stripe_webhook_secrets=reader.many("STRIPE_WEBHOOK_SECRET", (), str, ""),
        stripe_api_base=reader.url(("https", "http"), "STRIPE_API_BASE"),
        stripe_connect_client_id=reader.text("STRIPE_CONNECT_CLIENT_ID"),
        platform_fee_bps=reader.whole("PLATFORM_FEE_BPS", 500, 0, 3_000),
        log_level=reader.choice("LOG_LEVEL", "INFO", {level: level for level in LOG_LEVELS}),
        allowed_origins=reader.many(
            "ALLOWED_ORIGINS",
            DEVELOPMENT_ORIGINS if local else (),
            _origin,
            "Use a comma list such as https://app.example.org,https://www.example.org.",
        ),
        media_hosts=reader.many(
            "MEDIA_HOSTS",
            # The storage of the project has the same host as its auth server.
            (urlsplit(supabase_url).hostname or "",) if supabase_url else (),
            _host,
            "Use a comma list such as files.example.org.",
        ),
        trusted_proxies=reader.many(
            "TRUSTED_PROXIES", (), _network, "Use a comma list such as 10.0.0.0/8,192.0.2.7."
        ),
        metrics_token=reader.text("METRICS_TOKEN"),
        http_direct=reader.choice("HTTP_DIRECT", default=True, choices=SWITCH),
        rate_limits=reader.choice("RATE_LIMITS", default=True, choices=SWITCH),
        rate_limit_multiplier=reader.decimal(
            "RATE_LIMIT_MULTIPLIER", DEVELOPMENT_MULTIPLIER if local else 1, 0.01, 1_000_000
        ),
        rate_limit_allow=reader.many(
            "RATE_LIMIT_ALLOW", (), _network, "Use a comma list such as 10.1.0.0/16,192.0.2.7."
        ),
        shutdown_grace_s=reader.decimal("SHUTDOWN_GRACE_S", 25, 0, 600),
    )


def _check_together(settings: Settings, reader: Reader) -> None:
    """Check what depends on more than one variable, or on the form of a secret."""
    if settings.db_pool_min > settings.db_pool_max:
        reader.refuse(
            "DB_POOL_MIN",
            f"is {settings.db_pool_min}, more than DB_POOL_MAX ({settings.db_pool_max})",
            "Lower it or raise DB_POOL_MAX.",
        )
    if settings.port and settings.port == settings.sandbox_port:
        reader.refuse("SANDBOX_PORT", "is the same as PORT", "Choose another, or leave it unset.")
    secret = settings.supabase_jwt_secret
    if secret is not None and len(secret.encode()) < JWT_SECRET_BYTES_MIN:
        reader.refuse(
            "SUPABASE_JWT_SECRET",
            f"has {len(secret.encode())} bytes, fewer than {JWT_SECRET_BYTES_MIN}",
            "Copy it whole from the auth server's settings.",
        )
    if settings.metrics_token and len(settings.metrics_token) < METRICS_TOKEN_CHARS_MIN:
        reader.refuse(
            "METRICS_TOKEN",
            f"has fewer than {METRICS_TOKEN_CHARS_MIN} characters",
            "Use a long random text.",
        )
    if settings.supabase_url is not None:
        _need(reader, "because SUPABASE_URL is set", _supabase_keys(settings))
    _check_stripe(settings, reader)


def _check_stripe(settings: Settings, reader: Reader) -> None:
    key = settings.stripe_secret_key
    if key is None:
        return
    if not key.startswith("sk_"):
        reader.refuse(
            "STRIPE_SECRET_KEY", "does not begin with sk_", "Use the secret key, not another one."
        )
    if key.startswith("sk_live_") and not settings.is_production:
        reader.refuse(
            "STRIPE_SECRET_KEY",
            f"is a live key, but BOUNTYEXPO_ENV is {settings.environment.value}",
            "Use a test key here: a live key moves real money.",
        )
    wanted = {"STRIPE_WEBHOOK_SECRET": settings.stripe_webhook_secrets}
    _need(reader, "because STRIPE_SECRET_KEY is set", wanted)
    if any(not secret.startswith("whsec_") for secret in settings.stripe_webhook_secrets):
        reader.refuse(
            "STRIPE_WEBHOOK_SECRET",
            "has an entry that does not begin with whsec_",
            "Copy the signing secret of each webhook endpoint, separated by commas.",
        )


def _check_production(settings: Settings, reader: Reader) -> None:
    """Refuse emulators, missing secrets and whatever else is for a developer's machine."""
    real = {
        "DATABASE_URL": settings.database_url,
        "SUPABASE_URL": settings.supabase_url,
        "STRIPE_SECRET_KEY": settings.stripe_secret_key,
    }
    _need(reader, "because BOUNTYEXPO_ENV is production, which runs on no emulator", real)
    values = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SUPABASE_URL": settings.supabase_url,
        **_supabase_keys(settings),
        "SUPABASE_JWT_SECRET": settings.supabase_jwt_secret,
        "STRIPE_SECRET_KEY": settings.stripe_secret_key,
        "STRIPE_WEBHOOK_SECRET": settings.stripe_webhook_secrets,
        "STRIPE_API_BASE": settings.stripe_api_base,
        "RATE_LIMITS": settings.rate_limits,
        "RATE_LIMIT_MULTIPLIER": settings.rate_limit_multiplier,
        "RATE_LIMIT_ALLOW": settings.rate_limit_allow,
        "ALLOWED_ORIGINS": settings.allowed_origins,
        # By default they are those of the auth server, which is looked at by itself.
        "MEDIA_HOSTS": settings.media_hosts if reader.text("MEDIA_HOSTS") else (),
        "TRUSTED_PROXIES": settings.trusted_proxies,
        "METRICS_TOKEN": settings.metrics_token,
    }
    check_production(values, reader)


def _supabase_keys(settings: Settings) -> dict[str, str | None]:
    return {
        "SUPABASE_ANON_KEY": settings.supabase_anon_key,
        "SUPABASE_SERVICE_ROLE_KEY": settings.supabase_service_role_key,
    }


def _need(reader: Reader, why: str, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        if not value:
            reader.refuse(name, "is not set", f"Set it, {why}.")


def _origin(value: str) -> str:
    if value == "*":
        return value
    check_url(value, ("https", "http"))
    parts = urlsplit(value)
    if parts.path not in {"", "/"} or parts.query or parts.username:
        raise ValueError("has more than scheme, host and port")
    # A browser never says the port that goes without saying.
    usual = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(usual)}"


def _host(value: str) -> str:
    if urlsplit(f"//{value}").hostname != value.lower() or "/" in value:
        raise ValueError("is not the name of a host")
    return value.lower()


def _network(value: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(value, strict=False)
    except ValueError:
        raise ValueError("is not an address or a network") from None
