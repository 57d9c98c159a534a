"""What opens a socket, and what is refused before it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from bountyexpo.edge.origins import Origins
from bountyexpo.edge.request_head import parse_head
from bountyexpo.errors import InvalidRequest, NotAllowed
from bountyexpo.ws.transport.handshake import Handshake
from bountyexpo.ws.transport.subprotocol import Subprotocol

JSON, MSGPACK = Subprotocol("bounty.v1.json", 1), Subprotocol("bounty.v1.msgpack", 2)

PROXY = "10.0.0.1"
BARE = "GET /v1/socket HTTP/1.1"

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
    return Handshake((JSON, MSGPACK), **options).judge(parse_head(data), data, "1.2.3.4", PROXY)


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
    "offer",
    [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        'permessage-deflate; server_max_window_bits="10", x-webkit-deflate-frame',
        "  foo ;  bar = baz ,, qux",
    ],
)
def test_extensions_that_are_well_formed_are_left_out(offer):
    assert b"Extensions" not in judge(request(Sec_WebSocket_Extensions=offer)).response


@pytest.mark.parametrize(
    "offer",
    [
        "",
        ",",
        ";",
        "permessage-deflate;",
        "permessage-deflate; =10",
        "permessage-deflate; a=",
        'permessage-deflate; a="b',
        'permessage-deflate; a="b c"',
        "permessage-deflate client_max_window_bits",
        "a/b",
        "a\tb",
        "permessage-deflate\r\nSec-WebSocket-Extensions: a b",
    ],
)
@pytest.mark.parametrize("origin", [None, "https://api.example"])
def test_extensions_that_are_malformed_are_refused(offer, origin):
    with pytest.raises(InvalidRequest, match="extensions"):
        judge(request(Sec_WebSocket_Extensions=offer, Origin=origin))


FOREIGN = (
    *("https://evil.example", "null", "https://api.example.evil", "file://", "", "nonsense"),
    *("https://api.example:8443", "https://api.example@evil.example", "chrome-extension://abc"),
    *("https://api.example/path", "https://api.example, https://evil.example", "https://["),
)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, ()),
        ("https://api.example", ()),
        ("https://app.example", ("https://app.example",)),
        ("https://evil.example", ("*",)),
    ],
)
def test_an_allowed_origin_opens(origin, allowed):
    assert judge(request(Origin=origin), origins=Origins(allowed))


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_origin_is_refused(origin):
    with pytest.raises(NotAllowed):
        judge(request(line=BARE, Origin=origin), origins=Origins(("https://app.example",)))


CREDENTIALS = {
    "header": {"Authorization": "Bearer x"},
    "subprotocol": {"Sec_WebSocket_Protocol": "bounty.v1.json, bearer.x"},
    "ticket": {"line": "GET /v1/socket?ticket=x HTTP/1.1"},
    "token": {"line": "GET /messages/subscribe?token=x HTTP/1.1"},
}
NO_CREDENTIALS = {
    "cookie": {"Cookie": "session=x"},
    "empty header": {"Authorization": "Bearer "},
    "basic": {"Authorization": "Basic eDp5"},
    "empty subprotocol": {"Sec_WebSocket_Protocol": "bounty.v1.json, bearer."},
    "empty ticket": {"line": "GET /v1/socket?ticket= HTTP/1.1"},
    "token elsewhere": {"line": "GET /v1/socket?token=x HTTP/1.1"},
    "token of events": {"line": "GET /events/subscribe?token=x HTTP/1.1"},
}


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("name", CREDENTIALS)
def test_a_foreign_origin_opens_with_a_credential_in_the_handshake(origin, name):
    assert judge(request(**{"line": BARE, "Origin": origin, **CREDENTIALS[name]}))


@pytest.mark.parametrize("name", NO_CREDENTIALS)
def test_nothing_else_is_a_credential(name):
    with pytest.raises(NotAllowed):
        judge(request(**{"line": BARE, "Origin": "https://evil.example", **NO_CREDENTIALS[name]}))


def test_the_host_that_our_proxy_tells_is_ours():
    told = {"Host": "backend:3001", "Origin": "https://api.example"}
    forwarded = {"X-Forwarded-Host": "api.example", "X-Forwarded-Proto": "https"}

    assert judge(
        request(line=BARE, **told, **forwarded), origins=Origins(trusted=(ip_network(PROXY),))
    )
    with pytest.raises(NotAllowed):
        judge(request(line=BARE, **told, **forwarded))
