"""What must never be set in production, each refused by its name.

What serves a developer's machine is harmful there in one of four ways: it is an emulator, it is a
key that everybody knows or that moves no real money, it sends secrets unencrypted, or it lets
everybody in.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bountyexpo.settings_reader import Reader

# Parts of values that were copied from an example and never filled in.
PLACEHOLDERS: Final = (
    "changeme",
    "change-me",
    "change_me",
    "placeholder",
    "your-",
    "your_",
    "xxxx",
)

# Parts of the keys that every local auth server has: whoever reads its manual can sign tokens.
WELL_KNOWN: Final = ("super-secret-jwt-token", "eyJpc3MiOiJzdXBhYmFzZS1kZW1v")

# Limits as wide as this are those of a developer's machine.
RATE_LIMIT_MULTIPLIER_END: Final = 20.0

LOCAL_NAMES: Final = ("localhost", "localhost.localdomain", "host.docker.internal")


class Harm(msgspec.Struct, frozen=True):
    """A value that a variable must not have: how to know it, what is wrong, and what to do."""

    name: str
    is_met: Callable[[Any], bool]
    problem: str
    fix: str


def check_production(values: Mapping[str, Any], reader: Reader) -> None:
    """Refuse each of ``values``, by variable, that is harmful; what is not set is let be."""
    for harm in HARMS:
        value = values[harm.name]
        if value not in (None, (), "") and harm.is_met(value):
            reader.refuse(harm.name, harm.problem, harm.fix)


def _is_local(host: str | None) -> bool:
    """Tell whether nobody but this machine is reached by this name."""
    name = (host or "").lower().rstrip(".")
    try:
        address = ip_address(name)
    except ValueError:
        return name in LOCAL_NAMES or name.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _is_local_url(url: str) -> bool:
    return _is_local(urlsplit(url).hostname)


def _is_plain_url(url: str) -> bool:
    return urlsplit(url).scheme == "http"


def _any(is_met: Callable[[Any], bool]) -> Callable[[Iterable[Any]], bool]:
    return lambda values: any(is_met(value) for value in values)


def _has(marks: tuple[str, ...]) -> Callable[[str], bool]:
    folded = tuple(mark.lower() for mark in marks)
    return lambda value: any(mark in value.lower() for mark in folded)


_SECRETS: Final = (
    "DATABASE_URL",
    "REDIS_URL",
    "SUPABASE_ANON_KEY",
    "SUPABASE_SERVICE_ROLE_KEY",
    "SUPABASE_JWT_SECRET",
    "STRIPE_SECRET_KEY",
    "METRICS_TOKEN",
)

HARMS: Final = (
    Harm(
        "STRIPE_SECRET_KEY",
        lambda key: not key.startswith("sk_live_"),
        "is no live key in production",
        "Use the key that begins with sk_live_: with any other, deposits are play money.",
    ),
    Harm("STRIPE_API_BASE", bool, "points to an emulator", "Unset it in production."),
    Harm(
        "SUPABASE_URL",
        _is_plain_url,
        "is not encrypted (http://)",
        "Use https:// in production: passwords and keys travel there.",
    ),
    Harm("SUPABASE_URL", _is_local_url, "is this machine", "Name the auth server of production."),
    *(
        Harm(name, _has(WELL_KNOWN), "is a key that everybody knows", "Set the project's own.")
        for name in ("SUPABASE_ANON_KEY", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_JWT_SECRET")
    ),
    *(
        Harm(name, _has(PLACEHOLDERS), "is a placeholder of an example", "Set the real value.")
        for name in _SECRETS
    ),
    Harm(
        "STRIPE_WEBHOOK_SECRET",
        _any(_has(PLACEHOLDERS)),
        "is a placeholder of an example",
        "Set the real value.",
    ),
    Harm("RATE_LIMITS", lambda are_on: not are_on, "is off in production", "Set it to on."),
    Harm("RATE_LIMIT_ALLOW", bool, "is set in production", "Load-test staging; unset it."),
    Harm(
        "RATE_LIMIT_MULTIPLIER",
        lambda factor: factor >= RATE_LIMIT_MULTIPLIER_END,
        "is so wide that nothing is limited in production",
        f"Use less than {RATE_LIMIT_MULTIPLIER_END:g}; 1 is the default.",
    ),
    Harm(
        "TRUSTED_PROXIES",
        _any(lambda network: network.prefixlen == 0),
        "trusts every address, so that anybody can say to be another",
        "Name the proxies' own networks.",
    ),
    Harm(
        "ALLOWED_ORIGINS",
        _any(lambda origin: origin == "*"),
        "allows any origin",
        "Name the origins in production.",
    ),
    Harm(
        "ALLOWED_ORIGINS",
        _any(lambda origin: _is_plain_url(origin) or _is_local_url(origin)),
        "has an origin that is not encrypted, or is a developer's machine",
        "Name origins that begin with https:// in production.",
    ),
    Harm("MEDIA_HOSTS", _any(_is_local), "names this machine", "Name the storage of production."),
)
