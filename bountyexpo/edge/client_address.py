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

FORWARDED_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip")


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


def is_local(peer: str, headers: Mapping[str, str]) -> bool:
    """Tell whether the request was made on this machine and not merely passed on by it."""
    found = parse_address(peer)
    return (
        found is not None
        and found.is_loopback
        and not any(name in headers for name in FORWARDED_HEADERS)
    )


def _is_within(
    address: IPv4Address | IPv6Address, networks: tuple[IPv4Network | IPv6Network, ...]
) -> bool:
    return any(address in network for network in networks)
