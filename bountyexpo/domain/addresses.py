"""Addresses of the Internet in one spelling, and by what they are counted.

Proxies write a client's address with a port, in brackets or as IPv4 mapped into IPv6. A host with
IPv6 has a whole /64 to itself (RFC 6177), so that is what a limit counts.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

# Addresses that are looked at again and again within a moment.
REMEMBERED_MAX: Final = 65_536

# The part of an IPv6 address that names a network; the rest is the host's to choose.
NETWORK_BITS: Final = 64

# Where one listens who is to be reached at every address of the machine.
EVERY_IPV4: Final = "0.0.0.0"  # noqa: S104
EVERY_IPV6: Final = "::"


@lru_cache(maxsize=REMEMBERED_MAX)
def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in ``text``, without port, brackets or zone; None if it is none."""
    host = text.strip()
    if host.startswith("["):
        host, bracket, rest = host[1:].partition("]")
        if not bracket or (rest and not _is_port(rest)):
            return None
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
        if not _is_port(f":{port}"):
            return None
    try:
        found = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


@lru_cache(maxsize=REMEMBERED_MAX)
def one_spelling(text: str) -> str:
    """Return the address in its one spelling; what is no address stays as it is."""
    found = parse_address(text)
    return text if found is None else str(found)


@lru_cache(maxsize=REMEMBERED_MAX)
def counted_as(address: str) -> str:
    """Return what a limit counts this address as: itself, or the network of an IPv6 host."""
    found = parse_address(address)
    if found is None:
        return address
    if isinstance(found, IPv4Address):
        return str(found)
    return str(IPv6Network((found, NETWORK_BITS), strict=False))


def reached_at(host: str) -> str:
    """Return the host by which this machine reaches itself, as it stands in an address."""
    if host == EVERY_IPV4:
        return "127.0.0.1"
    if host == EVERY_IPV6:
        return "[::1]"
    return f"[{host}]" if ":" in host else host


def parse_host(text: str) -> str:
    """Return a host to listen at, an IPv6 address without its brackets.

    Raises:
        ValueError: it is more or less than a host.
    """
    is_bracketed = text.startswith("[") and text.endswith("]")
    host = text[1:-1] if is_bracketed else text
    if is_bracketed or ":" in host:
        try:
            ip_address(host.partition("%")[0])
        except ValueError:
            raise ValueError("is no host: it has a port, or is a broken address") from None
        return host
    if not host.replace("-", "").replace(".", "").replace("_", "").isalnum():
        raise ValueError("is not a host")
    return host


def _is_port(text: str) -> bool:
    return text.isascii() and text[0] == ":" and text[1:].isdecimal()
