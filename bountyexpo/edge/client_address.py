"""Whose address a request comes from, when proxies stand between.

``X-Forwarded-For`` can be written by anybody. It is believed only from the right, and only as long
as the hop that added an entry is one of our own proxies.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Network, IPv6Network

FORWARDED_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip")


def client_address(
    peer: str, headers: Mapping[str, str], trusted: tuple[IPv4Network | IPv6Network, ...]
) -> str:
    """Return the nearest address that is not one of our proxies."""
    if not trusted or not _is_within(peer, trusted):
        return peer
    for hop in reversed(headers.get("x-forwarded-for", "").split(",")):
        address = hop.strip()
        if not _is_address(address):
            break
        peer = address
        if not _is_within(address, trusted):
            break
    return peer


def is_local(peer: str, headers: Mapping[str, str]) -> bool:
    """Tell whether the request was made on this machine and not merely passed on by it."""
    return (
        _is_address(peer)
        and ip_address(peer).is_loopback
        and not any(name in headers for name in FORWARDED_HEADERS)
    )


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_within(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return _is_address(address) and any(ip_address(address) in network for network in networks)
