"""Questions wait while a statement runs, and nobody who waits is left behind."""

from __future__ import annotations

import random

import pytest
import trio
from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.operations.batcher import BATCH_MAX, BatchedReads, Batcher
from trio.testing import wait_all_tasks_blocked


class Database:
    """Answers with the double of a number; a statement takes a second."""

    def __init__(self):
        self.statements = []
        self.fails = False

    async def answer_all(self, numbers):
        self.statements.append(numbers)
        await trio.sleep(1)
        if self.fails:
            raise DatabaseUnavailable
        return [2 * number for number in numbers]


@pytest.fixture
def database():
    return Database()


async def test_one_alone_is_served_at_once(autojump_clock, database):
    assert await Batcher(database.answer_all).ask(21) == 42
    assert trio.current_time() == pytest.approx(1, abs=0.1)


async def test_who_waits_is_served_together(autojump_clock, database):
    batcher, answers = Batcher(database.answer_all), {}

    async def ask(number):
        answers[number] = await batcher.ask(number)

    started = trio.current_time()
    async with trio.open_nursery() as nursery:
        for number in range(200):
            nursery.start_soon(ask, number)

    assert answers == {number: 2 * number for number in range(200)}
    assert trio.current_time() - started < 3.5
    assert max(map(len, database.statements)) <= BATCH_MAX
    assert batcher._running == 0
    assert not batcher._waiting


async def test_large_questions_share_no_statement(autojump_clock, database):
    batcher = Batcher(database.answer_all, size_of=lambda number: number, size_max=10)

    async with trio.open_nursery() as nursery:
        for number in (9, 9, *[4] * 3, 50, *[1] * 10):
            nursery.start_soon(batcher.ask, number)
            # Who comes first is asked first; trio runs tasks in an order of its own.
            await wait_all_tasks_blocked()

    asked = sorted(database.statements, key=sum)
    assert asked == [[4], [4, 4], [9], [9], [1] * 10, [50]]


@pytest.mark.parametrize("seed", range(20))
async def test_questions_of_any_order_share_no_large_statement(autojump_clock, database, seed):
    batcher = Batcher(database.answer_all, size_of=lambda number: number, size_max=10)
    numbers = [9, 9, *[4] * 3, 50, *[1] * 10]
    random.Random(seed).shuffle(numbers)

    async with trio.open_nursery() as nursery:
        for number in numbers:
            nursery.start_soon(batcher.ask, number)
            await wait_all_tasks_blocked()

    asked = [number for statement in database.statements for number in statement]
    assert sorted(asked) == sorted(numbers)
    assert all(sum(each) <= 10 or len(each) == 1 for each in database.statements)
    assert len(database.statements) < 12


async def test_a_failure_reaches_everybody_who_waited(autojump_clock, database):
    database.fails = True
    batcher, failures = Batcher(database.answer_all), []

    async def ask(number):
        try:
            await batcher.ask(number)
        except DatabaseUnavailable:
            failures.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(ask, number)

    assert len(failures) == 20
    assert batcher._running == 0


@pytest.mark.parametrize("seed", range(20))
async def test_whoever_gives_up_leaves_the_rest_served(autojump_clock, database, seed):
    chance = random.Random(seed)
    batcher, served = Batcher(database.answer_all, size_max=3), set()

    async def ask(number, comes_s, stays_s):
        await trio.sleep(comes_s)
        with trio.move_on_after(stays_s):
            await batcher.ask(number)
            served.add(number)

    patient = set(range(0, 30, 3))
    async with trio.open_nursery() as nursery:
        for number in range(30):
            stays_s = 1000 if number in patient else chance.uniform(0, 4)
            nursery.start_soon(ask, number, chance.uniform(0, 6), stays_s)

    assert patient <= served
    assert batcher._running == 0
    assert not batcher._waiting


async def test_each_reader_has_a_batcher_of_its_own(autojump_clock):
    statements = []

    async def double_all(db, numbers):
        statements.append((db, sorted(numbers)))
        await trio.sleep(1)
        return [2 * number for number in numbers]

    async def name_all(db, numbers):
        statements.append((db, numbers))
        return [f"{number}" for number in numbers]

    batched = BatchedReads("db")
    answers = []

    async def ask(number):
        answers.append(await batched.ask(double_all, number))

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(ask, number)
    assert await batched.ask(name_all, 7) == "7"

    assert sorted(answers) == [0, 2, 4, 6, 8]
    assert max(len(numbers) for _, numbers in statements) > 1
    assert statements[-1] == ("db", [7])
