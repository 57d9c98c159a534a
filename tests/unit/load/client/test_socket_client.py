"""The socket client, against a server that plays scripts."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from bountyexpo.load.client.socket_client import Refused, SocketFailed, socket_url
from bountyexpo.load.client.stream_log import StreamLog

from tests.unit.load.conftest import Peer, ScriptedServer


def event(seq: int, stream: str = "conv:A", **more: Any) -> dict[str, Any]:
    return {"type": "message.new", "stream": stream, "seq": seq, "epoch": "e1", **more}


async def echo_acks(peer: Peer) -> None:
    await peer.greet()
    while True:
        frame = await peer.hear()
        await peer.say({"type": "ack", "re": frame["id"], "ok": True, "of": frame["type"]})


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_a_request_gets_its_reply(server: ScriptedServer, codec: str) -> None:
    server.scripts = [echo_acks]
    client = server.client(codec=codec)

    replies = [await client.request(kind) for kind in ("join", "leave")]

    assert [reply["of"] for reply in replies] == ["join", "leave"]
    assert client.welcome["userId"] == "u1"


async def test_a_request_is_repeated_on_the_next_connection(server: ScriptedServer) -> None:
    async def die_after_hearing(peer: Peer) -> None:
        await peer.greet()
        await peer.hear()
        await peer.connection.aclose(1012)

    server.scripts = [die_after_hearing, echo_acks]
    client = server.client()

    reply = await client.request("join")

    assert reply["of"] == "join"
    assert client.connections == 2


async def test_a_refusal_is_raised_with_its_code(server: ScriptedServer) -> None:
    async def refuse(peer: Peer) -> None:
        await peer.greet()
        frame = await peer.hear()
        await peer.say({"type": "error", "re": frame["id"], "code": "BLOCKED", "message": "No."})

    server.scripts = [refuse]

    with pytest.raises(Refused, match="BLOCKED: No"):
        await server.client().request("join")


async def test_a_retryable_refusal_is_tried_again(server: ScriptedServer) -> None:
    async def refuse_once(peer: Peer) -> None:
        await peer.greet()
        name = (await peer.hear())["id"]
        await peer.say(
            {"type": "error", "re": name, "code": "X", "retryable": True, "retryAfterMs": 1}
        )
        name = (await peer.hear())["id"]
        await peer.say({"type": "ack", "re": name, "ok": True})

    server.scripts = [refuse_once]

    assert (await server.client().request("join"))["ok"]


async def test_a_new_connection_goes_on_from_what_was_heard(server: ScriptedServer) -> None:
    log = StreamLog()
    log.hear(event(1))

    async def replay(peer: Peer) -> None:
        hello = await peer.greet(heads={"conv:A": {"seq": 2, "epoch": "e1"}})
        assert hello["streams"] == {"conv:A": {"seq": 1, "epoch": "e1"}}
        await peer.say(event(2, replay=True))
        await peer.say({"type": "synced", "limited": []})

    server.scripts = [replay]

    await server.client(log=log).wait_for("message.new", lambda frame: frame["seq"] == 2)

    assert [frame["seq"] for frame in log.events] == [1, 2]
    assert log.faults == []


async def test_a_head_never_heard_of_is_synced_from_the_beginning(server: ScriptedServer) -> None:
    async def replay(peer: Peer) -> None:
        await peer.greet(heads={"user:u1": {"seq": 2, "epoch": "e1"}})
        sync = await peer.hear()
        assert sync["streams"] == {"user:u1": {"seq": 0, "epoch": "e1"}}
        await peer.say(event(1, "user:u1", replay=True))
        await peer.say(event(2, "user:u1", replay=True))
        await peer.say({"type": "synced", "re": sync["id"], "limited": []})

    server.scripts = [replay]
    client = server.client()

    await client.wait_for("message.new", lambda frame: frame["seq"] == 2)

    assert client.log.faults == []


async def test_a_gap_is_synced_and_told_in_order(server: ScriptedServer) -> None:
    async def skip_one(peer: Peer) -> None:
        await peer.greet()
        await peer.say(event(1))
        await peer.say(event(3))
        sync = await peer.hear()
        assert sync["streams"] == {"conv:A": {"seq": 1, "epoch": "e1"}}
        await peer.say(event(2, replay=True))
        await peer.say(event(3, replay=True))
        await peer.say({"type": "synced", "re": sync["id"], "limited": []})

    server.scripts = [skip_one]
    client = server.client()

    await client.wait_for("message.new", lambda frame: frame["seq"] == 3)

    assert [frame["seq"] for frame in client.log.events] == [1, 2, 3]
    assert client.log.faults == []


async def test_a_subscription_is_kept_over_a_reconnect(server: ScriptedServer) -> None:
    subscribed = trio.Event()

    async def accept_and_die(peer: Peer) -> None:
        await peer.greet()
        frame = await peer.hear()
        await peer.say({"type": "ack", "re": frame["id"], "ok": True, "heads": {}})
        await subscribed.wait()
        await peer.connection.aclose(1012)

    async def expect_topics(peer: Peer) -> None:
        hello = await peer.greet()
        await peer.say({"type": "told", "topics": hello["subscribe"]})

    server.scripts = [accept_and_die, expect_topics]
    client = server.client()

    await client.subscribe(["feed:open"])
    subscribed.set()

    assert (await client.wait_for("told"))["topics"] == ["feed:open"]


async def test_a_sent_message_is_heard_through_its_ack(server: ScriptedServer) -> None:
    async def ack(peer: Peer) -> None:
        await peer.greet()
        frame = await peer.hear()
        await peer.say({"type": "ack", "re": frame["id"], "ok": True, "seq": 1, "messageId": "m1"})

    server.scripts = [ack]
    client = server.client()

    await client.send_message("A", "c1", "Hello")

    heard = await client.wait_for("message.new")
    assert (heard["seq"], heard["messageId"], heard["text"]) == (1, "m1", "Hello")


async def test_a_final_close_code_ends_the_client(server: ScriptedServer) -> None:
    async def turn_away(peer: Peer) -> None:
        await peer.hear()
        await peer.connection.aclose(4401, "no such token")

    server.scripts = [turn_away]

    with pytest.raises(SocketFailed, match="4401 no such token"):
        await server.client().wait_open()


async def test_waiting_ends_at_the_deadline(server: ScriptedServer) -> None:
    server.scripts = [echo_acks]

    with pytest.raises(SocketFailed, match="in vain"):
        await server.client().wait_for("never", deadline_s=0.05)


async def test_a_server_that_is_not_there_is_waited_for(nursery: trio.Nursery) -> None:
    late = ScriptedServer(nursery)
    late.scripts = [echo_acks]
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    late.url = f"http://127.0.0.1:{port}"
    await listeners[0].aclose()
    client = late.client()
    await trio.testing.wait_all_tasks_blocked(0.01)

    again = await trio.open_tcp_listeners(port, host="127.0.0.1")
    await nursery.start(late._serve, again)

    assert (await client.request("join"))["ok"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:3001", "ws://127.0.0.1:3001/v1/socket"),
        ("https://example.com/", "wss://example.com/v1/socket"),
    ],
)
def test_the_socket_is_beside_the_rest_address(url: str, expected: str) -> None:
    assert socket_url(url) == expected
