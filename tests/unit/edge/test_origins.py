"""A page of the host that it calls is ours in every spelling, and no other is."""

from __future__ import annotations

from ipaddress import ip_network
from itertools import product

import pytest
from bountyexpo.edge.origins import Origins

PROXY, STRANGER = "10.0.0.1", "192.0.2.1"
OURS = (ip_network("10.0.0.0/8"),)
SPELLINGS = {"http": ("", ":80"), "https": ("", ":443")}


def admits(origin, *, hop=STRANGER, allowed=(), **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Origins(allowed, OURS).admits({"origin": origin, **named}, hop)


@pytest.mark.parametrize("name", ["api.example.com", "localhost", "192.0.2.9", "[2001:db8::1]"])
@pytest.mark.parametrize("change", [str.lower, str.upper, str.title])
def test_the_called_host_is_ours_in_every_spelling(name, change):
    for scheme, ports in SPELLINGS.items():
        for theirs, ours in product(ports, ports):
            assert admits(change(f"{scheme}://{name}{theirs}"), host=f"{name}{ours}")
            assert admits(f"{scheme}://{name}{theirs}", host=change(f"{name}{ours}"))
        assert admits(change(f"{scheme}://{name}:8443"), host=f"{name}:8443")


@pytest.mark.parametrize("scheme", SPELLINGS)
@pytest.mark.parametrize(
    "rest",
    [
        *("other.example", "example.com", "api.example.com.other.example", "api.example.comx"),
        *("xapi.example.com", "api.example.com:8443", "api.example.com:0", "api.example.com:99999"),
        *("api.example.com:x", "api.example.com/", "api.example.com?", "api.example.com#a"),
        *("api.example.com@other.example", "other.example@api.example.com", "", ":80", "["),
        *("api.example.com, https://other.example", " api.example.com", "api.example.com."),
    ],
)
def test_every_other_host_is_foreign(scheme, rest):
    assert not admits(f"{scheme}://{rest}", host="api.example.com")


@pytest.mark.parametrize(
    "origin",
    ["", "null", "file://", "api.example.com", "//api.example.com", "ftp://api.example.com"],
)
@pytest.mark.parametrize("host", ["api.example.com", "", "@"])
def test_what_is_no_origin_of_the_web_is_foreign(origin, host):
    assert not admits(origin, host=host)


def test_who_names_no_origin_is_no_page():
    assert Origins().admits({"host": "x"}, STRANGER)


def test_any_origin_may_be_allowed():
    for origin in ("null", "file://", "https://other.example"):
        assert admits(origin, allowed=("*",), host="api.example.com")


@pytest.mark.parametrize("listed", ["https://app.example", "https://app.example:443"])
def test_a_listed_origin_is_ours_with_its_scheme_and_port(listed):
    for origin in ("https://app.example", "https://APP.example:443"):
        assert admits(origin, allowed=(listed,), host="api.example.com")
    for origin in ("http://app.example", "https://app.example:8443", "https://x.app.example"):
        assert not admits(origin, allowed=(listed,), host="api.example.com")


@pytest.mark.parametrize(
    ("told", "origin"),
    [
        ({"x_forwarded_host": "api.example.com"}, "https://api.example.com"),
        ({"x_forwarded_host": "API.example.com:443"}, "https://api.example.com"),
        ({"x_forwarded_host": "api.example.com:8443"}, "https://api.example.com:8443"),
        ({"x_forwarded_host": "edge.example.com, api.example.com"}, "http://edge.example.com"),
        (
            {"x_forwarded_host": "api.example.com", "x_forwarded_port": "8443"},
            "https://api.example.com:8443",
        ),
        ({"x_forwarded_port": "8443"}, "https://backend:8443"),
        ({"x_forwarded_proto": "https"}, "https://backend"),
    ],
)
def test_only_our_own_proxy_tells_the_called_host(told, origin):
    assert admits(origin, hop=PROXY, host="backend", **told)
    if "backend" not in origin or "8443" in origin:
        assert not admits(origin, hop=STRANGER, host="backend", **told)
    assert not admits("https://evil.example", hop=PROXY, host="backend", **told)
