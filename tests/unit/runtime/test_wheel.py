"""Timers fire in time and in order, and only those that are still wanted."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
import trio
from bountyexpo.runtime import TimerWheel


class Note:
    """An entry that writes down when it fired."""

    def __init__(self, name: str, log: list[tuple[str, float]], then=None) -> None:
        self.name = name
        self.log = log
        self.due = 0
        self.then = then

    def fire(self) -> None:
        self.log.append((self.name, round(trio.current_time(), 2)))
        if self.then is not None:
            self.then()


@asynccontextmanager
async def turning(wheel: TimerWheel):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wheel.run)
        yield
        nursery.cancel_scope.cancel()


async def test_entries_fire_in_the_order_of_their_time(autojump_clock) -> None:
    log: list[tuple[str, float]] = []
    wheel = TimerWheel()
    async with turning(wheel):
        for name, after_s in (("c", 3), ("a", 1), ("b", 2)):
            wheel.add(Note(name, log), after_s)
        await trio.sleep(5)

    assert log == [("a", 1), ("b", 2), ("c", 3)]


async def test_entries_of_one_moment_fire_in_the_order_they_came(autojump_clock) -> None:
    log: list[tuple[str, float]] = []
    wheel = TimerWheel()
    async with turning(wheel):
        for name in "abcdef":
            wheel.add(Note(name, log), 1)
        await trio.sleep(2)

    assert "".join(name for name, _ in log) == "abcdef"


async def test_entry_never_fires_early(autojump_clock) -> None:
    log: list[tuple[str, float]] = []
    wheel = TimerWheel()
    async with turning(wheel):
        await trio.sleep(0.0031)
        wheel.add(Note("a", log), 1)
        await trio.sleep(0.9999)
        assert log == []
        await trio.sleep(0.0101)
        assert len(log) == 1


async def test_earlier_entry_wakes_the_wheel(autojump_clock) -> None:
    log: list[tuple[str, float]] = []
    wheel = TimerWheel()
    async with turning(wheel):
        wheel.add(Note("late", log), 100)
        await trio.sleep(1)
        wheel.add(Note("early", log), 1)
        await trio.sleep(2)

    assert log == [("early", 2)]


async def test_discarded_entry_does_not_fire(autojump_clock) -> None:
    log: list[tuple[str, float]] = []
    wheel = TimerWheel()
    async with turning(wheel):
        note = Note("a", log)
        wheel.add(note, 1)
        wheel.discard(note)
        wheel.discard(note)
        await trio.sleep(2)

    assert log == []
    assert note.due == 0


async def test_entry_may_take_another_off_the_wheel(autojump_clock) -> None:
    log: list[tuple[str, float]] = []
    wheel = TimerWheel()
    async with turning(wheel):
        second = Note("b", log)
        wheel.add(Note("a", log, then=lambda: wheel.discard(second)), 1)
        wheel.add(second, 1)
        await trio.sleep(2)

    assert log == [("a", 1)]


async def test_entry_may_put_itself_back(autojump_clock) -> None:
    log: list[tuple[str, float]] = []
    wheel = TimerWheel()
    async with turning(wheel):
        note = Note("a", log)
        note.then = lambda: wheel.add(note, 1)
        wheel.add(note, 1)
        await trio.sleep(3.5)

    assert log == [("a", 1), ("a", 2), ("a", 3)]


@pytest.mark.parametrize("after_s", [0.07, 0.14, 0.28, 0.29, 0.55, 0.56, 0.57, 0.58, 1.1])
async def test_entry_fires_though_its_time_is_not_exact_in_binary(autojump_clock, after_s) -> None:
    log: list[tuple[str, float]] = []
    wheel = TimerWheel()
    async with turning(wheel):
        wheel.add(Note("a", log), after_s)
        await trio.sleep(2)

    assert log == [("a", pytest.approx(after_s, abs=0.011))]


async def test_entry_that_is_due_again_at_once_does_not_hold_the_loop(autojump_clock) -> None:
    log: list[tuple[str, float]] = []
    wheel = TimerWheel()
    async with turning(wheel):
        note = Note("a", log)
        note.then = lambda: wheel.add(note, 0)
        wheel.add(note, 0)
        await trio.sleep(1.005)

    assert len(log) == 101


async def test_past_is_due_at_once(autojump_clock) -> None:
    log: list[tuple[str, float]] = []
    wheel = TimerWheel()
    async with turning(wheel):
        await trio.sleep(5)
        wheel.add(Note("a", log), -1)
        await trio.testing.wait_all_tasks_blocked()

    assert log == [("a", 5)]


async def test_wheel_knows_what_waits(autojump_clock) -> None:
    wheel = TimerWheel()
    first, second = Note("a", []), Note("b", [])
    wheel.add(second, 2)
    wheel.add(first, 1)

    assert list(wheel) == [first, second]
    assert repr(wheel) == "<TimerWheel waiting=2>"
    wheel.clear()
    assert len(wheel) == 0
