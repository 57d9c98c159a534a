"""Conversations as clients have them: over HTTP and over sockets of both codecs."""

from __future__ import annotations

from contextlib import AsyncExitStack
from urllib.parse import quote

import pytest
import trio
from bountyexpo.domain.ids import new_id

from tests.integration.product.product import refused
from tests.integration.product.wire import Wire

HOME = "/api/conversations"


@pytest.fixture
def pair(product):
    return product.person("anna"), product.person("ben")


@pytest.fixture
def thread(product, pair):
    anna, ben = pair
    reply = product.post(HOME, {"participant_ids": [ben.id]}, by=anna)
    assert reply.status_code == 201
    return reply.json()["id"]


@pytest.fixture
async def sockets(product, pair, thread, codec):
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(Wire.opened(product, person, codec=codec))
            for person in pair
        ]


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_everything_that_happens_to_a_message_is_heard_in_order(thread, sockets):
    anna, ben = sockets
    where = {"conversationId": thread}

    sent = await anna.ask("message.send", **where, clientMsgId=new_id(), text="Helo")
    what = {**where, "messageId": sent["messageId"]}
    steps = [
        await anna.ask("message.edit", **what, text="Hello"),
        await ben.ask("message.react", **what, emoji="👋🏽"),
        await ben.ask("message.pin", **what),
        await ben.ask("message.unreact", **what, emoji="👋🏽"),
        await ben.ask("message.unpin", **what),
        await anna.ask("message.delete", **what),
    ]

    assert [step["seq"] for step in steps] == [2, 3, 4, 5, 6, 7]
    for step in steps:
        assert (step["type"], step["changed"]) == ("ack", True)
    kinds = ["edited", "reaction", "pinned", "reaction", "pinned", "deleted"]
    heard = [await ben.hear("message.new"), *[await ben.hear(f"message.{k}") for k in kinds]]
    assert [frame["seq"] for frame in heard] == [1, 2, 3, 4, 5, 6, 7]
    assert heard[1]["text"] == "Hello"
    assert heard[2] == heard[2] | {"emoji": "👋🏽", "action": "added", "count": 1}

    await ben.say(type="sync", id="s", streams={f"conv:{thread}": {"seq": 0, "epoch": "e1"}})
    replayed = await ben.hear("message.new")
    receipts, synced = await ben.hear("receipts"), await ben.hear("synced")

    assert (replayed["text"], replayed["replay"]) == (None, True)
    assert replayed["deletedAt"]
    assert len(receipts["markers"]) == 2
    assert synced["limited"] == []


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_receipts_and_typing_pass_by(product, pair, thread, sockets):
    anna, ben = sockets
    where = {"conversationId": thread}
    sent = await anna.ask("message.send", **where, clientMsgId=new_id(), text="Hi")
    await ben.hear("message.new")

    await ben.ask("receipt.delivered", **where, upToSeq=1)
    delivered = await anna.hear("message.delivered")
    await ben.ask("receipt.read", **where, messageIds=[sent["messageId"]])
    read, unread = await anna.hear("message.read"), await ben.hear("unread")
    await ben.ask("typing", **where, isTyping=True)
    started = await anna.hear("typing.start")
    await ben.ask("typing", **where, isTyping=False)
    stopped = await anna.hear("typing.stop")

    for frame in (delivered, read):
        assert frame == frame | {"messageId": sent["messageId"], "upToSeq": 1}
        assert frame["senderId"] == frame["userId"] == pair[1].id
        assert "seq" not in frame
    assert unread["messages"] == 0
    assert started == started | {"senderId": pair[1].id, "expiresInMs": 5000}
    assert stopped["senderId"] == pair[1].id
    assert not any(frame["type"].startswith("typing") for frame in ben.heard)
    [row] = product.get(HOME, by=pair[1]).json()["conversations"]
    assert (row["unread"], row["lastReadSeq"]) == (0, 1)
    [page] = product.get(f"{HOME}/{thread}/messages", by=pair[0]).json()["messages"]
    assert page["status"] == "read"


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_leaving_mutes_what_passes_by_on_one_socket_until_it_joins(thread, sockets):
    anna, ben = sockets
    where = {"conversationId": thread}

    assert (await anna.ask("leave", **where))["ok"]
    await ben.ask("typing", **where, isTyping=True)
    await ben.ask("message.send", **where, clientMsgId=new_id(), text="Hi")
    await anna.hear("message.new")
    assert not any(frame["type"] == "typing.start" for frame in anna.heard)
    assert (await anna.ask("join", **where))["ok"]
    await anna.hear("receipts")
    for kind in ("join", "leave"):
        stranger = await anna.ask(kind, conversationId=new_id())
        assert stranger["code"] == "NOT_PARTICIPANT"


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_retries_over_both_transports_find_the_first_message(product, pair, thread, codec):
    anna, key = pair[0], new_id()
    body = {"clientMsgId": key, "text": "Once"}
    replies = []

    async def by_http():
        path = f"{HOME}/{thread}/messages"
        reply = await trio.to_thread.run_sync(lambda: product.post(path, body, by=anna))
        assert reply.status_code in {200, 201}
        replies.append(reply.json())

    async def by_socket():
        async with Wire.opened(product, anna, codec=codec) as wire:
            for _ in range(3):
                reply = await wire.ask("message.send", conversationId=thread, **body)
                replies.append(reply)

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(by_http)
            nursery.start_soon(by_socket)

    assert len({(reply["messageId"], reply["seq"]) for reply in replies}) == 1
    assert sum(not reply["duplicate"] for reply in replies) == 1


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_who_is_taken_out_of_a_group_hears_nothing_later(product, codec):
    anna, ben, cleo = (product.person(name) for name in ("anna", "ben", "cleo"))
    body = {"participantIds": [ben.id], "isGroup": True, "name": "Movers"}
    group = product.post(HOME, body, by=anna).json()["id"]
    async with (
        Wire.opened(product, cleo, codec=codec) as cleos,
        Wire.opened(product, anna, codec=codec) as owner,
    ):
        added = product.post(f"{HOME}/{group}/participants", {"userIds": [cleo.id]}, by=anna)
        assert added.status_code == 200
        first = await cleos.hear("conversation.added", "participant.joined")
        await cleos.hear("participant.joined")

        gone = product.send("DELETE", f"{HOME}/{group}/participants/{cleo.id}", by=anna)
        sent = await owner.ask(
            "message.send", conversationId=group, clientMsgId=new_id(), text="Without Cleo"
        )
        removed = await cleos.hear("conversation.removed")
        topic = await cleos.ask("subscribe", topics=[f"conv:{group}"])
        await cleos.say(type="sync", streams={f"conv:{group}": {"seq": 0}})
        synced = await cleos.hear("synced")

    assert first["type"] == "conversation.added"
    assert gone.status_code == 200
    assert sent["seq"] == 3
    assert removed["reason"] == "removed"
    assert topic["rejected"] == [{"topic": f"conv:{group}", "code": "NOT_PARTICIPANT"}]
    assert synced["limited"] == [{"stream": f"conv:{group}", "code": "FORBIDDEN"}]
    assert not any(frame["type"] == "message.new" for frame in cleos.heard)
    refused(product.get(f"{HOME}/{group}/messages", by=cleo), 403, "NOT_PARTICIPANT")
    refused(product.get(f"{HOME}/{group}", by=cleo), 404)


