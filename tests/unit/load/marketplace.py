"""A marketplace of one bounty in memory: just enough of the wire for the story to be told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import trio

if TYPE_CHECKING:
    from tests.unit.load.conftest import Peer


class Marketplace:
    """Answers REST requests and plays sockets; its memory is what a database would keep."""

    def __init__(self) -> None:
        self.streams: dict[str, list[dict[str, Any]]] = {}
        self.readers: dict[str, set[str]] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.cents: dict[str, int] = {}
        self.bounty: dict[str, Any] = {}
        self.request: dict[str, Any] = {}
        self.completion: dict[str, Any] = {}
        self.sessions: list[tuple[str, trio.MemorySendChannel[dict[str, Any]], set[str]]] = []
        self.is_mute = False

    # What happens.

    def publish(self, stream: str, kind: str, users: tuple[str, ...], **payload: Any) -> int:
        events = self.streams.setdefault(stream, [])
        self.readers.setdefault(stream, set()).update(users)
        frame = {"type": kind, "stream": stream, "seq": len(events) + 1, "epoch": "e", **payload}
        events.append(frame)
        for user, send, _ in self.sessions:
            if user in users and user != payload.get("senderId") and not self.is_mute:
                send.send_nowait(frame)
        return frame["seq"]

    def pay(self, user: str, cents: int) -> None:
        self.cents[user] = self.cents.get(user, 0) + cents
        self.publish(f"user:{user}", "wallet.balance", (user,), availableCents=self.cents[user])

    def become(self, status: str) -> None:
        self.bounty["status"] = status
        self.publish(
            "bounty:b1", "bounty.status", ("poster", "hunter"), bountyId="b1", status=status
        )

    def say(self, sender: str, client_msg_id: str, text: str) -> dict[str, Any]:
        for row in self.streams.get("conv:c1", []):
            if row["clientMsgId"] == client_msg_id:
                return {**row, "duplicate": True}
        number = len(self.streams.get("conv:c1", [])) + 1
        row = {"messageId": f"m{number}", "clientMsgId": client_msg_id, "text": text}
        self.publish("conv:c1", "message.new", ("poster", "hunter"), senderId=sender, **row)
        return {**row, "seq": number, "duplicate": False}

    # REST.

    def answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else {}
        user = request.headers.get("authorization", "").removeprefix("Bearer ")
        path = request.url.path.replace("/api/", "/").strip("/").split("/")
        name = "_".join([request.method.lower(), *path]).replace("-", "_")
        status, reply = getattr(self, name)(user, body)
        return httpx.Response(status, json=reply)

    def post_auth_register(self, _user, body):
        role = body["username"].partition("_")[0]
        is_new = self.users.setdefault(role, body) is body
        return (201, {"userId": role}) if is_new else (409, {"error": "Email already registered"})

    def post_auth_sign_in(self, _user, body):
        role = body["email"].partition("_")[0]
        return 200, {"session": {"access_token": role}, "user": {"id": role}}

    def get_auth_me(self, user, _body):
        return 200, {"id": user, **self.users[user]}

    def post_payments_create_payment_intent(self, _user, _body):
        return 200, {"clientSecret": "s", "paymentIntentId": "pi"}

    def post_payments_confirm(self, user, _body):
        if "deposited" not in self.bounty:
            self.bounty["deposited"] = True
            self.pay(user, 10_000)
        return 200, {"success": True}

    def get_wallet_balance(self, user, _body):
        cents = self.cents.get(user, 0)
        return 200, {"balance": cents / 100, "balanceCents": cents}

    def post_bounties(self, user, body):
        if "id" not in self.bounty:
            self.bounty |= {"id": "b1", "amount_cents": 5_000, "poster_id": user, **body}
            self.become("open")
            self.pay(user, -5_000)
            for _, send, topics in self.sessions:
                if "feed:open" in topics:
                    send.send_nowait({"type": "bounty.open", "bountyId": "b1"})
        return 201, self.bounty

    def get_bounties(self, _user, _body):
        return 200, {"bounties": [self.bounty]}

    def get_bounties_b1(self, _user, _body):
        return 200, self.bounty

    def post_bounty_requests(self, user, _body):
        if self.request:
            return 409, {"error": "already", "request": self.request}
        self.request = {"id": "r1", "hunter_id": user}
        self.publish("bounty:b1", "request.new", ("poster", "hunter"), requestId="r1")
        return 201, self.request

    def post_bounty_requests_r1_accept(self, _user, _body):
        if self.bounty["status"] == "open":
            self.become("in_progress")
            for each in ("poster", "hunter"):
                self.publish(f"user:{each}", "conversation.added", (each,), conversationId="c1")
            self.say("system", "sys", "Accepted")
        reply = {"success": True, "bounty": self.bounty, "acceptedRequestId": "r1"}
        return 200, {**reply, "conversationId": "c1"}

    def get_conversations_c1_messages(self, _user, _body):
        rows = [{**row, "id": row["messageId"]} for row in self.streams["conv:c1"]]
        return 200, {"messages": rows, "headSeq": len(rows)}

    def post_completions(self, _user, _body):
        self.completion = self.completion or {"id": "w1", "status": "pending"}
        return 201, self.completion

    def post_completions_w1_approve(self, _user, _body):
        if self.bounty["status"] == "in_progress":
            self.completion["status"] = "approved"
            self.become("completed")
            self.pay("hunter", 4_750)
        return 200, self.completion

    # Sockets.

    async def play(self, peer: Peer) -> None:
        user = peer.connection.request.headers["Authorization"].removeprefix("Bearer ")
        send, receive = trio.open_memory_channel(1_000)
        session = (user, send, set())
        mine = [name for name, readers in self.readers.items() if user in readers]
        heads = {name: {"seq": len(self.streams[name]), "epoch": "e"} for name in mine}
        hello = await peer.greet(userId=user, heads=heads)
        session[2].update(hello["subscribe"])
        self.replay(send, hello)
        self.sessions.append(session)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.write, peer, receive)
                while True:
                    self.react(session, await peer.hear())
        finally:
            self.sessions.remove(session)

    async def write(self, peer: Peer, receive: trio.MemoryReceiveChannel[dict[str, Any]]) -> None:
        async for frame in receive:
            await peer.say(frame)

    def replay(self, send: trio.MemorySendChannel[dict[str, Any]], frame: dict[str, Any]) -> None:
        for name, place in frame["streams"].items():
            for event in self.streams.get(name, [])[place["seq"] :]:
                send.send_nowait({**event, "replay": True})
        reply = {"type": "synced", "limited": []}
        send.send_nowait(reply | ({"re": frame["id"]} if "id" in frame else {}))

    def react(self, session, frame: dict[str, Any]) -> None:
        user, send, topics = session
        ack = {"type": "ack", "re": frame["id"], "ok": True}
        match frame["type"]:
            case "sync":
                self.replay(send, frame)
                return
            case "subscribe":
                topics.update(frame["topics"])
                known = [name for name in frame["topics"] if name in self.streams]
                ack["heads"] = {
                    name: {"seq": len(self.streams[name]), "epoch": "e"} for name in known
                }
            case "message.send":
                ack |= self.say(user, frame["clientMsgId"], frame["text"])
                ack |= {"type": "ack"}
                ack.pop("stream", None)
            case "call":
                ack |= {"id": self.bounty["id"]}
        send.send_nowait(ack)
