from __future__ import annotations

from ipaddress import ip_network

import pytest
from bountyexpo.edge.client_address import FORWARDED_HEADERS, client_address, is_local

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
    ("peer", "host", "local"),
    [
        ("127.0.0.1", "localhost", True),
        ("127.0.0.1", "LOCALHOST:3001", True),
        ("127.0.0.1", "127.0.0.1:3001", True),
        ("127.0.0.53", "127.0.0.1", True),
        ("::1", "[::1]:3001", True),
        ("::1", "[::1]", True),
        ("::ffff:127.0.0.1", "localhost:3001", True),
        ("192.0.2.1", "localhost", False),
        ("192.0.2.1", "127.0.0.1:3001", False),
        ("", "localhost", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "api.example.com", False),
        ("127.0.0.1", "localhost.example.com", False),
        ("127.0.0.1", "backend:3001", False),
    ],
)
def test_local_means_made_here(peer, host, local):
    assert is_local(peer, {"host": host}, OURS) is local


@pytest.mark.parametrize("name", sorted(FORWARDED_HEADERS))
def test_what_was_passed_on_is_not_local(name):
    assert not is_local("127.0.0.1", {"host": "localhost", name: ""}, ())


def test_what_our_own_proxy_sends_is_not_local_although_it_says_nothing():
    headers = {"host": "127.0.0.1:3001"}

    assert is_local("127.0.0.1", headers, OURS)
    assert not is_local("127.0.0.1", headers, (*OURS, ip_network("127.0.0.0/8")))
    assert not is_local("::1", headers, (ip_network("::1/128"),))