def test_a_conversation_over_http_from_first_to_last(product, pair, thread):
    anna, ben = pair
    at = f"{HOME}/{thread}"

    again = product.post(HOME, {"participantIds": [ben.id]}, by=anna)
    assert (again.status_code, again.json()["existing"], again.json()["id"]) == (200, True, thread)
    sent = product.post(f"{at}/messages", {"text": "One"}, by=anna)
    message = sent.json()["message"]
    assert message["conversation_id"] == message["conversationId"] == thread
    reply = {"text": "Two", "reply_to": message["id"]}
    two = product.post(f"/functions/v1/conversations/{thread}/messages", reply, by=ben).json()
    on = f"{at}/messages/{message['id']}"
    thumb = quote("👍")
    assert product.send("PATCH", on, {"text": "Uno"}, by=anna).json()["seq"] == 3
    assert product.send("PUT", f"{on}/pin", by=ben).json()["seq"] == 4
    assert product.send("PUT", f"{on}/reactions/{thumb}", by=ben).json()["seq"] == 5
    same = product.get(f"/functions/v1/api/conversations/{thread}", by=ben).json()
    assert same["conversation"]["id"] == thread
    page = product.get(f"/conversations/{thread}/messages?limit=1&page=2", by=anna).json()
    [shown] = page["messages"]
    assert (shown["text"], shown["isPinned"], shown["is_pinned"]) == ("Uno", True, True)
    assert shown["reactions"] == [{"emoji": "👍", "count": 1, "mine": False, "userIds": [ben.id]}]
    assert page["pagination"] == {"page": 2, "limit": 1, "total": 2, "hasMore": False}
    before = product.get(f"{at}/messages?before={two['messageId']}", by=anna).json()
    assert [each["id"] for each in before["messages"]] == [message["id"]]
    assert product.send("DELETE", f"{on}/reactions/{thumb}", by=ben).json()["seq"] == 6
    assert product.send("DELETE", f"{on}/pin", by=ben).json()["seq"] == 7
    assert product.send("DELETE", on, by=anna).json()["seq"] == 8

    marked = {"message_ids": [two["messageId"]], "status": "delivered"}
    assert product.post(f"{at}/messages/status", marked, by=anna).json()["updatedCount"] == 1
    assert product.post(f"{at}/messages/status", marked, by=anna).json()["updatedCount"] == 0
    read = product.post(f"{at}/read", {"up_to_seq": 99}, by=anna).json()
    assert (read["lastReadSeq"], read["unread"]) == (2, 0)
    assert product.post(f"{at}/typing", {"isTyping": True}, by=anna).json() == {"success": True}

    muted = product.send("PATCH", at, {"muted": True}, by=anna).json()["conversation"]
    assert (muted["muted"], muted["mutedUntil"]) == (True, None)
    assert product.send("DELETE", at, by=anna).status_code == 200
    assert product.get(HOME, by=anna).json()["conversations"] == []
    product.post(f"{at}/messages", {"text": "Three"}, by=ben)
    [row] = product.get(f"{HOME}?limit=1", by=anna).json()["conversations"]
    assert (row["unreadCount"], row["peerReadSeq"], row["muted"]) == (1, 0, True)
    assert row["name"] == next(p["handle"] for p in row["participants"] if p["id"] == ben.id)
    last, person = row["lastMessage"], row["participants"][0]
    assert (last["text"], last["senderId"], last["kind"]) == ("Three", ben.id, "text")
    assert list(last) == ["id", "seq", "kind", "text", "senderId", "createdAt"]
    assert list(person) == ["id", "handle", "displayName", "avatar", "role"]
    refused(product.post(f"{at}/leave", by=anna), 400, "NOT_A_GROUP")


