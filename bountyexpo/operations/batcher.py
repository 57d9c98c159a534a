"""Questions in batches: whoever waits while one statement runs is served by the next one together.

There is no task for it. The first who comes runs the statement for all who wait, hands out the
answers, and passes the turn to the first of those who came meanwhile. One that is cancelled passes
it on as well, and those it worked for are simply asked for again.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import outcome
import trio

from bountyexpo.errors import BountyExpoError, NotStorable

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries

Q = TypeVar("Q")
A = TypeVar("A")

AnswerAll: TypeAlias = Callable[[list[Q]], Awaitable[list[A]]]

# Questions of one statement: enough to make its price per head small, few enough to stay short.
BATCH_MAX = 128

# Statements at one time; the pool has others to serve.
STATEMENTS_MAX = 2


class _Waiter(Generic[Q, A]):
    """One who waits for an answer, or for the turn to run a statement."""

    __slots__ = ("is_gone", "question", "result", "turn")

    def __init__(self, question: Q) -> None:
        self.question = question
        self.turn = trio.Event()
        self.result: outcome.Outcome[A] | None = None
        self.is_gone = False


class Batcher(Generic[Q, A]):
    """Answers questions of one kind in batches; a lone one is answered at once.

    ``answer_all`` returns an answer per question, in their order. Questions whose ``size_of`` is
    more than ``size_max`` together are not asked in one statement.

    Unbounded by itself: who waits here is a request or a socket, and the edge bounds those.
    """

    def __init__(
        self,
        answer_all: AnswerAll[Q, A],
        *,
        size_of: Callable[[Q], int] = lambda _question: 1,
        size_max: int = BATCH_MAX,
    ) -> None:
        self._answer_all = answer_all
        self._size_of = size_of
        self._size_max = size_max
        self._waiting: dict[int, _Waiter[Q, A]] = {}
        self._running = 0

    async def ask(self, question: Q) -> A:
        """Return the answer; whatever the statement raises, everybody in it raises."""
        waiter: _Waiter[Q, A] = _Waiter(question)
        self._waiting[id(waiter)] = waiter
        is_running = self._running < STATEMENTS_MAX
        self._running += is_running
        try:
            if not is_running:
                await waiter.turn.wait()
            if waiter.result is None:
                is_running = True
                await self._run(waiter)
        finally:
            waiter.is_gone = True
            self._waiting.pop(id(waiter), None)
            # The turn may have come to somebody who was cancelled at the same moment.
            if is_running or (waiter.turn.is_set() and waiter.result is None):
                self._pass_on()
        assert waiter.result is not None
        return waiter.result.unwrap()

    async def _run(self, first: _Waiter[Q, A]) -> None:
        batch = self._next_batch(first)
        try:
            await self._answer(batch)
        finally:
            for each in batch:
                if each.result is not None:
                    each.turn.set()
                elif not each.is_gone and each is not first:
                    self._waiting[id(each)] = each

    def _next_batch(self, first: _Waiter[Q, A]) -> list[_Waiter[Q, A]]:
        batch, size = [first], self._size_of(first.question)
        for each in self._waiting.values():
            # Who was woken and does not run yet is the first of a batch of their own.
            if each is first or each.turn.is_set():
                continue
            size += self._size_of(each.question)
            if size > self._size_max or len(batch) >= BATCH_MAX:
                break
            batch.append(each)
        for each in batch:
            self._waiting.pop(id(each), None)
        return batch

    async def _answer(self, batch: list[_Waiter[Q, A]]) -> None:
        try:
            answers = await self._answer_all([each.question for each in batch])
        except NotStorable as failure:
            # One question holds what the database does not take: look for it by halves.
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._answer(batch[:middle])
                await self._answer(batch[middle:])
            else:
                batch[0].result = outcome.Error(failure)
        except Exception as failure:  # noqa: BLE001 - each one who asked raises it
            for each in batch:
                # One of their own for each: raising the same one everywhere ties them all together.
                is_ours = isinstance(failure, BountyExpoError)
                each.result = outcome.Error(copy.copy(failure) if is_ours else failure)
        else:
            for each, answer in zip(batch, answers, strict=True):
                each.result = outcome.Value(answer)

    def _pass_on(self) -> None:
        """Wake the next in line, or have one statement less running."""
        for each in self._waiting.values():
            if not each.turn.is_set():
                each.turn.set()
                return
        self._running -= 1


class BatchedReads:
    """A batcher for each reader of rows, made when it is first asked.

    A reader is a function of a SQL module that returns a row per key, in their order; so there are
    as many as the program has, and no more.
    """

    def __init__(self, db: Queries) -> None:
        self._db = db
        self._batchers: dict[Any, Batcher[Any, Any]] = {}

    async def ask(self, read_all: Callable[[Queries, list[Q]], Awaitable[list[A]]], key: Q) -> A:
        """Return what ``read_all`` returns for ``key``, read together with others."""
        batcher = self._batchers.get(read_all)
        if batcher is None:
            batcher = self._batchers[read_all] = Batcher(partial(read_all, self._db))
        answer: A = await batcher.ask(key)
        return answer
