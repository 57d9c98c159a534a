"""What libpq is told to connect to: an address completed, its names resolved, its password kept.

Names are resolved here because libpq would block on them, for each of several hosts. Nothing that
is written to a log may hold the password, however it is spelt in the address.
"""

from __future__ import annotations

import socket
from typing import Any, Final
from urllib.parse import quote

import trio
from psycopg.conninfo import conninfo_to_dict, make_conninfo

_DEFAULTS: Final[dict[str, Any]] = {
    "application_name": "bountyexpo",
    "client_encoding": "UTF8",
    "gssencmode": "disable",
    # A peer that vanished without a word is noticed within half a minute.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}

# Parts of an address that are secret.
_SECRETS: Final = ("password", "sslpassword")

# Shorter ones would blot out words of the text.
_SECRET_CHARS_MIN: Final = 3


def parts_of(dsn: str) -> dict[str, Any]:
    """Return the parts of an address, with what the service wants of every session.

    ``PGOPTIONS`` of whoever starts the service is left out: what a session needs is set by
    statements, because poolers drop the options of a start or refuse them.
    """
    parts = {**_DEFAULTS, **conninfo_to_dict(dsn)}
    parts.setdefault("options", "")
    return parts


async def resolved(dsn: str) -> str:
    """Return an address that libpq can use without asking for names.

    Raises:
        OSError: none of its hosts is known.
    """
    parts = parts_of(dsn)
    hosts = str(parts.get("host") or "").split(",")
    if parts.get("hostaddr") or not any(hosts):
        return make_conninfo(**parts)
    ports = str(parts.get("port") or "").split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    found: list[tuple[str, str, str]] = []
    failure: OSError | None = None
    for host, port in zip(hosts, ports, strict=True):
        try:
            found += [(host, address, port) for address in await _addresses(host)]
        except OSError as error:
            failure = error
    if not found and failure is not None:
        raise failure
    parts["host"] = ",".join(host for host, _, _ in found)
    parts["hostaddr"] = ",".join(address for _, address, _ in found)
    parts["port"] = ",".join(port for _, _, port in found)
    return make_conninfo(**parts)


async def _addresses(host: str) -> list[str]:
    """Return the addresses of a host; a folder of a local socket has none."""
    if not host or host.startswith(("/", "@")):
        return [""]
    entries = await trio.socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in entries]


def without_secrets(text: str, dsn: str) -> str:
    """Return a text for the log, with the secrets of the address blotted out."""
    parts = conninfo_to_dict(dsn)
    for name in _SECRETS:
        secret = str(parts.get(name) or "")
        if len(secret) >= _SECRET_CHARS_MIN:
            for spelt in (secret, quote(secret, safe=""), quote(secret)):
                text = text.replace(spelt, "***")
    return text
