"""What opens a socket, and what is refused before it."""

from __future__ import annotations

import pytest
from bountyexpo.edge.request_head import parse_head
from bountyexpo.errors import InvalidRequest, NotAllowed
from bountyexpo.ws.transport.handshake import Handshake
from bountyexpo.ws.transport.subprotocol import Subprotocol

JSON, MSGPACK = Subprotocol("bounty.v1.json", 1), Subprotocol("bounty.v1.msgpack", 2)

HEADERS = {
    "Host": "api.example",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


def request(*, line="GET /v1/socket?ticket=t%201 HTTP/1.1", **changes):
    headers = {**HEADERS, **{name.replace("_", "-"): value for name, value in changes.items()}}
    lines = [line, *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def judge(data, **options):
    return Handshake((JSON, MSGPACK), **options).judge(parse_head(data), data, "1.2.3.4")


def test_a_plain_handshake_is_answered_as_the_rfc_shows():
    upgrade = judge(request())
    assert b"101 Switching Protocols" in upgrade.response
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in upgrade.response
    assert b"Sec-WebSocket-Protocol" not in upgrade.response
    assert upgrade.subprotocol is JSON
    assert upgrade.request.path == "/v1/socket"
    assert upgrade.request.query == {"ticket": "t 1"}
    assert upgrade.request.peer == "1.2.3.4"
    assert upgrade.request.bearer is None


@pytest.mark.parametrize(
    ("offer", "chosen"),
    [
        ("bounty.v1.json", JSON),
        ("bounty.v1.msgpack", MSGPACK),
        ("bounty.v1.msgpack, bounty.v1.json", MSGPACK),
        ("other, bounty.v1.json", JSON),
    ],
)
def test_the_first_known_subprotocol_is_chosen(offer, chosen):
    upgrade = judge(request(Sec_WebSocket_Protocol=offer))
    assert upgrade.subprotocol is chosen
    assert f"Sec-WebSocket-Protocol: {chosen.name}\r\n".encode() in upgrade.response


def test_unknown_subprotocols_are_refused():
    with pytest.raises(InvalidRequest, match="subprotocol"):
        judge(request(Sec_WebSocket_Protocol="bounty.v9.json"))


def test_a_bearer_item_is_a_credential_and_is_not_echoed():
    upgrade = judge(request(Sec_WebSocket_Protocol="bearer.aaa.bbb.ccc, bounty.v1.json"))
    assert upgrade.request.bearer == "aaa.bbb.ccc"
    assert upgrade.request.subprotocols == ("bounty.v1.json",)
    assert b"aaa" not in upgrade.response


def test_a_bearer_item_alone_offers_no_subprotocol():
    upgrade = judge(request(Sec_WebSocket_Protocol="bearer.aaa.bbb.ccc"))
    assert upgrade.subprotocol is JSON
    assert b"Sec-WebSocket-Protocol" not in upgrade.response


def test_the_authorization_header_comes_first():
    upgrade = judge(
        request(Authorization="Bearer head", Sec_WebSocket_Protocol="bearer.item, bounty.v1.json")
    )
    assert upgrade.request.bearer == "head"


def test_compression_is_not_negotiated():
    upgrade = judge(request(Sec_WebSocket_Extensions="permessage-deflate"))
    assert b"Extensions" not in upgrade.response


@pytest.mark.parametrize(
    "data",
    [
        request(Sec_WebSocket_Key=None),
        request(Sec_WebSocket_Key="short"),
        request(Sec_WebSocket_Version="8"),
        request(Sec_WebSocket_Version=None),
        request(Connection="close"),
        request(Upgrade="websocket, h2c"),
        request(Host=None),
        request(Host="x\r\nHost: y"),
        request(line="POST /v1/socket HTTP/1.1"),
        request(line="GET /v1/socket HTTP/1.0"),
        request(line="nonsense"),
        request(Content_Length="5"),
        request(Bad_Header_="\x00"),
    ],
)
def test_a_malformed_handshake_is_refused(data):
    with pytest.raises(InvalidRequest):
        judge(data)


@pytest.mark.parametrize(
    ("origin", "origins"),
    [
        (None, ()),
        ("https://api.example", ()),
        ("https://app.example", ("https://app.example",)),
        ("https://evil.example", ("*",)),
    ],
)
def test_an_allowed_origin_opens(origin, origins):
    assert judge(request(Origin=origin), origins=origins)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://api.example.evil"])
def test_a_foreign_origin_is_refused(origin):
    with pytest.raises(NotAllowed):
        judge(request(Origin=origin), origins=("https://app.example",))
