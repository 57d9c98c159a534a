"""Children on strings, for the tests of what a supervisor does with them."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager

import trio
from bountyexpo.supervisors import Backoff, ChildSpec, Restart, Supervisor, SupervisorFailed
from trio.testing import wait_all_tasks_blocked

PERMANENT, TRANSIENT, TEMPORARY = Restart
NO_JITTER = Backoff(first_s=1, factor=2, max_s=60, jitter=0)


class Boom(Exception):
    """A child's fault."""


class Stage:
    """Children on strings: told when to end and how, and logged when they start and stop."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.strings: dict[str, trio.Event] = {}
        self.faults: dict[str, Exception | None] = {}
        self.bad_starts: Counter[str] = Counter()
        self.failure: SupervisorFailed | None = None
        self.is_over = False

    def spec(self, child_id: str, restart: Restart = PERMANENT, **options) -> ChildSpec:
        async def start(*, task_status) -> None:
            if self.bad_starts[child_id]:
                self.bad_starts[child_id] -= 1
                self.log.append(f"!{child_id}")
                raise Boom(f"{child_id} cannot start")
            self.log.append(f"+{child_id}")
            string = self.strings[child_id] = trio.Event()
            task_status.started()
            try:
                await string.wait()
            finally:
                self.log.append(f"-{child_id}")
            if (fault := self.faults.pop(child_id, None)) is not None:
                raise fault

        return ChildSpec(child_id, start, restart, **options)

    def specs(self, ids: str, restart: Restart = PERMANENT) -> list[ChildSpec]:
        return [self.spec(child_id, restart) for child_id in ids]

    async def exit(self, child_id: str) -> str:
        """End a child normally; return what happened thereupon."""
        self.log.clear()
        self.strings[child_id].set()
        await wait_all_tasks_blocked()
        return " ".join(self.log)

    async def crash(self, child_id: str) -> str:
        """End a child with an error; return what happened thereupon."""
        self.faults[child_id] = Boom(child_id)
        return await self.exit(child_id)

    async def seen(self) -> str:
        """Return what happened since last asked."""
        await wait_all_tasks_blocked()
        seen = " ".join(self.log)
        self.log.clear()
        return seen

    async def _run(self, supervisor: Supervisor, *, task_status) -> None:
        try:
            await supervisor.run(task_status=task_status)
        except SupervisorFailed as failure:
            self.failure = failure
        self.is_over = True

    @asynccontextmanager
    async def running(self, supervisor: Supervisor):
        async with trio.open_nursery() as nursery:
            await nursery.start(self._run, supervisor)
            self.log.clear()
            yield supervisor
            nursery.cancel_scope.cancel()


def names(supervisor: Supervisor) -> str:
    return " ".join(node.name for node in supervisor.which_children())
