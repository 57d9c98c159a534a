from __future__ import annotations

from ipaddress import ip_network

import pytest
from bountyexpo.edge.client_address import client_address, is_local

OURS = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.9, 192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.9, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.1, nonsense", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("fd00::1", "2001:db8::1", "2001:db8::1"),
        ("192.0.2.7", "192.0.2.1", "192.0.2.7"),
        ("10.0.0.1", "192.0.2.1:4711", "192.0.2.1"),
        ("10.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
        ("10.0.0.1", "[2001:DB8:0::1]", "2001:db8::1"),
        ("10.0.0.1", "fe80::1%eth0", "fe80::1"),
        ("10.0.0.1", "::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.7", "192.0.2.1", "192.0.2.7"),
        ("10.0.0.1", "192.0.2.1:port", "10.0.0.1"),
        ("10.0.0.1", "[2001:db8::1]443", "10.0.0.1"),
        ("", "192.0.2.1", ""),
    ],
)
def test_address_is_believed_only_from_our_proxies(peer, forwarded, address):
    assert client_address(peer, {"x-forwarded-for": forwarded}, OURS) == address


def test_without_proxies_nothing_is_believed():
    assert client_address("10.0.0.1", {"x-forwarded-for": "192.0.2.1"}, ()) == "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "headers", "local"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("192.0.2.1", {}, False),
        ("", {}, False),
        ("127.0.0.1", {"forwarded": "for=1.2.3.4"}, False),
        ("127.0.0.1", {"x-real-ip": "1.2.3.4"}, False),
    ],
)
def test_local_means_made_here_and_not_passed_on(peer, headers, local):
    assert is_local(peer, headers) is local
