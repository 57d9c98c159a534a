"""The session protocol against a real server, spoken by a client that knows nothing of ours."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import msgspec
import pytest
import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.integrations.tls import trusted
from bountyexpo.sandbox.emulators import SECRETS_FILE, Secrets
from trio_websocket import ConnectionClosed, connect_websocket_url

from tests.databases import temporary_folder
from tests.integration.product.product import standing
from tests.patience import PATIENCE_S
from tests.server_process import ServerProcess, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

SERIALIZERS = {"json": msgspec.json, "msgpack": msgspec.msgpack}


@pytest.fixture(scope="module")
def server(module_dsn: str) -> Iterator[ServerProcess]:
    """A server with the limits of production."""
    limits = {"RATE_LIMITS": "on", "RATE_LIMIT_MULTIPLIER": "1"}
    with (
        temporary_folder() as path,
        standing(ServerProcess(path, DATABASE_URL=module_dsn, **limits)) as server,
    ):
        yield server


class Person:
    """Somebody with a token, who calls by REST."""

    def __init__(self, server: ServerProcess, **claims: Any) -> None:
        secrets = msgspec.json.decode((server.folder / SECRETS_FILE).read_bytes(), type=Secrets)
        self.id = new_id()
        now = int(time.time())
        self.claims = {
            "iss": secrets.issuer,
            "sub": self.id,
            "aud": "authenticated",
            "role": "authenticated",
            "iat": now,
            "exp": now + 3600,
            "session_id": new_id(),
            "email": f"{self.id}@example.com",
            **claims,
        }
        self.token = jwt.encode(self.claims, secrets.jwt_secret, algorithm="HS256")
        self.server = server
        self.call("GET", "/auth/me")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"authorization": f"Bearer {self.token}"}
        with httpx.Client(
            verify=trusted(), base_url=self.server.url, timeout=PATIENCE_S, trust_env=False
        ) as client:
            response = client.request(method, path, json=body, headers=headers)
        assert response.is_success, response.text
        return response.json()

    def talks_to(self, other: Person) -> str:
        body = {"participantIds": [other.id]}
        return self.call("POST", "/api/conversations", body)["conversation"]["id"]


class Socket:
    """A connection that decodes what comes."""

    def __init__(self, connection: Any, serializer: str) -> None:
        self.connection = connection
        self.serializer = serializer
        self.frames: list[dict[str, Any]] = []

    async def say(self, **frame: Any) -> None:
        data = SERIALIZERS[self.serializer].encode(frame)
        await self.connection.send_message(data.decode() if self.serializer == "json" else data)

    async def hears(self, *kinds: str) -> dict[str, Any]:
        with trio.fail_after(PATIENCE_S):
            while True:
                data = await self.connection.get_message()
                raw = data.encode() if isinstance(data, str) else data
                frame = SERIALIZERS[self.serializer].decode(raw)
                self.frames.append(frame)
                if frame["type"] in kinds:
                    return frame

    async def closed(self) -> int:
        with trio.fail_after(PATIENCE_S):
            while True:
                try:
                    await self.connection.get_message()
                except ConnectionClosed as closed:
                    return closed.reason.code


@asynccontextmanager
async def socket(
    server: ServerProcess,
    path: str = "/v1/socket",
    *,
    serializer: str | None = "json",
    **headers: str,
) -> AsyncIterator[Socket]:
    url = server.url.replace("http", "ws") + path
    offered = [f"bounty.v1.{serializer}"] if serializer else None
    async with trio.open_nursery() as nursery:
        with trio.fail_after(PATIENCE_S):
            connection = await connect_websocket_url(
                nursery,
                url,
                subprotocols=offered,
                extra_headers=[(name.encode(), value.encode()) for name, value in headers.items()],
            )
        try:
            yield Socket(connection, serializer or "json")
        finally:
            nursery.cancel_scope.cancel()
            # The library leaves the descriptor open when its tasks are cancelled.
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(connection._stream)


async def in_thread(function: Any, *arguments: Any) -> Any:
    return await trio.to_thread.run_sync(partial(function, *arguments))


@pytest.mark.parametrize("serializer", SERIALIZERS)
async def test_a_lost_socket_is_resumed(server: ServerProcess, serializer: str) -> None:
    anna, ben = Person(server), Person(server)
    conversation_id = await in_thread(anna.talks_to, ben)
    path = f"/api/conversations/{conversation_id}/messages"
    async with socket(server, serializer=serializer) as first:
        await first.say(type="hello", v=1, token=anna.token, caps=["resume", "batch"])
        welcome = await first.hears("welcome")
        await in_thread(ben.call, "POST", path, {"text": "one", "clientMsgId": new_id()})
        heard = await first.hears("message.new")
        assert heard["n"] >= 1
        # The line is cut: no close frame, nothing.
        await first.connection._stream.aclose()
    for text in ("two", "three"):
        await in_thread(ben.call, "POST", path, {"text": text, "clientMsgId": new_id()})

    async with socket(server, serializer=serializer) as second:
        resume = {"sid": welcome["sid"], "n": heard["n"]}
        await second.say(type="hello", v=1, token=anna.token, resume=resume)
        assert (await second.hears("welcome"))["resumed"] is True
        told = await second.hears("resumed")
        assert told["limited"] == []
        texts = [frame["text"] for frame in second.frames if frame["type"] == "message.new"]
        assert texts == ["two", "three"]
        await in_thread(ben.call, "POST", path, {"text": "four", "clientMsgId": new_id()})
        assert (await second.hears("message.new"))["seq"] == heard["seq"] + 3


async def test_a_ticket_opens_one_socket(server: ServerProcess) -> None:
    anna = Person(server)
    ticket = (await in_thread(anna.call, "POST", "/v1/socket/ticket"))["ticket"]

    async with socket(server, f"/v1/socket?ticket={ticket}") as first:
        await first.say(type="hello", v=1)
        assert (await first.hears("welcome"))["userId"] == anna.id
    async with socket(server, f"/v1/socket?ticket={ticket}") as second:
        await second.say(type="hello", v=1)
        assert await second.closed() == 4401


async def test_friends_see_each_other(server: ServerProcess) -> None:
    anna, ben, eve = Person(server), Person(server), Person(server)
    await in_thread(anna.talks_to, ben)
    async with socket(server) as one, socket(server, serializer="msgpack") as two:
        await one.say(type="hello", v=1, token=anna.token)
        await one.hears("welcome")
        await one.say(type="presence.subscribe", id="p", userIds=[ben.id, eve.id])
        snapshot = (await one.hears("ack"))["snapshot"]
        assert [view["state"] for view in snapshot] == ["offline", "offline"]
        await two.say(type="hello", v=1, token=ben.token)
        await two.hears("welcome")
        assert (await one.hears("presence.update"))["userId"] == ben.id

        asked = f"/api/presence?ids={ben.id},{eve.id}"
        seen = (await in_thread(anna.call, "GET", asked))["presence"]
        assert [(view["userId"], view["isOnline"]) for view in seen] == [
            (ben.id, True),
            (eve.id, False),
        ]
        hidden = (await in_thread(eve.call, "GET", asked))["presence"]
        assert hidden[0] == {
            "userId": ben.id,
            "state": "offline",
            "isOnline": False,
            "lastSeenAt": None,
        }


async def test_typing_ends_with_the_socket(server: ServerProcess) -> None:
    anna, ben = Person(server), Person(server)
    conversation_id = await in_thread(anna.talks_to, ben)
    async with socket(server, authorization=f"Bearer {anna.token}") as one:
        await one.say(type="hello", v=1)
        await one.hears("welcome")
        async with socket(server, authorization=f"Bearer {ben.token}") as two:
            await two.say(type="hello", v=1)
            await two.say(type="typing", conversationId=conversation_id, isTyping=True)
            started = await one.hears("typing.start")
            left_at = time.monotonic()
        stopped = await one.hears("typing.stop")
    assert stopped["senderId"] == started["senderId"] == ben.id
    # By itself it would have ended after five seconds.
    assert time.monotonic() - left_at < 4


async def test_an_old_client_hears_old_words(server: ServerProcess) -> None:
    anna, ben = Person(server), Person(server)
    conversation_id = await in_thread(anna.talks_to, ben)
    async with socket(server, f"/messages/subscribe?token={anna.token}", serializer=None) as old:
        connected = await old.hears("connected")
        assert connected["conversationIds"] == [conversation_id]
        path = f"/api/conversations/{conversation_id}/messages"
        await in_thread(ben.call, "POST", path, {"text": "hi", "clientMsgId": new_id()})
        message = await old.hears("message.new")
        assert (message["text"], message["senderId"], message["status"]) == ("hi", ben.id, "sent")
        assert "stream" not in message
        await old.say(type="join", conversationId=new_id())
        assert (await old.hears("error"))["code"] == "NOT_PARTICIPANT"
        await old.say(type="ping")
        await old.hears("pong")
    async with socket(server, "/messages/subscribe?token=no", serializer=None) as refused:
        assert "Authentication" in (await refused.hears("error"))["message"]
        assert await refused.closed() == 4401
    assert anna.token not in "\n".join(server.output)


async def test_an_event_socket_needs_no_name(server: ServerProcess) -> None:
    anna = Person(server)
    body = {
        "title": "Rake the leaves",
        "description": "A small garden in autumn.",
        "amount": 0,
        "is_for_honor": True,
    }
    async with socket(server, "/events/subscribe", serializer=None) as old:
        await old.hears("connection")
        bounty = await in_thread(anna.call, "POST", "/api/bounties", body)
        event = await old.hears("bounty.status")
        assert (event["id"], event["status"]) == (bounty["id"], "open")
        assert set(event) == {"type", "id", "status", "timestamp"}


async def test_signing_out_ends_the_sockets_of_that_sign_in(server: ServerProcess) -> None:
    anna = Person(server)
    async with socket(server, authorization=f"Bearer {anna.token}") as first:
        await first.say(type="hello", v=1)
        await first.hears("welcome")
        await in_thread(anna.call, "POST", "/auth/sign-out", {"scope": "local"})
        await first.hears("session.revoked")
        assert await first.closed() == 4410


async def test_an_unsupported_version_is_told_to_update(server: ServerProcess) -> None:
    async with socket(server) as first:
        await first.say(type="hello", v=9)
        assert await first.closed() == 4426


async def test_the_eleventh_hello_in_a_minute_is_too_much(server: ServerProcess) -> None:
    anna = Person(server)
    for _ in range(10):
        async with socket(server, authorization=f"Bearer {anna.token}") as each:
            await each.say(type="hello", v=1)
            await each.hears("welcome")
    async with socket(server, authorization=f"Bearer {anna.token}") as last:
        await last.say(type="hello", v=1)
        error = await last.hears("error")
        assert (error["code"], error["retryable"]) == ("RATE_LIMITED", True)
        assert await last.closed() == 4429


async def test_a_restart_says_so(folder: Path, dsn: str) -> None:
    server = ServerProcess(folder, DATABASE_URL=dsn, SHUTDOWN_GRACE_S="4")
    async with running(server):
        anna = await in_thread(Person, server)
        async with (
            socket(server) as first,
            socket(server, "/events/subscribe", serializer=None) as old,
        ):
            await first.say(type="hello", v=1, token=anna.token)
            await first.hears("welcome")
            server.process.terminate()
            assert (await first.hears("reconnect"))["resumable"] is True
            assert await first.closed() == 1012
            assert await old.closed() == 1012


async def test_last_seen_outlives_the_process(folder: Path, dsn: str) -> None:
    server = ServerProcess(folder, DATABASE_URL=dsn, SHUTDOWN_GRACE_S="2")
    async with running(server):
        anna, ben = await in_thread(Person, server), await in_thread(Person, server)
        await in_thread(anna.talks_to, ben)
        async with socket(server, authorization=f"Bearer {ben.token}") as one:
            await one.say(type="hello", v=1)
            await one.hears("welcome")
            server.process.terminate()
            assert await one.closed() == 1012
        with trio.fail_after(PATIENCE_S):
            await server.process.wait()
    again = ServerProcess(folder, DATABASE_URL=dsn)
    anna.server = again
    async with running(again):
        seen = await in_thread(anna.call, "GET", f"/api/presence?ids={ben.id}")

    [view] = seen["presence"]
    assert view["state"] == "offline"
    assert view["lastSeenAt"].endswith(":00Z")
