"""A supervisor keeps its children running, and gives up in good order when it cannot.

Theory. One task owns the children: it sleeps until a child ends or a retry is due, then applies
the strategy. Children run in the supervisor's nursery but each inside a shielded scope, so that a
cancellation from outside does not tear them all down at once: it only wakes the supervisor, which
then stops them in reverse order, each within its own deadline.

The rules are OTP's, with these differences:

- A child's normal end is its start function returning; an exception is an abnormal end.
- When a restart fails to start, the next try waits for a backoff; OTP tries again at once. Every
  try counts against the window.
- Giving up is a failure (``SupervisorFailed``), so a transient supervisor that gave up is
  restarted by its parent; OTP's ``shutdown`` reason would pass for a normal end.
- Nothing can kill a task that shields itself: after ``shutdown_s`` a child is cancelled and
  waited for.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from bountyexpo.observability.logs import get_logger
from bountyexpo.observability.metrics import SUPERVISOR_RESTARTS
from bountyexpo.supervisors._backoff import Backoff
from bountyexpo.supervisors._child import Child, ChildState, Life
from bountyexpo.supervisors._child_spec import AutoShutdown, ChildSpec, Restart, Strategy
from bountyexpo.supervisors._errors import ChildRefused, SupervisorFailed
from bountyexpo.supervisors._node import Node, describe
from bountyexpo.supervisors._restart_window import add_restart

if TYPE_CHECKING:
    from collections.abc import Sequence

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ChildCounts:
    """How many children a supervisor has, by kind."""

    specs: int
    active: int
    supervisors: int
    workers: int


@dataclass(frozen=True, slots=True)
class SupervisorStatistics:
    """What a supervisor has been through since it started."""

    children: ChildCounts
    restarts: int
    recent_restarts: int


class Supervisor:
    """Starts children in order, restarts them by the strategy, stops them in reverse order.

    More than ``intensity`` restarts within ``period_s`` make it stop its children and raise
    ``SupervisorFailed`` out of ``run``, where its own supervisor takes over.
    """

    def __init__(
        self,
        name: str,
        children: Sequence[ChildSpec] = (),
        *,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        intensity: int = 3,
        period_s: float = 5.0,
        backoff: Backoff | None = None,
        auto_shutdown: AutoShutdown = AutoShutdown.NEVER,
    ) -> None:
        if intensity < 0 or period_s <= 0:
            raise ValueError(f"supervisor {name!r}: needs intensity >= 0 and period_s > 0")
        self.name = name
        self.strategy = strategy
        self.intensity = intensity
        self.period_s = period_s
        self.auto_shutdown = auto_shutdown
        self._backoff = backoff or Backoff()
        self._specs = tuple(children)
        for index, spec in enumerate(self._specs):
            if any(spec.id == other.id for other in self._specs[:index]):
                raise ValueError(f"supervisor {name!r}: two children are called {spec.id!r}")
            self._check_significance(spec)
        self._reset()

    def _reset(self) -> None:
        self._children = [Child(spec, self._on_exit) for spec in self._specs]
        self._restarts: tuple[float, ...] = ()
        self._exits: deque[tuple[Child, Life]] = deque()
        self._woken = trio.Event()
        self._lock = trio.Lock()
        self._scope = trio.CancelScope()
        self._nursery: trio.Nursery | None = None
        self._failure: SupervisorFailed | None = None
        self._is_finished = False

    def __repr__(self) -> str:
        counts = self.count_children()
        state = "running" if self._nursery is not None else "stopped"
        return f"<Supervisor {self.name} {self.strategy.value} {state} {counts.active} active>"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run the children until asked to stop, cancelled, or beaten.

        Raises:
            SupervisorFailed: a child did not start, or was restarted too often.
        """
        self._reset()
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                with self._scope:
                    await self._boot(nursery)
                    if self._failure is None:
                        task_status.started()
                    await self._supervise(nursery)
            finally:
                # From here on nothing may be started. No deadline: every child below has one.
                self._nursery = None
                with trio.CancelScope(shield=True):
                    await self._stop_children()
        if self._failure is not None:
            raise self._failure from self._failure.last_error

    def stop(self) -> None:
        """Ask the supervisor to stop its children in reverse order and to end."""
        self._scope.cancel()

    def as_child(
        self, *, restart: Restart = Restart.PERMANENT, significant: bool = False
    ) -> ChildSpec:
        """Return the spec that puts this supervisor under another one."""
        return ChildSpec(
            id=self.name,
            start=self.run,
            restart=restart,
            shutdown_s=None,
            kind="supervisor",
            significant=significant,
            stop=self.stop,
            inspect=self.tree,
        )

    async def start_child(self, spec: ChildSpec) -> None:
        """Add a child and start it.

        Raises:
            ChildRefused: the id is taken, or the child failed to start and was not added.
        """
        async with self._lock:
            nursery = self._running_nursery()
            if self._find(spec.id) is not None:
                raise ChildRefused(f"{self.name}: {spec.id!r} is there already")
            self._check_significance(spec)
            child = Child(spec, self._on_exit)
            self._children.append(child)
            if not await child.start(nursery):
                self._children.remove(child)
                raise ChildRefused(f"{self.name}: {spec.id!r} did not start") from child.last_error

    async def terminate_child(self, child_id: str) -> None:
        """Stop a child; its spec stays, unless it is temporary."""
        async with self._lock:
            child = self._get(child_id)
            with trio.CancelScope(shield=True):  # the child has a deadline of its own
                await child.stop()
            if child.spec.restart is Restart.TEMPORARY:
                self._children.remove(child)

    async def restart_child(self, child_id: str) -> None:
        """Start a child that does not run.

        Raises:
            ChildRefused: it runs, or waits for a retry, or failed to start.
        """
        async with self._lock:
            nursery = self._running_nursery()
            child = self._get(child_id)
            if child.state is not ChildState.STOPPED:
                raise ChildRefused(f"{self.name}: {child_id!r} is {child.state.value}")
            if not await child.start(nursery):
                raise ChildRefused(f"{self.name}: {child_id!r} did not start") from child.last_error

    async def delete_child(self, child_id: str) -> None:
        """Forget the spec of a child that does not run."""
        async with self._lock:
            child = self._get(child_id)
            if child.state is not ChildState.STOPPED:
                raise ChildRefused(f"{self.name}: {child_id!r} is {child.state.value}")
            self._children.remove(child)

    def which_children(self) -> tuple[Node, ...]:
        """Return the children in start order."""
        return tuple(child.node() for child in self._children)

    def count_children(self) -> ChildCounts:
        """Return how many children there are."""
        kinds = Counter(child.spec.kind for child in self._children)
        active = sum(child.is_active for child in self._children)
        return ChildCounts(len(self._children), active, kinds["supervisor"], kinds["worker"])

    def statistics(self) -> SupervisorStatistics:
        """Return counts of children and restarts."""
        since = trio.current_time() - self.period_s
        return SupervisorStatistics(
            children=self.count_children(),
            restarts=sum(child.restarts for child in self._children),
            recent_restarts=sum(moment >= since for moment in self._restarts),
        )

    def tree(self) -> Node:
        """Return the picture of this supervisor and all below it."""
        errors = [child.last_error for child in self._children if child.last_error is not None]
        return Node(
            name=self.name,
            kind=f"supervisor {self.strategy.value}",
            state="running" if self._nursery is not None else "stopped",
            restarts=sum(child.restarts for child in self._children),
            last_error=describe(self._failure or (errors[-1] if errors else None)),
            children=self.which_children(),
        )

    async def _boot(self, nursery: trio.Nursery) -> None:
        for child in self._children:
            if not await child.start(nursery):
                self._failure = SupervisorFailed(self.name, child.id, child.last_error)
                return

    async def _supervise(self, nursery: trio.Nursery) -> None:
        while self._failure is None and not self._is_finished:
            await self._wait_for_work()
            async with self._lock:
                await self._work(nursery)

    async def _wait_for_work(self) -> None:
        while not self._exits:
            self._woken = trio.Event()
            next_retry_at = min((child.retry_at for child in self._children), default=math.inf)
            with trio.move_on_at(next_retry_at):
                await self._woken.wait()
            if trio.current_time() >= next_retry_at:
                return

    async def _work(self, nursery: trio.Nursery) -> None:
        if self._exits:
            child, life = self._exits.popleft()
            # A child that was stopped or replaced in the meantime needs nothing.
            if child.life is life and child.state is ChildState.RUNNING:
                await self._handle_exit(child, life, nursery)
            return
        now = trio.current_time()
        due = [child for child in self._children if child.retry_at <= now]
        if due:
            await self._restart(min(due, key=lambda child: child.retry_at), nursery)

    async def _handle_exit(self, child: Child, life: Life, nursery: trio.Nursery) -> None:
        child.state = ChildState.STOPPED
        if life.error is not None:
            log.error("child failed", child=child.id, supervisor=self.name, exc_info=life.error)
        restart = child.spec.restart
        if restart is Restart.PERMANENT or (
            restart is Restart.TRANSIENT and life.error is not None
        ):
            await self._restart(child, nursery)
            return
        if restart is Restart.TEMPORARY:
            self._children.remove(child)
        self._check_auto_shutdown(child)

    def _check_auto_shutdown(self, ended: Child) -> None:
        if not ended.spec.significant:
            return
        others = any(child.spec.significant and child.is_active for child in self._children)
        self._is_finished = self.auto_shutdown is AutoShutdown.ANY_SIGNIFICANT or not others

    async def _restart(self, child: Child, nursery: trio.Nursery) -> None:
        """Restart ``child`` and whom the strategy says, or give up."""
        self._restarts, is_allowed = add_restart(
            self._restarts,
            trio.current_time(),
            intensity=self.intensity,
            period_s=self.period_s,
        )
        if not is_allowed:
            self._failure = SupervisorFailed(self.name, child.id, child.last_error)
            log.error("supervisor gives up", supervisor=self.name, child=child.id)
            return
        child.restarts += 1
        SUPERVISOR_RESTARTS.labels(child.id).inc()
        failed = await self._restart_group(self._group_of(child), nursery)
        if failed is not None:
            failed.retry_in(self._backoff.delay_s(failed.attempts + 1))

    def _group_of(self, child: Child) -> list[Child]:
        if self.strategy is Strategy.ONE_FOR_ONE:
            return [child]
        if self.strategy is Strategy.ONE_FOR_ALL:
            return list(self._children)
        return self._children[self._children.index(child) :]

    async def _restart_group(self, group: list[Child], nursery: trio.Nursery) -> Child | None:
        """Stop ``group`` in reverse order and start it in order; return who failed to start."""
        for child in reversed(group):
            await child.stop()
            if child.spec.restart is Restart.TEMPORARY:
                self._children.remove(child)
        for child in group:
            if child.spec.restart is not Restart.TEMPORARY and not await child.start(nursery):
                return child
        return None

    async def _stop_children(self) -> None:
        for child in list(reversed(self._children)):
            await child.stop()

    def _on_exit(self, child: Child, life: Life) -> None:
        self._exits.append((child, life))
        self._woken.set()

    def _running_nursery(self) -> trio.Nursery:
        if self._nursery is None:
            raise ChildRefused(f"{self.name} is not running")
        return self._nursery

    def _find(self, child_id: str) -> Child | None:
        return next((child for child in self._children if child.id == child_id), None)

    def _get(self, child_id: str) -> Child:
        child = self._find(child_id)
        if child is None:
            raise ChildRefused(f"{self.name}: no child {child_id!r}")
        return child

    def _check_significance(self, spec: ChildSpec) -> None:
        if spec.significant and self.auto_shutdown is AutoShutdown.NEVER:
            raise ValueError(f"supervisor {self.name!r}: never shuts down for {spec.id!r}")
