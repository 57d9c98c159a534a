"""An ask is settled exactly once, by whoever comes first."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from bountyexpo.errors import AskTimeout, Conflict, InternalError
from bountyexpo.runtime import DEFERRED, Ask, Message, Reply, TimerWheel
from trio.testing import wait_all_tasks_blocked


class Question(Message[Any, int], frozen=True, kw_only=True):
    """A question."""


class Asker:
    """A task that waits for one answer."""

    def __init__(self, wheel: TimerWheel) -> None:
        self.wheel = wheel
        self.ask: Ask | None = None
        self.got: object = None
        self.settled_late_count = 0

    def settled_late(self) -> None:
        self.settled_late_count += 1

    async def run(self) -> None:
        self.ask = Ask(Question(), self, self.wheel)
        try:
            self.got = await self.ask.wait(5)
        except (AskTimeout, Conflict, InternalError) as error:
            self.got = type(error)


@pytest.fixture
async def asker(nursery) -> Asker:
    wheel = TimerWheel()
    nursery.start_soon(wheel.run)
    asker = Asker(wheel)
    nursery.start_soon(asker.run)
    await wait_all_tasks_blocked()
    return asker


async def test_first_answer_counts(asker) -> None:
    assert asker.ask.answer(1) is True
    assert asker.ask.answer(2) is False
    assert asker.ask.fail(Conflict()) is False
    await wait_all_tasks_blocked()

    assert asker.got == 1
    assert len(asker.wheel) == 0
    assert asker.settled_late_count == 0


async def test_error_is_raised_in_the_asker(asker) -> None:
    assert asker.ask.fail(Conflict()) is True
    await wait_all_tasks_blocked()

    assert asker.got is Conflict


async def test_deadline_settles_it(asker, autojump_clock) -> None:
    await trio.sleep(6)

    assert asker.got is AskTimeout
    assert asker.ask.answer(1) is False


async def test_deferred_result_leaves_it_open(asker) -> None:
    reply = Reply(asker.ask)
    asker.ask.settle(DEFERRED)
    assert asker.ask.is_waiting

    assert repr(reply) == "<Reply to <Ask Question waiting>>"
    assert reply.fail(Conflict()) is True
    assert reply.send(1) is False
    await wait_all_tasks_blocked()
    assert asker.got is Conflict
    assert asker.settled_late_count == 1


async def test_deferral_that_nobody_took_is_a_fault(asker) -> None:
    asker.ask.settle(DEFERRED)
    await wait_all_tasks_blocked()

    assert asker.got is InternalError
