"""What may have been committed unseen is looked for until it could be seen."""

from __future__ import annotations

import trio
from bountyexpo.persistence.chat.in_doubt import DOUBT_S, LOOK_EVERY_S, InDoubt
from bountyexpo.persistence.chat.journal import NewMessage


def message(name: str) -> NewMessage:
    return NewMessage(id=name, conversation_id="c", expected_version=1, sender_id="s")


async def test_a_look_that_failed_forgets_nothing(autojump_clock):
    doubts = InDoubt()
    doubts.add([message("m")])

    await trio.sleep(2 * DOUBT_S)
    assert doubts.is_due()
    doubts.postpone()

    assert doubts.ids == ["m"]
    assert not doubts.is_due()
    await trio.sleep(LOOK_EVERY_S)
    assert doubts.is_due()


async def test_what_is_not_there_for_good_is_forgotten(autojump_clock):
    doubts = InDoubt()
    doubts.add([message("m")])
    doubts.looked()
    assert doubts.ids == ["m"]

    await trio.sleep(DOUBT_S + 1)
    doubts.looked()

    assert doubts.ids == []
    assert not doubts.is_due()


async def test_the_oldest_go_first(autojump_clock, monkeypatch):
    monkeypatch.setattr("bountyexpo.persistence.chat.in_doubt.IN_DOUBT_MAX", 2)
    doubts = InDoubt()
    doubts.add([message(name) for name in ("a", "b", "c")])

    assert doubts.ids == ["b", "c"]
    assert doubts.take("b").id == "b"
    assert doubts.take("a") is None
