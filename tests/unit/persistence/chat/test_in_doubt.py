"""What may have been committed unseen is looked for until it could be seen."""

from __future__ import annotations

import trio
from bountyexpo.persistence.chat.in_doubt import KEEP_S, LOOK_EVERY_S, InDoubt
from bountyexpo.persistence.chat.messages import NewMessage


def message(name: str) -> NewMessage:
    return NewMessage(id=name, conversation_id="c", expected_version=1, sender_id="s")


async def test_a_look_that_failed_forgets_nothing(autojump_clock):
    in_doubt = InDoubt()
    in_doubt.add([message("m")])

    await trio.sleep(2 * KEEP_S)
    assert in_doubt.is_due()
    in_doubt.postpone()

    assert in_doubt.ids == ["m"]
    assert not in_doubt.is_due()
    await trio.sleep(LOOK_EVERY_S)
    assert in_doubt.is_due()


async def test_what_is_not_there_for_good_is_forgotten(autojump_clock):
    in_doubt = InDoubt()
    in_doubt.add([message("m")])
    in_doubt.looked()
    assert in_doubt.ids == ["m"]

    await trio.sleep(KEEP_S + 1)
    in_doubt.looked()

    assert in_doubt.ids == []
    assert not in_doubt.is_due()


async def test_the_oldest_go_first(autojump_clock, monkeypatch):
    monkeypatch.setattr("bountyexpo.persistence.chat.in_doubt.IN_DOUBT_MAX", 2)
    in_doubt = InDoubt()
    in_doubt.add([message(name) for name in ("a", "b", "c")])

    assert in_doubt.ids == ["b", "c"]
    assert in_doubt.pop("b").id == "b"
    assert in_doubt.pop("a") is None
