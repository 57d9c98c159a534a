"""What a pool owes: askers who wait, jobs that run, replies that were put off.

A pool that stops ends in good order when it owes nothing. Every ask is on the wheel while somebody
waits for it, so whoever still waits when the pool ends can be found there and refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from bountyexpo.errors import Unavailable
from bountyexpo.runtime import Ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.runtime import TimerWheel


class Outstanding:
    """The debts of one run of a pool; ``is_at_rest`` says whether its actors have none."""

    __slots__ = ("_is_at_rest", "_nothing", "_wheel", "jobs", "replies")

    def __init__(self, wheel: TimerWheel, is_at_rest: Callable[[], bool]) -> None:
        self._wheel = wheel
        self._is_at_rest = is_at_rest
        self._nothing: trio.Event | None = None
        self.jobs = 0
        # Askers whose answer was put off.
        self.replies = 0

    def __repr__(self) -> str:
        return f"<Outstanding jobs={self.jobs} replies={self.replies}>"

    def begin_job(self) -> None:
        """Count a job that was started."""
        self.jobs += 1

    def end_job(self) -> None:
        """Count a job that has ended, once its outcome is with the actor."""
        self.jobs -= 1
        self.check()

    def owe_reply(self) -> None:
        """Count an answer that was put off."""
        self.replies += 1

    def settle_reply(self) -> None:
        """One of these was given, or nobody waits for it any more."""
        self.replies -= 1
        self.check()

    def refuse_askers(self, owner: object | None) -> None:
        """Tell everybody who waits for ``owner`` (None: for anybody) not to wait."""
        for entry in self._wheel:
            if isinstance(entry, Ask) and (owner is None or entry.owner is owner):
                entry.fail(Unavailable())

    async def wait_for_none(self) -> None:
        """Wait until no job runs, no reply is owed and every actor is at rest."""
        self._nothing = trio.Event()
        self.check()
        await self._nothing.wait()

    def check(self) -> None:
        """Look again, because something has changed; costs nothing while nobody waits."""
        if self._nothing is None or self._nothing.is_set():
            return
        if self.jobs == 0 and self.replies == 0 and self._is_at_rest():
            self._nothing.set()
