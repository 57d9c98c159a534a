"""A pool ends when it owes nothing, and refuses whoever still waits."""

from __future__ import annotations

import pytest
import trio
from bountyexpo.errors import Unavailable
from bountyexpo.runtime import Ask, TimerWheel
from bountyexpo.supervisors._outstanding import Outstanding
from trio.testing import wait_all_tasks_blocked

from tests.unit.supervisors.pool_actors import Add


class Owner:
    """Whose mailbox is asked."""

    def settled_late(self) -> None:
        """Nothing was put off."""


async def test_nothing_owed_is_not_waited_for() -> None:
    await Outstanding(TimerWheel(), lambda: True).wait_for_none()


async def test_jobs_replies_and_busy_actors_are_waited_for() -> None:
    busy, ended = ["actor"], []
    outstanding = Outstanding(TimerWheel(), lambda: not busy)
    outstanding.begin_job()
    outstanding.owe_reply()

    async def wait() -> None:
        await outstanding.wait_for_none()
        ended.append(repr(outstanding))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        for change in (outstanding.end_job, outstanding.settle_reply, outstanding.check):
            change()
            await wait_all_tasks_blocked()
            assert ended == []
        busy.clear()
        outstanding.check()

    assert ended == ["<Outstanding jobs=0 replies=0>"]


async def test_only_askers_of_the_owner_are_refused() -> None:
    wheel = TimerWheel()
    outstanding = Outstanding(wheel, lambda: True)
    one, other = Owner(), Owner()
    refused = []

    async def ask(owner: Owner) -> None:
        with pytest.raises(Unavailable):
            await Ask(Add(), owner, wheel).wait(60)
        refused.append(owner)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, one)
        nursery.start_soon(ask, other)
        await wait_all_tasks_blocked()
        outstanding.refuse_askers(one)
        await wait_all_tasks_blocked()
        assert refused == [one]
        outstanding.refuse_askers(None)

    assert refused == [one, other]
