"""The pool of all actors of one kind: activates them on demand, contains their crashes.

The pool is one supervised child. Its nursery holds the drain tasks of the actors at work, the
jobs they spawned, and the one task of the timer wheel; idle actors are plain objects in a dict.
No asker waits for ever: every ask is on the wheel, and a pool that ends refuses all of them.
"""

from __future__ import annotations

import contextvars
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import trio

from bountyexpo.errors import Unavailable
from bountyexpo.observability.logs import get_logger
from bountyexpo.observability.metrics import (
    ACTOR_LIVE,
    ACTOR_MAILBOX_DEPTH,
    ACTOR_MAILBOX_WAIT_MS,
    ACTOR_PUT_ASIDE,
    ACTOR_RESTARTS,
)
from bountyexpo.runtime import ASK_TIMEOUT_S, Ask, Outcome, Ref, TimerWheel
from bountyexpo.supervisors._cell import Cell, CellState
from bountyexpo.supervisors._child_spec import SHUTDOWN_S, ChildSpec, Restart
from bountyexpo.supervisors._node import Node
from bountyexpo.supervisors._outstanding import Outstanding
from bountyexpo.supervisors._pool_timer import PoolTimer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bountyexpo.runtime import Continuation, Message
    from bountyexpo.supervisors._pool_config import PoolConfig

K = TypeVar("K")
R = TypeVar("R")
T = TypeVar("T")

# Looked up once: reading a member of an enum costs as much as queueing a message.
IDLE = CellState.IDLE

# Noting a wait costs a tenth of an ask, so it is done once in so many.
DRAINS_PER_SAMPLE = 16

# How many troubled actors the picture of the tree shows; more would hide the rest of it.
TROUBLED_SHOWN_MAX = 20

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatistics:
    """What a pool holds and has done since it started."""

    kind: str
    live: int
    busy: int
    waiting: tuple[str, ...]
    quarantined: tuple[str, ...]
    queued: int
    jobs: int
    timers: int
    handled: int
    crashes: int


