"""Whose page asks: the origin of a request against the hosts that it may come from.

An origin is a scheme, a host and a port (RFC 6454). A page of the very host that it calls is ours
in every spelling: case does not count, a default port is as good as none, and the scheme is the
proxy's business, which may end TLS. Behind one of our proxies that host is the one it tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from bountyexpo.edge.client_address import is_proxy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from ipaddress import IPv4Network, IPv6Network

# In the list of allowed origins: any.
ANY: Final = "*"

# The schemes of pages, with the port that need not be said.
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
ANY_DEFAULT: Final = frozenset(DEFAULT_PORTS.values())


class _Place(NamedTuple):
    """A host and, unless it is a default one, a port."""

    host: str
    port: int | None


class Origins:
    """Judges origins: those that are ``allowed`` by name pass, and those of the called host.

    ``trusted`` are our proxies, whose word for the called host is taken.
    """

    def __init__(
        self,
        allowed: Iterable[str] = (),
        trusted: tuple[IPv4Network | IPv6Network, ...] = (),
    ) -> None:
        named = tuple(allowed)
        self._allows_any = ANY in named
        self._allowed = frozenset(filter(None, (_parse(origin) for origin in named)))
        self._trusted = trusted

    def admits(self, headers: Mapping[str, str], hop: str) -> bool:
        """Tell whether the page that sent these headers is one of ours, or no page did.

        ``hop`` is the address of the connection's other end.
        """
        origin = headers.get("origin")
        if origin is None or self._allows_any:
            return True
        asking = _parse(origin)
        if asking is None:
            return False
        _, place = asking
        return asking in self._allowed or place in self._called(headers, hop)

    def _called(self, headers: Mapping[str, str], hop: str) -> set[_Place | None]:
        hosts = [headers.get("host", "")]
        if is_proxy(hop, self._trusted):
            # A proxy that was reached through another adds what that one called it.
            hosts += headers.get("x-forwarded-host", "").split(",")
            port = headers.get("x-forwarded-port", "").partition(",")[0].strip()
            hosts += [f"{host.strip()}:{port}" for host in hosts if port and ":" not in host]
        return {_place(host.strip()) for host in hosts} - {None}


def _parse(origin: str) -> tuple[str, _Place] | None:
    """Return scheme and place of an origin; None for what is none of the web's."""
    scheme, separator, host = origin.partition("://")
    name = scheme.lower()
    if not separator or name not in DEFAULT_PORTS:
        return None
    place = _place(host, {DEFAULT_PORTS[name]})
    return None if place is None else (name, place)


def _place(host: str, defaults: Collection[int | None] = ANY_DEFAULT) -> _Place | None:
    """Return the place that a ``Host`` header or the end of an origin names; None for nonsense."""
    try:
        parts = urlsplit(f"//{host}")
        name, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not name or parts.netloc != host or "@" in host:
        return None
    return _Place(name, None if port in defaults else port)
