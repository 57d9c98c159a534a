"""Whose address a request comes from, when proxies stand between.

``X-Forwarded-For`` can be written by anybody. It is believed only from the right, and only as long
as the hop that added an entry is one of our own proxies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.addresses import one_spelling, parse_address

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

# By each of them a request betrays that somebody has passed it on.
FORWARDED_HEADERS = frozenset(
    {
        *("forwarded", "via", "x-forwarded", "x-forwarded-for", "x-forwarded-host"),
        *("x-forwarded-port", "x-forwarded-proto", "x-forwarded-server", "x-real-ip"),
        *("x-client-ip", "x-cluster-client-ip", "true-client-ip", "cf-connecting-ip"),
    }
)

# The names by which a machine calls itself.
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def client_address(
    peer: str, headers: Mapping[str, str], trusted: tuple[IPv4Network | IPv6Network, ...]
) -> str:
    """Return the nearest address that is not one of our proxies, in its one spelling."""
    found = parse_address(peer) if trusted else None
    if found is None:
        return one_spelling(peer)
    if _is_within(found, trusted):
        for hop in reversed(headers.get("x-forwarded-for", "").split(",")):
            address = parse_address(hop)
            if address is None:
                break
            found = address
            if not _is_within(address, trusted):
                break
    return str(found)


def is_proxy(peer: str, trusted: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Tell whether the connection comes from one of our proxies, and so from many clients."""
    found = parse_address(peer)
    return found is not None and bool(trusted) and _is_within(found, trusted)


def is_local(
    hop: str, headers: Mapping[str, str], trusted: tuple[IPv4Network | IPv6Network, ...]
) -> bool:
    """Tell whether the request was made on this machine and not merely passed on by it.

    A proxy that runs here looks like this machine. What one of ours sends is never local, nor
    what carries a trace of any, nor what asks for us by a name that the outside knows.
    """
    found = parse_address(hop)
    return (
        found is not None
        and found.is_loopback
        and not is_proxy(hop, trusted)
        and FORWARDED_HEADERS.isdisjoint(headers)
        and _name_of(headers.get("host", "")) in LOCAL_NAMES
    )


def _name_of(host: str) -> str:
    """Return a ``Host`` header without its port."""
    name, _, port = host.rpartition(":")
    return (name if port.isdecimal() else host).lower()


def _is_within(
    address: IPv4Address | IPv6Address, networks: tuple[IPv4Network | IPv6Network, ...]
) -> bool:
    return any(address in network for network in networks)
