"""What a message may hold: text, a file of ours, or an envelope that is left alone."""

from __future__ import annotations

from base64 import b64encode

import msgspec
import pytest
from bountyexpo.actors.chat.announcing import post_system_message
from bountyexpo.errors import InvalidRequest, TooLarge
from bountyexpo.persistence.chat import conversations

from tests.integration.actors.chat.edge import Edge

BYTES = {
    "ciphertext": b"\x00secret\xff" * 4,
    "nonce": bytes(24),
    "senderPublicKey": bytes(range(32)),
}
ENVELOPE = {name: b64encode(value).decode() for name, value in BYTES.items()} | {"version": "2.0"}
OURS = "https://files.example.org/a/b.png"


@pytest.fixture
async def pair(town):
    anna, ben = await town.people(2)
    return anna, ben, await town.dm(anna, ben)


async def stored(town, thread):
    return [event.payload for event in await town.replay(thread)]


@pytest.mark.parametrize("transport", ["rest", "socket"])
@pytest.mark.parametrize(
    "envelope",
    [ENVELOPE, BYTES | {"version": "2.0"}, ENVELOPE | {"recipientPublicKey": None}],
    ids=["base64", "bytes", "null"],
)
async def test_an_envelope_is_told_as_its_text(town, pair, transport, envelope):
    anna, _, thread = pair

    sent = await Edge(town, transport).send(anna, thread, text=None, envelope=envelope)

    [message] = await stored(town, thread)
    assert (message["kind"], message["isEncrypted"]) == ("encrypted", True)
    assert msgspec.json.decode(message["text"]) == ENVELOPE
    if transport == "rest":
        assert (sent.message.kind, sent.message.text) == ("encrypted", message["text"])


async def test_an_old_clients_envelope_is_known_by_its_form_and_not_touched(town, pair):
    anna, _, thread = pair
    text = msgspec.json.format(
        msgspec.json.encode(ENVELOPE | {"ciphertext": b64encode(bytes(9_000)).decode()})
    ).decode()

    await Edge(town).send(anna, thread, text=text)

    [message] = await stored(town, thread)
    assert (message["kind"], message["isEncrypted"]) == ("encrypted", True)
    assert message["text"] == text
    assert len(text) > 5_000


async def test_a_message_that_is_sent_again_is_told_as_it_is_now(town, pair):
    anna, _, thread = pair
    edge = Edge(town)
    first = await edge.send(anna, thread, clientMsgId="m", text="first words")

    await edge.call(
        anna, "message.edit", messageId=first.messageId, conversationId=thread, text="b"
    )
    edited = await edge.send(anna, thread, clientMsgId="m", text="first words")
    await edge.call(anna, "message.delete", messageId=first.messageId, conversationId=thread)
    deleted = await edge.send(anna, thread, clientMsgId="m", text="first words")

    assert (edited.duplicate, edited.messageId) == (True, first.messageId)
    assert (edited.message.text, edited.message.editedAt is None) == ("b", False)
    assert (deleted.message.text, deleted.message.deletedAt is None) == (None, False)


@pytest.mark.parametrize("text", ["{", '{"ciphertext": "AA=="}', "{} is no envelope", "[1]"])
async def test_what_only_looks_like_an_envelope_is_text(town, pair, text):
    anna, _, thread = pair

    await Edge(town).send(anna, thread, text=text)

    [message] = await stored(town, thread)
    assert (message["kind"], message["isEncrypted"], message["text"]) == ("text", False, text)


@pytest.mark.parametrize(
    "fields",
    [
        {"envelope": ENVELOPE | {"nonce": "AAAA"}},
        {"envelope": ENVELOPE | {"ciphertext": "no base64"}},
        {"envelope": ENVELOPE | {"version": "1.0"}},
        {"envelope": ENVELOPE | {"senderPublicKey": ""}},
        {"envelope": {}},
        {"envelope": "text"},
        {"envelope": ENVELOPE, "text": "and in the clear"},
    ],
)
async def test_a_broken_envelope_is_refused(town, pair, fields):
    anna, _, thread = pair

    with pytest.raises(InvalidRequest):
        await Edge(town, "socket").send(anna, thread, **{"text": None, **fields})

    assert await stored(town, thread) == []


async def test_an_envelope_has_a_size(town, pair):
    anna, _, thread = pair
    large = ENVELOPE | {"ciphertext": b64encode(bytes(32 * 1024)).decode()}

    with pytest.raises(TooLarge) as refusal:
        await Edge(town).send(anna, thread, text=None, envelope=large)

    assert refusal.value.error_code == "TEXT_TOO_LONG"


async def test_the_same_envelope_again_is_the_same_message(town, pair):
    anna, _, thread = pair
    edge = Edge(town)

    first = await edge.send(anna, thread, text=None, envelope=ENVELOPE, clientMsgId="one")
    second = await edge.send(anna, thread, text=None, envelope=ENVELOPE, clientMsgId="one")

    assert (first.seq, first.duplicate, second.seq, second.duplicate) == (1, False, 1, True)


@pytest.mark.parametrize(
    "url", [OURS, "https://FILES.example.org:443/x?y=1", "http://files.example.org"]
)
async def test_a_file_of_our_storage_may_be_shown(town, pair, url):
    anna, _, thread = pair

    await Edge(town).send(anna, thread, text=None, mediaUrl=url)

    [message] = await stored(town, thread)
    assert (message["kind"], message["mediaUrl"]) == ("media", url)


@pytest.mark.parametrize(
    "url",
    [
        "https://tracker.example.com/pixel.png",
        "https://files.example.org.evil.com/a.png",
        "https://files.example.org@evil.com/a.png",
        "https://evil.com\\@files.example.org/a.png",
        "https://evil.com#files.example.org",
        "https://evil.com?files.example.org",
        "//files.example.org/a.png",
        "ftp://files.example.org/a.png",
        "javascript:alert(1)",
        "https:///a.png",
        "https://files.example.org/a b.png",
        "",
    ],
)
async def test_a_file_elsewhere_is_refused(town, pair, url):
    anna, _, thread = pair

    with pytest.raises(InvalidRequest) as refusal:
        await Edge(town).send(anna, thread, mediaUrl=url)

    assert refusal.value.error_code == "BAD_MEDIA"
    assert await stored(town, thread) == []


@pytest.mark.parametrize(
    ("step", "code"), [("accept", "bounty.accepted"), ("appraise", "bounty.appraise")]
)
async def test_a_message_of_the_service_says_what_it_is_about(town, pair, step, code):
    anna, ben, thread = pair
    async with town.db.transaction() as tx:
        conversation = await conversations.get(tx, thread)
        await post_system_message(
            tx, conversation, sender_id=anna, code=f"sys:{step}:b1", body="It happened."
        )
    await town.send(anna, thread)

    [live, plain] = [event.payload for event in town.events if event.type == "message.new"]
    page = await Edge(town).call(ben, "message.list", conversationId=thread)

    about = {"code": code, "bountyId": "b1"}
    assert live["system"] == (await stored(town, thread))[0]["system"] == about
    assert "system" not in plain
    assert [msgspec.to_builtins(each.system) for each in page.messages] == [about, None]


async def test_where_no_storage_is_known_any_host_will_do(town, pair):
    anna, _, thread = pair
    edge = Edge(town)
    edge.services.settings.media_hosts = ()

    await edge.send(anna, thread, mediaUrl="https://anywhere.example.net/a.png")

    [message] = await stored(town, thread)
    assert message["mediaUrl"] == "https://anywhere.example.net/a.png"