def test_the_list_is_paged_without_a_hole(product):
    anna, others = product.person("anna"), [product.person(f"p{n}") for n in range(5)]
    made = [product.post(HOME, {"participantIds": [o.id]}, by=anna).json()["id"] for o in others]
    seen, cursor = [], ""

    while cursor is not None:
        path = f"{HOME}?limit=2" + (f"&cursor={cursor}" if cursor else "")
        page = product.get(path, by=anna).json()
        seen += [row["id"] for row in page["conversations"]]
        cursor = page["nextCursor"]

    assert seen == made[::-1]


def test_a_block_over_http(product, pair, thread):
    anna, ben = pair

    made = product.post("/api/blocks", {"blocked_id": ben.id}, by=anna)
    again = product.post("/api/blocks", {"userId": ben.id}, by=anna)
    [listed] = product.get("/api/blocks", by=anna).json()["blocks"]
    asked = {
        person.id: product.get(f"/api/blocks/{other.id}", by=person).json()["isBlocked"]
        for person, other in ((anna, ben), (ben, anna))
    }
    refused(product.post(f"{HOME}/{thread}/messages", {"text": "Hi"}, by=ben), 403, "BLOCKED")
    refused(product.post(HOME, {"participantIds": [anna.id]}, by=ben), 403, "BLOCKED")
    gone = product.send("DELETE", f"/api/blocks/{ben.id}", by=anna)

    assert (made.status_code, again.status_code) == (201, 200)
    assert listed["userId"] == listed["blocked_id"] == listed["profiles"]["id"] == ben.id
    assert asked == {anna.id: True, ben.id: False}
    assert gone.json()["blocked"] is False
    assert product.post(f"{HOME}/{thread}/messages", {"text": "Hi"}, by=ben).status_code == 201


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"text": " "}, "EMPTY_MESSAGE"),
        ({"text": "x" * 5001}, "TEXT_TOO_LONG"),
        ({"text": "x", "mediaUrl": "javascript:x"}, "BAD_MEDIA"),
        ({"text": "x", "replyTo": new_id()}, "BAD_REPLY"),
    ],
)
def test_a_message_that_cannot_be(product, pair, thread, body, code):
    refused(product.post(f"{HOME}/{thread}/messages", body, by=pair[0]), 400, code)


def test_a_long_idempotency_key_is_as_good_as_a_short_one(product, pair, thread):
    sends = [
        product.post(f"{HOME}/{thread}/messages", {"text": "x"}, by=pair[0], key="k" * 250)
        for _ in range(2)
    ]

    assert [each.status_code for each in sends] == [201, 200]


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_a_block_ends_what_was_seen_of_each_other(product, pair, thread, sockets):
    anna, ben = sockets
    seen = await ben.ask("presence.subscribe", userIds=[pair[0].id])

    product.post("/api/blocks", {"userId": pair[1].id}, by=pair[0])
    gone = await ben.hear("presence.update")
    await anna.ask("typing", conversationId=thread, isTyping=True)
    sent = await ben.ask(
        "message.send", conversationId=thread, clientMsgId=new_id(), text="Are you there?"
    )
    again = await ben.ask("presence.subscribe", userIds=[pair[0].id])

    assert seen["snapshot"][0]["state"] == "online"
    assert (gone["userId"], gone["state"]) == (pair[0].id, "offline")
    assert sent["code"] == "BLOCKED"
    assert again["snapshot"][0]["state"] == "offline"
    assert not any(frame["type"] == "typing.start" for frame in ben.heard)


def test_the_blocked_cannot_apply(product):
    poster, hunter = product.person("poster"), product.person("hunter")
    bounty = {
        "title": "Move a sofa",
        "description": "From the second floor to the street.",
        "amount": 0,
        "isForHonor": True,
    }
    made = product.post("/api/bounties", bounty, by=poster)
    assert made.status_code == 201, made.text
    bounty_id = made.json()["id"]
    product.post("/api/blocks", {"userId": poster.id}, by=hunter)

    application = {"bounty_id": bounty_id, "message": "I have a van."}
    path = "/api/bounty-requests"
    refused(product.post(path, application, by=hunter), 403, "BLOCKED")
    product.send("DELETE", f"/api/blocks/{poster.id}", by=hunter)

    assert product.post(path, application, by=hunter).status_code == 201
