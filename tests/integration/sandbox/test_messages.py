"""The folder and the pages of what the emulators would send."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from bountyexpo.sandbox import messages as module
from bountyexpo.sandbox.messages import MessageSink, SentMessage, message_id

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def sink(tmp_path):
    return MessageSink(tmp_path / "messages")


def message(number, to="a@example.test"):
    moment = NOW + timedelta(seconds=number)
    return SentMessage(
        id=message_id(moment),
        channel="email",
        to=to,
        subject="s",
        text=f"number {number}",
        sent_at=moment,
        about="recovery",
        code="123456",
    )


async def test_the_latest_comes_first_and_only_to_whom_was_asked_for(sink):
    for number in range(4):
        await sink.send(message(number, to="a@example.test" if number % 2 else "15551234"))

    assert [each.text for each in await sink.latest(None, 3)] == [
        "number 3",
        "number 2",
        "number 1",
    ]
    assert [each.text for each in await sink.latest(" A@example.test", 9)] == [
        "number 3",
        "number 1",
    ]
    assert [each.text for each in await sink.latest("+15551234", 1)] == ["number 2"]
    assert await sink.latest("nobody@example.test", 9) == []


async def test_old_messages_make_room(sink, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "KEPT_MAX", 3)
    for number in range(5):
        await sink.send(message(number))

    assert len(list((tmp_path / "messages").iterdir())) == 3
    assert [each.text for each in await sink.latest(None, 9)][-1] == "number 2"


async def test_an_hour_has_room_for_so_many(sink, monkeypatch):
    monkeypatch.setattr(module, "PER_HOUR_MAX", 2)
    for number in range(2):
        assert sink.has_room(NOW)
        await sink.send(message(number))

    assert not sink.has_room(NOW + timedelta(minutes=59))
    assert sink.has_room(NOW + timedelta(hours=2))


async def test_only_their_owner_reads_the_files(sink, tmp_path):
    await sink.send(message(1))

    (path,) = (tmp_path / "messages").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert msgspec.json.decode(path.read_bytes())["text"] == "number 1"


async def test_a_file_of_somebody_else_is_no_message(sink, tmp_path):
    await sink.send(message(1))
    (tmp_path / "messages" / "zzz.json").write_text("not ours")

    assert len(await sink.latest(None, 9)) == 1


async def test_messages_outlive_the_server(sink, tmp_path):
    await sink.send(message(1))

    assert len(await MessageSink(tmp_path / "messages").latest(None, 9)) == 1


@pytest.mark.parametrize("asked", ["..%2f..%2fx", "..", "x", "20260101T000000000000-0000000g"])
async def test_what_is_no_message_is_not_there(sandbox, http, asked):
    assert (await http.get(f"{sandbox}/sandbox/messages/{asked}")).status_code == 404


@pytest.mark.parametrize("limit", ["0", "-1", "501", "x", "1e2", ""])
async def test_a_page_has_a_size(sandbox, http, limit):
    answer = await http.get(f"{sandbox}/sandbox/messages", params={"limit": limit})

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_pages_list_read_and_throw_away(sandbox, http, settings):
    sink = MessageSink(settings.messages)
    for number in range(3):
        await sink.send(message(number))

    listed = (await http.get(f"{sandbox}/sandbox/messages", params={"limit": 2})).json()
    one = (await http.get(f"{sandbox}/sandbox/messages/{listed['messages'][0]['id']}")).json()
    await http.delete(f"{sandbox}/sandbox/messages")
    left = (await http.get(f"{sandbox}/sandbox/messages")).json()

    assert [each["text"] for each in listed["messages"]] == ["number 2", "number 1"]
    assert one == listed["messages"][0]
    assert left == {"messages": []}
