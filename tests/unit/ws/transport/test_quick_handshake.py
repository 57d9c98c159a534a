"""The quick judge of handshakes says yes only where the library would, and says the same."""

from __future__ import annotations

import pytest
from bountyexpo.edge.request_head import parse_head
from bountyexpo.ws.transport import handshake
from bountyexpo.ws.transport.handshake import Handshake, quick_upgrade
from bountyexpo.ws.v1.serializer import SUBPROTOCOLS

PLAIN = {
    "Host": "example.com",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def request(line="GET /v1/socket HTTP/1.1", **changes):
    named = {name.replace("_", "-"): value for name, value in changes.items()}
    headers = {name: value for name, value in {**PLAIN, **named}.items() if value is not None}
    lines = [line, *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def quick(data):
    return quick_upgrade(parse_head(data), data)


@pytest.mark.parametrize("offered", [None, "bounty.v1.msgpack", "x, bounty.v1.json, bearer.abc"])
@pytest.mark.parametrize("origin", [None, "https://example.com"])
def test_it_answers_what_the_library_answers(monkeypatch, offered, origin):
    data = request(Sec_WebSocket_Protocol=offered, Origin=origin)
    judge = Handshake(SUBPROTOCOLS).judge
    fast = judge(parse_head(data), data, "192.0.2.1")
    monkeypatch.setattr(handshake, "quick_upgrade", lambda _head, _data: None)
    slow = judge(parse_head(data), data, "192.0.2.1")

    assert quick(data) is not None
    assert fast.subprotocol is slow.subprotocol
    assert fast.request == slow.request
    assert answered(fast.response) == answered(slow.response)


def answered(response):
    status, *lines = response.decode().strip().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return status.split()[:2], {
        name: value for name, value in headers.items() if name not in {"date", "server"}
    }


@pytest.mark.parametrize(
    "data",
    [
        request("POST /v1/socket HTTP/1.1"),
        request("GET /v1/socket HTTP/1.0"),
        request("GET /v1 /socket HTTP/1.1"),
        request(Upgrade="h2c, websocket"),
        request(Connection="keep-alive"),
        request(Sec_WebSocket_Version="8"),
        request(Sec_WebSocket_Version="13, 13"),
        request(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ"),
        request(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZX=="),
        request(Sec_WebSocket_Key=None),
        request(Content_Length="5"),
        request(Transfer_Encoding="chunked"),
        request(X_Folded="a\r\n b"),
        request(X_Odd="a\x00b"),
        request(**{"X Space": "a"}),
    ],
)
def test_it_leaves_the_unusual_to_the_library(data):
    assert quick(data) is None
