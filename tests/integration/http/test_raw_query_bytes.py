"""Raw bytes in a query, which no address may have, are no failure of ours in either protocol."""

from __future__ import annotations

import h2.config
import h2.connection
import h2.events
import msgspec
import pytest
import trio

from tests.integration.http.fast_and_fallback import both_ways, operations, path_of
from tests.integration.plain_client import Reply, request
from tests.patience import PATIENCE_S

READS = [(each, route) for each in operations() for route in each.routes if route.method == "GET"]
QUERIES = (b"a=\xff", b"\xc3\x28", b"limit=\xfe\xff", b"\x80=1", b"a=\xc3\xa9", b"limit=1&\xff")


async def ask_by_http_2(port, path):
    """Ask with prior knowledge of HTTP/2; returns the answer."""
    peer = h2.connection.H2Connection(h2.config.H2Configuration(validate_outbound_headers=False))
    peer.initiate_connection()
    fields = (b":method", b"GET"), (b":scheme", b"http"), (b":path", path), (b":authority", b"x")
    peer.send_headers(1, fields, end_stream=True)
    headers, body = {}, b""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(peer.data_to_send())
        while data := await stream.receive_some():
            for event in peer.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    headers = {name.decode(): text.decode() for name, text in event.headers}
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data
                elif isinstance(event, h2.events.StreamEnded):
                    return Reply(int(headers[":status"]), headers, body)
            await stream.send_all(peer.data_to_send())
    raise AssertionError("the connection ended without an answer")


@pytest.mark.parametrize("query", QUERIES, ids=repr)
async def test_raw_bytes_are_refused_the_same_in_both_protocols(query):
    with trio.fail_after(PATIENCE_S):
        async with both_ways() as ways:
            for _, route in READS:
                path = path_of(route).encode() + b"?" + query
                line = f"GET {path.decode('latin-1')}"
                old = request(line).decode().encode("latin-1")
                fast, fallback = await ways.ask(old)
                new = await ask_by_http_2(ways.fallback_port, path)

                assert new.status == fast.status == fallback.status == 400, (path, new.body)
                assert msgspec.json.decode(new.body)["code"] == "MALFORMED_REQUEST"
