"""What a socket must not say: each broken rule ends it with the code that belongs to it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest
import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.integrations.tls import trusted

from tests.conformance.raw_client import RawClient, close_payload, frame
from tests.integration.product.product import is_sentence
from tests.integration.product.scene import wish
from tests.integration.product.wire import BINARY, TEXT, UPGRADE, Wire
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.product.product import Product
    from tests.integration.product.scene import Scene

CONTINUATION, CLOSE, PING = 0, 8, 9
FRAME_BYTES_MAX = 64 * 1024
SOCKETS_MAX = 10
JSON_PING = b'{"type":"ping"}'


@dataclass(frozen=True)
class Breach:
    """Bytes that break a rule, and the close code they earn."""

    name: str
    data: bytes
    code: int
    codec: str = "json"


BREACHES = [
    Breach("an unmasked frame", frame(TEXT, JSON_PING, mask=False), 1002),
    Breach("a fragmented ping", frame(PING, b"", final=False), 1002),
    Breach("a fragmented close", frame(CLOSE, close_payload(1000), final=False), 1002),
    Breach("a ping that is too long", frame(PING, b"x" * 126), 1002),
    Breach("a reserved opcode", frame(3, JSON_PING), 1002),
    Breach("a reserved control opcode", frame(11), 1002),
    Breach("a reserved bit", frame(TEXT, JSON_PING, rsv=4), 1002),
    Breach("a continuation of nothing", frame(CONTINUATION, JSON_PING), 1002),
    Breach("a close code that does not exist", frame(CLOSE, close_payload(1005)), 1002),
    Breach(
        "a new message inside another",
        frame(TEXT, b'{"type":', final=False) + frame(TEXT, b'"ping"}'),
        1002,
    ),
    Breach("text that is no UTF-8", frame(TEXT, b'{"type":"\xff"}'), 1007),
    Breach("a close reason that is no UTF-8", frame(CLOSE, close_payload(1000, b"\xff")), 1007),
    Breach("binary on a JSON socket", frame(BINARY, b"\x81\xa4type\xa4ping"), 1003),
    Breach("text on a msgpack socket", frame(TEXT, JSON_PING), 1003, "msgpack"),
    Breach("half a JSON text", frame(TEXT, b'{"type":'), 1007),
    Breach("a JSON list", frame(TEXT, b"[1,2]"), 1007),
    Breach("a bottomless JSON", frame(TEXT, b"[" * 60_000), 1007),
    Breach("half a msgpack map", frame(BINARY, b"\x82\xa4type"), 1007, "msgpack"),
    Breach("a msgpack list", frame(BINARY, b"\x92\x01\x02"), 1007, "msgpack"),
    Breach("a msgpack extension", frame(BINARY, b"\x81\xa4type\xd4\x01\x00"), 1007, "msgpack"),
    Breach("a frame beyond the limit", frame(TEXT, b" " * (FRAME_BYTES_MAX + 1)), 1009),
    Breach("a length beyond the limit", frame(TEXT, b"", length=2**40), 1009),
    Breach(
        "fragments beyond the limit",
        frame(TEXT, b" " * FRAME_BYTES_MAX, final=False) + frame(CONTINUATION, b" "),
        1009,
    ),
]


@pytest.fixture
async def deadline() -> AsyncIterator[None]:
    """No test waits longer than this."""
    with trio.fail_after(PATIENCE_S):
        yield


@pytest.mark.parametrize("breach", BREACHES, ids=lambda breach: breach.name)
@pytest.mark.parametrize("is_welcomed", [True, False], ids=["signed in", "fresh"])
async def test_a_breach_closes_the_socket(
    product: Product, scene: Scene, breach: Breach, is_welcomed: bool
) -> None:
    open_socket = (
        Wire.opened(product, scene.poster, codec=breach.codec)
        if is_welcomed
        else Wire.connected(product, codec=breach.codec)
    )
    with trio.fail_after(PATIENCE_S), product.unchanged():
        async with open_socket as wire:
            await wire.send(breach.data)

            assert await wire.closed() == breach.code


async def test_the_others_do_not_notice_a_breach(product: Product, scene: Scene) -> None:
    with trio.fail_after(PATIENCE_S):
        async with (
            Wire.opened(product, scene.poster) as neighbour,
            Wire.opened(product, scene.poster) as wire,
        ):
            await wire.send(frame(3))
            assert await wire.closed() == 1002

            await neighbour.say(type="ping", t=7)
            assert (await neighbour.hear("pong"))["t"] == 7


@pytest.mark.parametrize(
    "first",
    [{"type": "subscribe", "topics": ["feed:open"]}, {"type": "message.send"}, {"type": "nothing"}],
    ids=lambda first: first["type"],
)
async def test_whoever_does_not_begin_with_hello_is_refused(
    product: Product, scene: Scene, first: dict[str, Any]
) -> None:
    with trio.fail_after(PATIENCE_S), product.unchanged():
        async with Wire.connected(product, bearer=scene.poster.token) as wire:
            for _ in range(3):
                await wire.say(**first)
                assert (await wire.refusal())["code"] == "BAD_FRAME"

            assert await wire.closed() == 4400


async def test_an_unknown_version_is_refused(product: Product, scene: Scene) -> None:
    with trio.fail_after(PATIENCE_S):
        async with Wire.connected(product) as wire:
            await wire.say(type="hello", v=9, token=scene.poster.token)

            assert (await wire.refusal())["code"] == "VERSION_UNSUPPORTED"
            assert await wire.closed() == 4426


async def test_a_second_hello_is_refused(product: Product, scene: Scene) -> None:
    with trio.fail_after(PATIENCE_S):
        async with Wire.opened(product, scene.poster) as wire:
            reply = await wire.ask("hello", v=1, token=scene.hunter.token)

            assert (reply["type"], reply["code"]) == ("error", "BAD_FRAME")


REFUSED_FRAMES: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown type": ({"type": "teleport"}, "UNKNOWN_TYPE"),
    "an unknown operation": ({"type": "call", "op": "bounty.steal"}, "UNKNOWN_OPERATION"),
    "a call of nothing": ({"type": "call"}, "BAD_FRAME"),
    "arguments that are a list": ({"type": "call", "op": "bounty.list", "args": []}, "BAD_FRAME"),
    "a bounty without a title": (
        {"type": "call", "op": "bounty.create", "args": wish(title=...)},
        "VALIDATION_ERROR",
    ),
    "a number for a word": (
        {"type": "call", "op": "bounty.create", "args": wish(amount_cents="1000")},
        "VALIDATION_ERROR",
    ),
    "an unknown bounty": (
        {"type": "call", "op": "request.create", "args": {"bounty_id": new_id()}},
        "BOUNTY_NOT_FOUND",
    ),
    "a message to nobody": (
        {"type": "message.send", "conversationId": new_id(), "clientMsgId": "m", "text": "Hi"},
        "NOT_FOUND",
    ),
    "a message without a key": (
        {"type": "message.send", "conversationId": "{job}", "text": "Hi"},
        "VALIDATION_ERROR",
    ),
    "an empty message": (
        {"type": "message.send", "conversationId": "{job}", "clientMsgId": "m", "text": "  "},
        "EMPTY_MESSAGE",
    ),
    "an endless message": (
        {
            "type": "message.send",
            "conversationId": "{job}",
            "clientMsgId": "m",
            "text": "x" * 5_001,
        },
        "TEXT_TOO_LONG",
    ),
    "a message as the system": (
        {"type": "message.send", "conversationId": "{job}", "clientMsgId": "sys:1", "text": "Hi"},
        "VALIDATION_ERROR",
    ),
    "streams that are a list": ({"type": "sync", "streams": []}, "BAD_FRAME"),
    "a place before the beginning": (
        {"type": "sync", "streams": {"feed:open": {"seq": -1}}},
        "BAD_FRAME",
    ),
}


@pytest.mark.parametrize("codec", ["json", "msgpack"])
@pytest.mark.parametrize(("sent", "code"), REFUSED_FRAMES.values(), ids=REFUSED_FRAMES.keys())
async def test_a_frame_that_asks_too_much_is_refused_and_the_socket_stays(
    product: Product, scene: Scene, sent: dict[str, Any], code: str, codec: str
) -> None:
    fields = {
        name: scene.job.conversation_id if value == "{job}" else value
        for name, value in sent.items()
    }
    with trio.fail_after(PATIENCE_S):
        async with Wire.opened(product, scene.poster, codec=codec) as wire:
            with product.unchanged():
                error = await wire.ask(fields.pop("type"), **fields)

            assert (error["type"], error["code"]) == ("error", code)
            assert is_sentence(error["message"]), error
            await wire.say(type="ping")
            await wire.hear("pong")


async def test_a_strangers_message_is_refused(product: Product, scene: Scene) -> None:
    conversation_id = scene.job.conversation_id
    with trio.fail_after(PATIENCE_S):
        async with Wire.opened(product, scene.stranger) as wire:
            with product.unchanged():
                sent = await wire.ask(
                    "message.send", conversationId=conversation_id, clientMsgId=new_id(), text="Hi"
                )
                joined = await wire.ask("join", conversationId=conversation_id)

    assert (sent["type"], sent["code"]) == ("error", "NOT_PARTICIPANT")
    assert (joined["type"], joined["code"]) == ("error", "NOT_PARTICIPANT")


async def test_foreign_streams_are_neither_followed_nor_replayed(
    product: Product, scene: Scene
) -> None:
    foreign = [f"user:{scene.poster.id}", f"conv:{scene.job.conversation_id}"]
    with trio.fail_after(PATIENCE_S):
        async with Wire.opened(
            product,
            scene.stranger,
            subscribe=foreign,
            streams={name: {"seq": 0, "epoch": "e1"} for name in foreign},
        ) as wire:
            told = wire.heard[-1]
            greeted = await wire.hear("synced")
            answer = await wire.ask("subscribe", topics=foreign)
            again = await wire.ask("sync", streams={name: {"seq": 0} for name in foreign})

    assert not set(foreign) & set(told["heads"])
    assert [item["topic"] for item in answer["rejected"]] == foreign
    assert answer["accepted"] == []
    assert not set(foreign) & set(answer["heads"])
    for synced in (greeted, again):
        assert {item["stream"] for item in synced["limited"]} <= set(foreign)
        assert not any(item.get("headSeq") for item in synced["limited"])
    assert not [heard for heard in wire.heard if heard.get("stream") in foreign]


async def test_a_key_used_for_another_message_is_refused(product: Product, scene: Scene) -> None:
    key, where = new_id(), scene.job.conversation_id
    with trio.fail_after(PATIENCE_S):
        async with Wire.opened(product, scene.hunter) as wire:
            sent = {"conversationId": where, "clientMsgId": key}
            first = await wire.ask("message.send", **sent, text="At noon?")
            with product.unchanged():
                other = await wire.ask("message.send", **sent, text="At one?")
                again = await wire.ask("message.send", **sent, text="At noon?")

    assert (other["type"], other["code"]) == ("error", "CLIENT_ID_REUSED")
    assert (again["duplicate"], again["seq"]) == (True, first["seq"])


async def test_a_token_of_somebody_else_does_not_change_who_speaks(
    product: Product, scene: Scene
) -> None:
    with trio.fail_after(PATIENCE_S):
        async with Wire.opened(product, scene.stranger) as wire:
            reply = await wire.ask("auth.refresh", token=scene.poster.token)
            me = await wire.ask("call", op="auth.me")

    assert (reply["type"], reply["code"]) == ("error", "FORBIDDEN")
    assert me["result"]["id"] == scene.stranger.id


async def test_one_socket_too_many_closes_the_oldest(product: Product) -> None:
    person = product.person("collector")
    with trio.fail_after(PATIENCE_S):
        async with AsyncExitStack() as stack:
            wires = [
                await stack.enter_async_context(Wire.opened(product, person))
                for _ in range(SOCKETS_MAX + 1)
            ]

            assert await wires[0].closed() == 4409
            for wire in wires[1:]:
                await wire.say(type="ping")
                await wire.hear("pong")


UPGRADES: dict[str, tuple[dict[str, str], int]] = {
    "only unknown subprotocols": ({"sec-websocket-protocol": "chat.v9"}, 400),
    "a foreign origin": ({"origin": "https://evil.example"}, 403),
    "another version": ({"sec-websocket-version": "8"}, 400),
    "no key": ({"sec-websocket-key": ""}, 400),
}


@pytest.mark.parametrize(("headers", "status"), UPGRADES.values(), ids=UPGRADES.keys())
def test_a_bad_handshake_is_refused_before_the_upgrade(
    product: Product, headers: dict[str, str], status: int
) -> None:
    with httpx.Client(verify=trusted(), trust_env=False) as client:
        response = client.get(f"{product.url}/v1/socket", headers=UPGRADE | headers)

    assert response.status_code == status
    body = msgspec.json.decode(response.content)
    assert is_sentence(body["message"])
    assert body["success"] is False


def test_an_upgrade_elsewhere_is_refused(product: Product) -> None:
    with httpx.Client(verify=trusted(), base_url=product.url, trust_env=False) as client:
        assert client.get("/livez").status_code == 200

        response = client.get("/v1/elsewhere", headers=UPGRADE)

        assert response.status_code == 404
        assert is_sentence(response.json()["message"])
        assert client.get("/livez").status_code == 200


def test_an_upgrade_of_an_operation_is_not_followed(product: Product) -> None:
    # RFC 9110 §7.8: a server may answer as if nobody had asked for another protocol.
    with httpx.Client(verify=trusted(), base_url=product.url, trust_env=False) as client:
        response = client.get("/api/bounties", headers=UPGRADE)

        assert response.status_code == 200
        assert "upgrade" not in response.headers


async def test_a_client_that_hangs_up_in_its_hello_leaves_nothing(
    product: Product, scene: Scene
) -> None:
    hello = msgspec.json.encode({"type": "hello", "v": 1, "token": scene.poster.token})
    with trio.fail_after(PATIENCE_S), product.unchanged():
        for _ in range(5):
            client = await RawClient.connect(product.port, behind=frame(TEXT, hello))
            await client.aclose()
        async with Wire.opened(product, scene.poster) as wire:
            await wire.say(type="ping")
            await wire.hear("pong")
