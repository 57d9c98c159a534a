"""Callers that wait for a session of the pool, served in the order in which they came."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import outcome
import trio

from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.observability import metrics

if TYPE_CHECKING:
    from bountyexpo.persistence.connection import Connection

# Beyond this many waiting callers, more are refused at once.
WAITERS_MAX = 5000


class WaitingLine:
    """The waiting callers, each with the time at which they are refused."""

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: OrderedDict[trio.lowlevel.Task, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiters)

    @property
    def is_full(self) -> bool:
        """Whether nobody else may wait."""
        return len(self._waiters) >= WAITERS_MAX

    async def wait(self, timeout_s: float) -> Connection:
        """Wait to be handed a session.

        Raises:
            DatabaseUnavailable: none came in time, or none can come.
        """
        task = trio.lowlevel.current_task()
        began = trio.current_time()
        self._waiters[task] = began + timeout_s

        def give_up(_: Any) -> trio.lowlevel.Abort:
            del self._waiters[task]
            return trio.lowlevel.Abort.SUCCEEDED

        session: Connection = await trio.lowlevel.wait_task_rescheduled(give_up)
        metrics.DB_POOL_WAIT_MS.observe((trio.current_time() - began) * 1000)
        return session

    def hand_over(self, session: Connection) -> bool:
        """Give a session to who waits longest; tells whether anybody does."""
        if not self._waiters:
            return False
        task, _ = self._waiters.popitem(last=False)
        trio.lowlevel.reschedule(task, outcome.Value(session))
        return True

    def refuse_late(self, now: float) -> None:
        """Refuse those whose time is over."""
        while self._waiters:
            task, deadline = next(iter(self._waiters.items()))
            if deadline > now:
                return
            self._refuse(task)

    def refuse_all(self) -> None:
        """Refuse everybody: there is nothing to wait for."""
        for task in list(self._waiters):
            self._refuse(task)

    def _refuse(self, task: trio.lowlevel.Task) -> None:
        del self._waiters[task]
        trio.lowlevel.reschedule(task, outcome.Error(DatabaseUnavailable()))
