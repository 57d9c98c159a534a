"""A mailbox is bounded for others, never for the actor itself, and takes no room when empty."""

from __future__ import annotations

from typing import Any

import pytest
from bountyexpo.errors import MailboxFull
from bountyexpo.runtime import Ask, Mailbox, Message, TimerWheel


class Number(Message[Any, None], frozen=True, kw_only=True):
    """A numbered message."""

    value: int


def numbers(items) -> list[int]:
    return [item.value for item in items]


def test_messages_come_out_in_order() -> None:
    mailbox = Mailbox(3)
    for value in (1, 2, 3):
        mailbox.put(Number(value=value))

    assert numbers(mailbox.take_all()) == [1, 2, 3]
    assert len(mailbox) == 0


def test_full_mailbox_takes_nothing() -> None:
    mailbox = Mailbox(1)
    mailbox.put(Number(value=1))

    with pytest.raises(MailboxFull):
        mailbox.put(Number(value=2))
    assert numbers(mailbox.take_all()) == [1]


def test_own_message_is_taken_even_when_full() -> None:
    mailbox = Mailbox(1)
    mailbox.put_own(Number(value=1))
    mailbox.put_own(Number(value=2))

    assert numbers(mailbox.take_all()) == [1, 2]


def test_message_put_back_comes_first() -> None:
    mailbox = Mailbox(2)
    mailbox.put_back(Number(value=0))
    mailbox.put(Number(value=1))
    mailbox.put_back(Number(value=-1))

    assert numbers(mailbox.take_all()) == [-1, 0, 1]


def test_open_queue_is_live() -> None:
    mailbox = Mailbox(2)
    queue = mailbox.open()
    mailbox.put(Number(value=1))

    assert queue is mailbox.open()
    assert numbers(queue) == [1]


def test_only_an_empty_queue_is_trimmed() -> None:
    mailbox = Mailbox(2)
    mailbox.put(Number(value=1))
    mailbox.trim()
    assert len(mailbox) == 1

    mailbox.open().clear()
    mailbox.trim()
    assert mailbox._queue is None


async def test_statistics_tell_who_waits() -> None:
    mailbox = Mailbox(5)
    mailbox.put(Number(value=1))
    asks = [Ask(Number(value=2), mailbox, TimerWheel()) for _ in range(2)]
    for ask in asks:
        mailbox.put(ask)
    asks[0]._task = None

    assert (mailbox.statistics().depth, mailbox.statistics().waiting_askers) == (3, 1)
    assert mailbox.statistics().depth_max == 5
    assert repr(mailbox) == "<Mailbox 3/5>"
    assert [repr(ask) for ask in asks] == ["<Ask Number settled>", "<Ask Number waiting>"]


def test_mailbox_that_holds_nothing_is_refused() -> None:
    with pytest.raises(AssertionError):
        Mailbox(0)
