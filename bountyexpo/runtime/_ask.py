"""A question under way: who waits for the answer, and until when.

The asker's task sleeps and the ``Ask`` itself waits on the wheel for its deadline. Whoever comes
first settles it: the reply, the deadline, the cancelled asker, or the pool that stops. Every ask
is on the wheel while somebody waits for it, so the wheel is also the list of waiting askers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import outcome
import trio

from bountyexpo.errors import AskTimeout, InternalError
from bountyexpo.runtime._message import DEFERRED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextvars import Context

    from bountyexpo.runtime._message import Message
    from bountyexpo.runtime._wheel import TimerWheel


class Owner(Protocol):
    """Whose mailbox the question went to."""

    def settled_late(self) -> None:
        """A question whose answer was put off needs none any more."""
        ...


class Ask:
    """The envelope of one asked message; settled exactly once."""

    __slots__ = ("_task", "_wheel", "due", "is_deferred", "message", "owner")

    def __init__(self, message: Message[Any, Any], owner: Owner, wheel: TimerWheel) -> None:
        self.message = message
        self.owner = owner
        self.is_deferred = False
        self.due = 0
        self._wheel = wheel
        self._task: trio.lowlevel.Task | None = trio.lowlevel.current_task()

    def __repr__(self) -> str:
        state = "waiting" if self._task is not None else "settled"
        return f"<Ask {type(self.message).__name__} {state}>"

    @property
    def is_waiting(self) -> bool:
        """Tell whether somebody still wants the answer."""
        return self._task is not None

    def wait(self, timeout_s: float) -> Awaitable[Any]:
        """Sleep until settled; a cancelled asker just leaves."""
        self._wheel.add(self, timeout_s)
        # Handed over, not awaited: one frame less to resume at every answer.
        return trio.lowlevel.wait_task_rescheduled(self._leave)  # noqa: ASYNC105

    @property
    def origin(self) -> Context | None:
        """The context variables of the asker, for the log lines of whoever answers."""
        return self._task.context if self._task is not None else None

    def answer(self, value: object) -> bool:
        """Give the asker ``value``; False when nobody waits any more."""
        task = self._task
        if task is None:
            return False
        self._end()
        trio.lowlevel.reschedule(task, outcome.Value(value))
        return True

    def fail(self, error: Exception) -> bool:
        """Raise ``error`` in the asker; False when nobody waits any more."""
        task = self._task
        if task is None:
            return False
        self._end()
        trio.lowlevel.reschedule(task, outcome.Error(error))
        return True

    def settle(self, result: object) -> None:
        """Pass on what the handler returned."""
        if result is not DEFERRED:
            self.answer(result)
        elif not self.is_deferred:
            self.fail(InternalError("The reply was put off but nobody took it."))

    def fire(self) -> None:
        """The deadline has come."""
        self.fail(AskTimeout())

    def _leave(self, _raise_cancel: Callable[[], Any]) -> trio.lowlevel.Abort:
        self._end()
        return trio.lowlevel.Abort.SUCCEEDED

    def _end(self) -> None:
        self._task = None
        self._wheel.discard(self)
        if self.is_deferred:
            self.owner.settled_late()


class Reply:
    """The right to answer one ask later; the first answer counts.

    Keep it in the actor's state, or carry it in the outcome message of ``context.spawn``. For a
    message that was told, nobody listens and both methods return False.
    """

    __slots__ = ("_ask",)

    def __init__(self, ask: Ask | None) -> None:
        self._ask = ask
        if ask is not None:
            ask.is_deferred = True

    def __repr__(self) -> str:
        return f"<Reply to {self._ask!r}>"

    def send(self, value: object) -> bool:
        """Answer; False when nobody waits any more."""
        return self._ask is not None and self._ask.answer(value)

    def fail(self, error: Exception) -> bool:
        """Refuse; False when nobody waits any more."""
        return self._ask is not None and self._ask.fail(error)
