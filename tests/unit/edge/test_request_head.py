"""A head is read leniently: it only has to choose a handler."""

from __future__ import annotations

import pytest
from bountyexpo.edge.request_head import parse_head


def test_names_are_lowered_and_values_trimmed():
    head = parse_head(b"GET /a?b=c HTTP/1.1\r\nHost:  x \r\nX-Y: 1\r\nx-y: 2\r\n\r\nbody")
    assert (head.method, head.target, head.path) == ("GET", "/a?b=c", "/a")
    assert head.headers == {"host": "x", "x-y": "1, 2"}
    assert not head.is_upgrade


@pytest.mark.parametrize("origin", ["http://x", "HTTPS://x:8443", "http://[::1]:3001"])
def test_an_absolute_target_names_a_path(origin):
    head = parse_head(f"GET {origin}/v1/socket?a=http://b HTTP/1.1\r\n\r\n".encode())
    assert (head.path, head.target) == ("/v1/socket", "/v1/socket?a=http://b")


@pytest.mark.parametrize("value", ["websocket", "WebSocket", "h2c, websocket"])
def test_any_wish_for_a_socket_is_seen(value):
    assert parse_head(f"GET / HTTP/1.1\r\nUpgrade: {value}\r\n\r\n".encode()).is_upgrade


@pytest.mark.parametrize("data", [b"\r\n\r\n", b"\xff\xfe\r\n\r\n", b"GET\r\n:\r\nx\r\n\r\n"])
def test_nonsense_is_read_without_a_fault(data):
    assert not parse_head(data).is_upgrade
