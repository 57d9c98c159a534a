"""Who waits for a conversation is woken when the last of its messages is settled."""

from __future__ import annotations

import pytest
import trio
from bountyexpo.persistence.chat.under_way import UnderWay
from trio.testing import wait_all_tasks_blocked


async def test_nothing_under_way_is_not_waited_for() -> None:
    under_way = UnderWay()
    under_way.add("other")

    await under_way.wait("thread")

    assert repr(under_way) == "<UnderWay in 1 conversations>"


async def test_everybody_waits_for_the_last_one() -> None:
    under_way, woken = UnderWay(), []

    async def wait() -> None:
        await under_way.wait("thread")
        woken.append(trio.current_time())

    under_way.add("thread")
    under_way.add("thread")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        under_way.remove("thread")
        await wait_all_tasks_blocked()
        assert woken == []
        under_way.remove("thread")

    assert len(woken) == 2


async def test_one_more_before_the_waiting_task_runs_is_waited_for_too() -> None:
    under_way, woken = UnderWay(), []

    async def wait() -> None:
        await under_way.wait("thread")
        woken.append("thread")

    under_way.add("thread")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        under_way.remove("thread")
        under_way.add("thread")
        await wait_all_tasks_blocked()
        assert woken == []
        under_way.remove("thread")


def test_a_message_is_settled_once() -> None:
    under_way = UnderWay()
    under_way.add("thread")
    under_way.remove("thread")

    with pytest.raises(KeyError):
        under_way.remove("thread")