class ActorPool(Generic[K]):
    """All actors of one kind on this node.

    Who finds a mailbox full gets ``MailboxFull``. An unused actor is put away. Asked to stop, the
    pool accepts nothing more, handles what is queued, and ends; whoever still waits when it ends
    gets ``Unavailable``.
    """

    def __init__(self, config: PoolConfig[K]) -> None:
        self.config = config
        self._log_context = contextvars.copy_context()
        self._nursery: trio.Nursery | None = None
        self._reset()
        ACTOR_LIVE.labels(self.kind).set_function(lambda: len(self._cells))
        ACTOR_MAILBOX_DEPTH.labels(self.kind).set_function(self._depth)
        self._waits_ms = ACTOR_MAILBOX_WAIT_MS.labels(self.kind)
        self._drains = -1

    def _reset(self) -> None:
        self._cells: dict[str, Cell[K]] = {}
        # Cells with mail: at work, or waiting for their time.
        self._active: dict[Cell[K], None] = {}
        self._is_accepting = False
        self._stop_requested = trio.Event()
        self.wheel = TimerWheel()
        self.outstanding = Outstanding(self.wheel, self._is_at_rest)
        self.handled = 0
        self.crashes = 0

    def __repr__(self) -> str:
        return f"<ActorPool {self.kind} {self._state()} live={len(self._cells)}>"

    # For everybody.

    @property
    def kind(self) -> str:
        """The kind of the actors."""
        return self.config.kind

    def ref(self, actor_id: str) -> Ref[K]:
        """Return the name of one actor; it need not be active."""
        return Ref(self, actor_id)

    def tell(self, actor_id: str, message: Message[K, Any]) -> None:
        """Queue ``message`` for the actor and go on."""
        cell = self._cells.get(actor_id)
        if cell is None or not self._is_accepting:
            cell = self._admit(actor_id)
        cell.mailbox.put(message)
        if cell.state is IDLE:
            cell.work()

    async def ask(
        self, actor_id: str, message: Message[K, R], timeout_s: float = ASK_TIMEOUT_S
    ) -> R:
        """Queue ``message`` for the actor and wait for its reply."""
        cell = self._cells.get(actor_id)
        if cell is None or not self._is_accepting:
            cell = self._admit(actor_id)
        if cell.state is CellState.QUARANTINED:
            raise Unavailable
        ask = Ask(message, cell, self.wheel)
        cell.mailbox.put(ask)
        if cell.state is IDLE:
            cell.work()
        reply: R = await ask.wait(timeout_s)
        return reply

    def statistics(self) -> PoolStatistics:
        """Return counts of actors, mail and crashes."""
        active = list(self._active)
        return PoolStatistics(
            kind=self.kind,
            live=len(self._cells),
            busy=sum(cell.state is CellState.BUSY for cell in active),
            waiting=tuple(cell.id for cell in active if cell.state is CellState.WAITING),
            quarantined=tuple(cell.id for cell in active if cell.state is CellState.QUARANTINED),
            queued=self._depth(),
            jobs=self.outstanding.jobs,
            timers=len(self.wheel),
            handled=self.handled,
            crashes=self.crashes,
        )

    def tree(self) -> Node:
        """Return the picture of the pool and of the actors in trouble."""
        troubled = [cell for cell in self._active if cell.state is not CellState.BUSY]
        return Node(
            name=self.kind,
            kind="pool",
            state=self._state(),
            restarts=self.crashes,
            mailbox_depth=self._depth(),
            children=tuple(cell.node() for cell in troubled[:TROUBLED_SHOWN_MAX]),
        )

    # For its supervisor.

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until asked to stop, then finish what is queued."""
        assert self._nursery is None, "a pool runs once at a time"
        self._reset()
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self.wheel.run)
                self._is_accepting = True
                task_status.started()
                await self._stop_requested.wait()
                await self._finish_queued()
                nursery.cancel_scope.cancel()
        finally:
            self._close()

    def stop(self) -> None:
        """Accept nothing more, finish what is queued, end."""
        self._is_accepting = False
        self._stop_requested.set()

    def as_child(
        self, *, restart: Restart = Restart.PERMANENT, shutdown_s: float = SHUTDOWN_S
    ) -> ChildSpec:
        """Return the spec that puts this pool under a supervisor."""
        return ChildSpec(
            id=self.kind,
            start=self.run,
            restart=restart,
            shutdown_s=shutdown_s,
            stop=self.stop,
            inspect=self.tree,
        )

    # For its cells.

    @property
    def is_stopping(self) -> bool:
        """Tell whether no new work may be put off."""
        return self._stop_requested.is_set()

    def start(self, cell: Cell[K], body: Callable[[], Awaitable[None]]) -> None:
        """Put a cell to work.

        Raises:
            Unavailable: the pool has failed and is about to end.
        """
        assert self._nursery is not None, "cells work only while their pool runs"
        self._active[cell] = None
        # A task inherits the log context of whoever starts it; the sender's must not stick to
        # an actor that goes on to serve others.
        try:
            self._log_context.run(self._nursery.start_soon, body)
        except RuntimeError:  # the last task has ended, and nobody has noticed yet
            raise Unavailable from None

    def finished(self, cell: Cell[K]) -> None:
        """A cell's task ends; it stays active if it waits for something."""
        if cell.state is CellState.IDLE:
            del self._active[cell]
        self.outstanding.check()

    def forget(self, cell: Cell[K]) -> None:
        """Remove an idle cell; its id may come back at any time."""
        del self._cells[cell.id]

    def wait_begins(self) -> float | None:
        """Return since when a message waits that finds its actor idle, if that is to be noted."""
        self._drains += 1
        return None if self._drains % DRAINS_PER_SAMPLE else trio.current_time()

    def note_wait(self, since: float) -> None:
        """Note how long a message has waited that is handled now."""
        self._waits_ms.observe((trio.current_time() - since) * 1000)

    def count_crash(self) -> None:
        """Count a crash of one of the actors."""
        self.crashes += 1
        ACTOR_RESTARTS.labels(self.kind).inc()

    def count_put_aside(self) -> None:
        """Count a message that is refused from now on, because it crashed an actor too often."""
        ACTOR_PUT_ASIDE.labels(self.kind).inc()

    def tell_own(self, actor_id: str, message: Message[K, Any] | Continuation[K]) -> None:
        """Bring an actor what it set going itself: never refused while the pool runs."""
        cell = self._cells.get(actor_id)
        if cell is None:
            cell = self._cells[actor_id] = Cell(actor_id, self)
        cell.mailbox.put_own(message)
        if cell.state is IDLE:
            cell.work()

    def start_timer(
        self, actor_id: str, seconds: float, message: Message[K, Any] | Continuation[K]
    ) -> PoolTimer[K]:
        """Tell the actor ``message`` in ``seconds``."""
        timer = PoolTimer(self.wheel, self.tell_own, actor_id, message)
        self.wheel.add(timer, seconds)
        return timer

    def start_job(
        self,
        actor_id: str,
        job: Callable[[], Awaitable[T]],
        then: Callable[[Outcome[T]], Continuation[K]],
    ) -> None:
        """Run ``job`` as a task of the pool and let the actor go on with its outcome."""
        assert self._nursery is not None, "jobs run only while their pool runs"
        self.outstanding.begin_job()
        self._nursery.start_soon(self._run_job, actor_id, job, then)

    async def _run_job(
        self,
        actor_id: str,
        job: Callable[[], Awaitable[T]],
        then: Callable[[Outcome[T]], Continuation[K]],
    ) -> None:
        try:
            outcome = Outcome(value=await job())
        except Exception as error:  # noqa: BLE001 - the outcome carries it to the actor
            outcome = Outcome(error=error)
        try:
            self.tell_own(actor_id, then(outcome))
        except Exception:
            log.exception("outcome of a job cannot be told", actor=f"{self.kind}:{actor_id}")
        self.outstanding.end_job()

    def _admit(self, actor_id: str) -> Cell[K]:
        if not self._is_accepting:
            raise Unavailable
        cell = self._cells[actor_id] = Cell(actor_id, self)
        return cell

    async def _finish_queued(self) -> None:
        """Handle all mail, jobs and late replies, then give every actor its ``stopped`` hook."""
        for cell in list(self._active):
            if cell.state is CellState.WAITING:
                self.wheel.discard(cell)
                cell.work()
        await self.outstanding.wait_for_none()
        for cell in list(self._cells.values()):
            if cell.state is CellState.IDLE:
                cell.put_away()
        await self.outstanding.wait_for_none()

    def _is_at_rest(self) -> bool:
        """Tell whether no actor has anything left to do; who is in quarantine is not waited for."""
        return all(cell.state is CellState.QUARANTINED for cell in self._active)

    def _close(self) -> None:
        self._is_accepting = False
        self._nursery = None
        self.outstanding.refuse_askers(None)
        self.wheel.clear()
        self._cells.clear()
        self._active.clear()

    def _depth(self) -> int:
        return sum(len(cell.mailbox) for cell in self._active)

    def _state(self) -> str:
        if self._nursery is None:
            return "stopped"
        return "running" if self._is_accepting else "stopping"
